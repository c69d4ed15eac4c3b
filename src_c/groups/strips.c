/* strips.c: columns that lie apart, in no order, or not as the kernels take them: some at a time are copied as rows, a cache
 * line each, and are a call of their own. */
#include <stdint.h>
#include <stdlib.h>

#include "dispatch/numbers.h"
#include "groups/groups.h"
#include "memory/turn.h"
#include "threads/threads.h"

/* Positions that are copied at a time: the lines they are in, and their rows, stay in L1. */
#define POSITIONS 128

typedef struct {
    cn_matrix to, from; /* rows of both are columns */
    ptrdiff_t columns, positions, size;
} strip_copy;

ptrdiff_t cn_size_of_x(const cn_group_job *job)
{
    return job->call->moments.x ? cn_number_size(job->call->moments.x) : job->x_is->size;
}

int cn_has_strips(const cn_group_job *job)
{
    return job->apart && (job->groups->labels.at || job->k != job->x_is || job->call->moments.x);
}

cn_call cn_strip_of(const cn_group_job *job, ptrdiff_t i, const char *x)
{
    const cn_group_tile tile = cn_locate_group_tile(job, i);
    cn_call one = *job->call;
    one.ndim = 2, one.shape[0] = job->along.n, one.shape[1] = tile.n;
    for (int o = 0; o < CN_NOPERANDS; o++) {
        if (one.op[o].data && o != CN_STAT) one.op[o].data += tile.offset[o];
        one.op[o].strides[0] = job->along.stride[o], one.op[o].strides[1] = job->columns.stride[o];
    }
    one.op[CN_X].data = (char *)(uintptr_t)x;
    one.op[CN_X].strides[0] = tile.n * cn_size_of_x(job), one.op[CN_X].strides[1] = cn_size_of_x(job);
    return one;
}

static void copy_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const strip_copy *c = context;
    (void)thread;
    for (ptrdiff_t i = begin; i < end; i++) {
        const ptrdiff_t first = i * POSITIONS, rest = c->positions - first;
        cn_turn(cn_matrix_at(c->to, 0, first), cn_matrix_at(c->from, 0, first), c->columns,
                rest < POSITIONS ? rest : POSITIONS, c->size);
    }
}

static void copy_strip(const cn_group_job *job, const cn_group_tile *tile, char *to)
{
    const ptrdiff_t size = cn_size_of_x(job), n = job->along.n;
    strip_copy c = {.columns = tile->n, .positions = n, .size = size};
    c.to = (cn_matrix){to, size, tile->n * size};
    c.from.data = job->call->op[CN_X].data + tile->offset[CN_X];
    c.from.row = job->columns.stride[CN_X], c.from.col = job->along.stride[CN_X];
    cn_parallel((n + POSITIONS - 1) / POSITIONS, job->threads, copy_task, &c);
}

cn_status cn_read_strips(const cn_group_job *job)
{
    char *x = malloc((size_t)(job->along.n * job->width * cn_size_of_x(job)) + 1);
    cn_groups groups = *job->groups;
    cn_status status = x ? CN_OK : CN_NO_MEMORY;
    groups.axis = 0;
    for (ptrdiff_t i = 0; i < job->tiles && status == CN_OK; i++) {
        const cn_group_tile tile = cn_locate_group_tile(job, i);
        const cn_call one = cn_strip_of(job, i, x);
        copy_strip(job, &tile, x);
        status = cn_read_groups(&one, &groups, job->params, tile.offset[CN_STAT], job->sorted);
    }
    free(x);
    return status;
}
