/* read_scattered.c: mask and weights of a block that do not lie as x does are put side by side, in the order of x. */
#include <string.h>

#include "dispatch/numbers.h"
#include "read/block.h"

/* Bytes that take longer by a call of memset than one by one. */
#define SHORT_RUN 16

/* n elements of an operand, `step` bytes apart, side by side: weights as doubles. */
static void put(const cn_reading *how, int operand, const char *from, ptrdiff_t step, ptrdiff_t n, char *to)
{
    if (operand == CN_W)
        cn_to_doubles(how->weights_are, from, step, n, how->weights_by, (double *)to);
    else if (n < SHORT_RUN)
        for (ptrdiff_t i = 0; i < n; i++) to[i] = from[i * step];
    else if (step == 0)
        memset(to, *from, (size_t)n);
    else if (step == 1)
        memcpy(to, from, (size_t)n);
    else
        for (ptrdiff_t i = 0; i < n; i++) to[i] = from[i * step];
}

/* Elements first, first + 1, ... of groups that are `step` bytes apart, run by run: where one is, is asked once for all. */
static void gather(const cn_reading *how, int operand, const char *from, ptrdiff_t step, ptrdiff_t groups,
                   ptrdiff_t first, ptrdiff_t n, ptrdiff_t size, char *to)
{
    const cn_loop *in = &how->counted->loop[how->counted->n - 1];
    const ptrdiff_t one = n * size;
    for (ptrdiff_t run; n > 0; first += run, n -= run, to += run * size) {
        ptrdiff_t at[CN_NOPERANDS] = {0};
        run = in->n - first % in->n;
        if (run > n) run = n;
        cn_locate(how->counted, first, at);
        for (ptrdiff_t g = 0; g < groups; g++)
            put(how, operand, from + at[operand] + g * step, in->stride[operand], run, to + g * one);
    }
}

/* An operand of a block, from the block's first element of the first group on; the strides it has then. Groups, or
 * columns, that share it stay one. */
static void gather_block(const cn_reading *how, int operand, const char *from, const cn_block *block,
                         ptrdiff_t size, char *to, cn_tiling *tiling, cn_loop *columns)
{
    const ptrdiff_t first = block->offset[CN_M], step = how->columns->stride[operand];
    const ptrdiff_t columns_apart = how->cols && step != 0, n = how->cols ? 1 : block->n,
                    one = block->rows * n * size;
    tiling->row.stride[operand] = (columns_apart ? block->n : n) * size;
    tiling->col.stride[operand] = how->cols && !columns_apart ? 0 : size;
    columns->stride[operand] = how->cols ? tiling->col.stride[operand] : step ? one : 0;
    for (ptrdiff_t r = 0; r < block->rows && columns_apart; r++) {
        ptrdiff_t at[CN_NOPERANDS] = {0};
        cn_locate(how->counted, first + r, at);
        put(how, operand, from + at[operand], step, block->n, to + r * block->n * size);
    }
    const ptrdiff_t groups = columns_apart ? 0 : how->cols || !step ? 1 : how->columns->n;
    gather(how, operand, from, step, groups, first, block->rows * n, size, to);
}

void cn_read_scattered(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                       cn_moments_view *joined)
{
    double *weights = (double *)how->packed + 2 * CN_PACKED;
    char *mask = (char *)(weights + CN_PACKED);
    cn_reading own = *how;
    cn_block as_x = *block;
    cn_loop columns = *how->columns;
    cn_tiling tiling;
    tiling.row = how->tiling->row, tiling.col = how->tiling->col;
    if (how->mask) gather_block(how, CN_M, how->mask, block, 1, mask, &tiling, &columns), own.mask = mask;
    if (how->weights) {
        gather_block(how, CN_W, how->weights, block, sizeof *weights, (char *)weights, &tiling, &columns);
        own.weights = (const char *)weights, own.weights_are = CN_NUMBER_DOUBLE, own.weights_by = 1;
    }
    own.tiling = &tiling, own.columns = &columns, as_x.offset[CN_M] = as_x.offset[CN_W] = 0;
    cn_read_counted(&own, &as_x, x, acc, joined);
}
