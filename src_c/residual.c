/* residual.c: x as a sum, block by block, so that moments and apply find it in the cache. */
#include "residual.h"

#include "matrix.h"

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
        k->add(first, second, first, some);
        cn_copy_row(x + at, step, first, k->size, some, k->size);
    }
}

void cn_add_block(const cn_job *job, const cn_walk *walk, const cn_unit *unit, const cn_block *block)
{
    const cn_call *call = job->call;
    const cn_kernels *k = job->k;
    const int grouped = !(walk->col.stride[CN_STAT]); /* the block is of each group, not of all columns */
    cn_loop group = {.n = 1}, row = walk->row, col = walk->col;
    if (!call->add[0]) return;
    if (grouped) group = unit->columns;
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
    const ptrdiff_t first = unit->offset[CN_X] + block->offset[CN_X];
    for (ptrdiff_t g = 0; g < group.n; g++)
        for (ptrdiff_t r = 0; r < row.n; r++) {
            const ptrdiff_t at = first + g * group.stride[CN_X] + r * row.stride[CN_X];
            const char *a = call->add[0] + at, *b = call->add[1] + at;
            char *x = call->op[CN_X].data + at;
            if (step == k->size)
                k->add(a, b, x, col.n);
            else
                add_apart(k, a, b, x, step, col.n);
        }
}
