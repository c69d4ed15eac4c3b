/* residual.c: x as a sum, block by block, so that moments and apply find it in the cache. */
#include "read/residual.h"

#include "memory/copy.h"

/* Elements apart are added so many at a time. */
#define CN_ADDED 256

/* n sums, `step` bytes apart. */
static void add_apart(const cn_kernels *k, const char *a, const char *b, char *x, ptrdiff_t step, ptrdiff_t n)
{
    char first[CN_ADDED * sizeof(double)], second[CN_ADDED * sizeof(double)];
    for (ptrdiff_t i = 0; i < n; i += CN_ADDED) {
        const ptrdiff_t some = n - i < CN_ADDED ? n - i : CN_ADDED, at = i * step;
        cn_copy_row(first, k->size, a + at, step, some, k->size);
        cn_copy_row(second, k->size, b + at, step, some, k->size);
        k->add(first, second, first, NULL, 0, some);
        cn_copy_row(x + at, step, first, k->size, some, k->size);
    }
}

int cn_sum_can_be_nontemporal(const cn_job *job)
{
    const cn_call *call = job->call;
    const cn_plan *plan = &job->plan;
    const ptrdiff_t size = job->k->size;
    const char *x = call->op[CN_X].data;
    ptrdiff_t last = (job->width - 1) * plan->columns.stride[CN_X], odd = (ptrdiff_t)((size_t)x & 15);
    if (call->add[0] == x || call->add[1] == x || plan->cols) return 0;
    for (int i = 0; i < plan->reduced.n; i++) {
        last += (plan->reduced.loop[i].n - 1) * plan->reduced.loop[i].stride[CN_X];
        odd |= i < plan->reduced.n - 1 ? plan->reduced.loop[i].stride[CN_X] & 15 : 0;
    }
    if (plan->reduced.n) odd |= plan->reduced.loop[plan->reduced.n - 1].n * size & 15;
    for (int i = 0; i < plan->kept.n; i++) odd |= plan->kept.loop[i].stride[CN_X] & 15;
    odd |= (plan->columns.stride[CN_X] | plan->start[CN_X]) & 15;
    return last == (job->elements - 1) * size && !odd;
}

void cn_add_block(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_block *block,
                  char *into)
{
    const cn_call *call = job->call;
    const cn_kernels *k = job->k;
    const int grouped = !(tiling->col.stride[CN_STAT]); /* the block is of each group, not of all columns */
    cn_loop group = {.n = 1}, row = tiling->row, col = tiling->col;
    if (grouped) group = bundle->columns;
    row.n = block->rows, col.n = block->n;
    if (group.stride[CN_X] == k->size && col.stride[CN_X] != k->size) {
        const cn_loop inner = group;
        group = col, col = inner;
    }
    if (col.n == 1) col.stride[CN_X] = k->size;
    const ptrdiff_t step = col.stride[CN_X];
    if (step == k->size && (row.n == 1 || row.stride[CN_X] == col.n * step)) {
        col.n *= row.n, row.n = 1;
        if (group.n == 1 || group.stride[CN_X] == col.n * step) col.n *= group.n, group.n = 1;
    }
    const ptrdiff_t first = bundle->offset[CN_X] + block->offset[CN_X];
    for (ptrdiff_t g = 0; g < group.n; g++)
        for (ptrdiff_t r = 0; r < row.n; r++) {
            const ptrdiff_t at = first + g * group.stride[CN_X] + r * row.stride[CN_X];
            const char *a = call->add[0] + at, *b = call->add[1] + at;
            char *x = call->op[CN_X].data + at;
            if (into)
                k->add(a, b, into + (at - bundle->offset[CN_X]), x, job->prefetch, col.n);
            else if (step == k->size)
                k->add(a, b, x, NULL, 0, col.n);
            else
                add_apart(k, a, b, x, step, col.n);
        }
}

void cn_add_rows(const cn_job *job, const cn_bundle *bundle)
{
    const cn_call *call = job->call;
    const ptrdiff_t row = job->elements / job->width, step = bundle->columns.stride[CN_X];
    const int dense = step == row * job->k->size;
    for (ptrdiff_t g = 0; g < (dense ? 1 : bundle->columns.n); g++) {
        const ptrdiff_t at = bundle->offset[CN_X] + g * step;
        job->k->add(call->add[0] + at, call->add[1] + at, call->op[CN_X].data + at, NULL, 0,
                    dense ? bundle->columns.n * row : row);
    }
}
