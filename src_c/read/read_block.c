/* read_block.c: a block of x meets the kernels that take moments. */
#include <stdint.h>

#include "dispatch/numbers.h"
#include "memory/copy.h"
#include "read/block.h"

void cn_pack_elements(const cn_kernels *k, const cn_kernels *x_is, cn_number number, const char *x, ptrdiff_t step,
                      ptrdiff_t n, char *to)
{
    const ptrdiff_t size = x_is->size;
    char apart[CN_BLOCK * sizeof(uint16_t)];
    if (number) {
        cn_to_doubles(number, x, step, n, 1, (double *)to);
    } else if (k == x_is) {
        cn_copy_row(to, size, x, step, n, size);
    } else {
        if (step != size) cn_copy_row(apart, size, x, step, n, size), x = apart;
        x_is->widen(x, to, n);
    }
}

void cn_pack_row(const cn_reading *how, const char *x, ptrdiff_t n, char *to)
{
    cn_pack_elements(how->k, how->x_is, how->x, x, how->tiling->col.stride[CN_X], n, to);
}

/* A tile side by side: rows, and groups, that follow each other as their elements do are one; elements that are put side
 * by side before they are widened not, for want of room. */
static void pack_tile(const cn_reading *how, cn_tile *t)
{
    const ptrdiff_t size = how->tiling->col.stride[CN_X], row = t->n * how->k->size, group = t->rows * row;
    ptrdiff_t groups = t->groups, rows = t->rows, n = t->n;
    const int as_one = how->x || how->k == how->x_is || size == how->x_is->size;
    if (as_one && t->x_row == n * size) n *= rows, rows = 1;
    if (as_one && rows == 1 && t->x_group == n * size) n *= groups, groups = 1;
    for (ptrdiff_t g = 0; g < groups; g++)
        for (ptrdiff_t r = 0; r < rows; r++)
            cn_pack_row(how, t->x + g * t->x_group + r * t->x_row, n, how->packed + g * group + r * row);
    t->x = how->packed, t->x_row = row, t->x_group = group, t->to_fetch = 0;
}

cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x)
{
    cn_tile t = {.x = x + block->offset[CN_X], .groups = 1, .x_row = how->tiling->row.stride[CN_X]};
    t.rows = block->rows, t.n = block->n, t.p = how->p, t.nan = how->nan, t.ends = how->ends,
    t.to_fetch = how->to_fetch;
    if (!how->cols) t.groups = how->columns->n, t.x_group = how->columns->stride[CN_X];
    return t;
}

void cn_read_tile(const cn_reading *how, cn_tile t, int pack, cn_moments_view *acc, cn_moments_view *joined)
{
    if (pack) pack_tile(how, &t);
    if (!how->cols) {
        how->reducer->rows(&t, how->centered, acc);
        return;
    }
    if (how->joined_rows > 1 && t.rows >= how->joined_rows) {
        cn_tile wide = t;
        wide.x_row *= how->joined_rows, wide.weights_row *= how->joined_rows;
        wide.rows /= how->joined_rows, wide.n *= how->joined_rows;
        how->reducer->cols(&wide, how->centered, joined);
        t.x += wide.rows * wide.x_row, t.rows %= how->joined_rows;
        if (t.weights) cn_skip_weights(&t, wide.rows * wide.weights_row, how->k->param_size);
    }
    if (t.rows) how->reducer->cols(&t, how->centered, acc);
}

void cn_read_block(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                   cn_moments_view *joined)
{
    cn_read_tile(how, cn_tile_of(how, block, x), how->pack, acc, joined);
}
