/* job.c: how a call falls into bundles, blocks and segments, and what is decided for all of them at once. */
#include "job/job.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch/cpu.h"

/* A block of apply costs 60 ns beside its elements. */
#define APPLIED 16384

void *cn_job_alloc(cn_job *job, size_t bytes)
{
    bytes = (bytes + CN_LINE - 1) / CN_LINE * CN_LINE;
    if (bytes > CN_JOB_MEMORY - job->memory_used) {
        char *memory = malloc(bytes + CN_LINE);
        if (!memory) return NULL;
        char *line = memory + CN_LINE - (uintptr_t)memory % CN_LINE;
        memcpy(line - sizeof memory, &memory, sizeof memory);
        return line;
    }
    job->memory_used += bytes;
    return job->memory + job->memory_used - bytes;
}

void cn_job_free(const cn_job *job, void *memory)
{
    if (!memory || (size_t)((uintptr_t)memory - (uintptr_t)job->memory) < CN_JOB_MEMORY) return;
    char *whole;
    memcpy(&whole, (char *)memory - sizeof whole, sizeof whole);
    free(whole);
}

ptrdiff_t cn_joined_rows_of(ptrdiff_t n)
{
    if (n > CN_NARROW) return 1;
    ptrdiff_t step = 16 / (n % 16 ? n & -n : 16), wide = step * n;
    return wide > CN_MAX_GROUPS ? 1 : wide > CN_JOINED_ROW ? step : CN_JOINED_ROW / wide * step;
}

void cn_locate_bundle(const cn_job *job, ptrdiff_t u, cn_bundle *bundle)
{
    const cn_loop *columns = &job->plan.columns;
    const ptrdiff_t tiles = job->tiles, outer = tiles > 1 ? u / tiles : u,
                    first = (u - outer * tiles) * job->width;
    for (int o = 0; o < CN_NOPERANDS; o++) bundle->offset[o] = job->plan.start[o] + first * columns->stride[o];
    if (outer) cn_locate(&job->plan.kept, outer, bundle->offset);
    bundle->columns = *columns; /* and what changes after it: what is copied whole waits for its parts */
    bundle->columns.n = columns->n - first < job->width ? columns->n - first : job->width;
}

void cn_tile_reading(const cn_job *job, const cn_loop *columns, cn_tiling *tiling)
{
    if (job->plan.cols)
        cn_make_tiling(&job->plan.reduced, columns, CN_BLOCK_ROWS * job->joined_rows, CN_MAX_GROUPS, tiling);
    else
        cn_make_tiling(&job->plan.reduced, NULL, 0, CN_BLOCK, tiling);
}

/* Elements of a block of apply: what is packed first should stay in L1. */
static ptrdiff_t applied(const cn_job *job, ptrdiff_t columns)
{
    const int curved = cn_curved(job->call->activation);
    if (job->plan.cols && cn_joined_rows_of(columns) > 1) return curved ? 4 * CN_BLOCK : CN_PACKED / 2;
    return job->needs_packing || curved ? CN_BLOCK : APPLIED;
}

void cn_tile_writing(const cn_job *job, const cn_loop *columns, cn_tiling *tiling)
{
    if (!columns) {
        cn_make_tiling(&job->plan.all, NULL, 0, applied(job, job->plan.columns.n), tiling);
        return;
    }
    cn_loop own = *columns;
    own.stride[CN_STAT] = 1;
    if (job->plan.cols) {
        cn_make_tiling(&job->plan.spread, &own, 0, applied(job, own.n), tiling);
        return;
    }
    cn_loops loops;
    const int merged = job->rows_as_groups > 1;
    if (merged) { /* every row of a group has statistics of its own then */
        own.n *= job->rows_as_groups;
        memcpy(own.stride, job->plan.spread.loop[0].stride, sizeof own.stride);
        own.stride[CN_STAT] = 1;
    }
    loops.n = 1 + job->plan.spread.n - merged;
    loops.loop[0] = own;
    memcpy(loops.loop + 1, job->plan.spread.loop + merged, (size_t)(loops.n - 1) * sizeof(cn_loop));
    if (loops.n == 1) loops.loop[loops.n++] = (cn_loop){.n = 1}; /* groups of one element */
    cn_make_tiling(&loops, NULL, 0, applied(job, 0), tiling);
}

/* Scratch for the sum of a bundle, where it is written past the cache. */
static ptrdiff_t sum_bytes(const cn_job *job)
{
    return job->nontemporal_sum ? (job->elements * job->k->size + 63) / 64 * 64 : 0;
}

/* Scratch for y of a bundle, where it becomes bytes. */
static ptrdiff_t y_bytes(const cn_job *job)
{
    return job->row && job->fused ? (job->elements * job->k->size + 63) / 64 * 64 : 0;
}

static ptrdiff_t joined_size(const cn_job *job)
{
    return job->joined_rows > 1 ? cn_partials_size(job->each, job->joined_rows * job->width) : 0;
}

static size_t scratch_size(const cn_job *job)
{
    size_t rows = job->plan.cols ? 5 * CN_MAX_GROUPS : 0;
    size_t packed = (job->needs_packing ? rows + 2 * CN_PACKED : rows) * sizeof(double);
    if (job->plan.scattered) packed += CN_PACKED * (sizeof(double) + 1);
    if (cn_curved(job->call->activation)) packed += (size_t)((job->plan.cols ? 4 : 1) * CN_BLOCK * job->k->size);
    size_t doubles = (size_t)(2 * cn_partials_size(job->each, job->width) + joined_size(job) +
                              (1 + CN_N_PARAMS * job->rows_as_groups) * job->width);
    packed += (size_t)(sum_bytes(job) + y_bytes(job));
    return (doubles * sizeof(double) + packed + 63) / 64 * 64 + 64; /* no cache line is shared */
}

cn_status cn_alloc_scratch(cn_job *job)
{
    job->scratch_size = scratch_size(job);
    job->scratch = cn_job_alloc(job, job->scratch_size * (size_t)job->threads);
    return job->scratch ? CN_OK : CN_NO_MEMORY;
}

cn_scratch cn_open_scratch(const cn_job *job, int thread)
{
    char *y = job->scratch + (size_t)thread * job->scratch_size;
    double *bundle = (double *)(y + y_bytes(job));
    ptrdiff_t size = cn_partials_size(job->each, job->width);
    double *factors = bundle + 2 * size + joined_size(job);
    char *params = (char *)(factors + job->width);
    char *x = params + CN_N_PARAMS * job->width * job->rows_as_groups * (ptrdiff_t)sizeof(double);
    char *packed = x + sum_bytes(job);
    if ((char *)bundle == y) y = NULL;
    return (cn_scratch){
        y, bundle, bundle + size, bundle + 2 * size, factors, params, packed > x ? x : NULL, packed, 0, 0};
}
