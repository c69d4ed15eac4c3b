/* read_block.c: a block of x meets the kernels that take moments. */
#include "memory/copy.h"
#include "read/block.h"

/* Copies a tile whose columns are apart. */
static void pack_tile(cn_tile *t, ptrdiff_t stride, ptrdiff_t size, char *packed)
{
    const ptrdiff_t row = t->n * size, group = t->rows * row;
    for (ptrdiff_t g = 0; g < t->groups; g++)
        cn_copy((cn_matrix){packed + g * group, row, size},
                (cn_matrix){(char *)t->x + g * t->x_group, t->x_row, stride}, t->rows, t->n, size);
    t->x = packed, t->x_row = row, t->x_group = group;
}

cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x)
{
    cn_tile t = {x + block->offset[CN_X], 0, 1, how->tiling->row.stride[CN_X], block->rows, block->n};
    if (!how->cols) t.groups = how->columns->n, t.x_group = how->columns->stride[CN_X];
    return t;
}

void cn_read_tile(const cn_reading *how, cn_tile t, int pack, cn_moments_view *acc, cn_moments_view *joined)
{
    if (pack) pack_tile(&t, how->tiling->col.stride[CN_X], how->k->size, how->packed);
    if (!how->cols) {
        how->reducer->rows(&t, how->centered, acc);
        return;
    }
    if (how->joined_rows > 1 && t.rows >= how->joined_rows) {
        cn_tile wide = {t.x, 0, 1, t.x_row * how->joined_rows, t.rows / how->joined_rows, t.n * how->joined_rows};
        how->reducer->cols(&wide, how->centered, joined);
        t.x += wide.rows * wide.x_row, t.rows %= how->joined_rows;
    }
    if (t.rows) how->reducer->cols(&t, how->centered, acc);
}

void cn_read_block(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                   cn_moments_view *acc, cn_moments_view *joined)
{
    (void)mask;
    cn_read_tile(how, cn_tile_of(how, block, x), how->pack, acc, joined);
}
