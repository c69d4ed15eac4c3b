/* tile.c: packing of strided blocks and the kernel calls on them. */
#include "tile.h"

#include <string.h>

#define COPY(T)                                                                                                   \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                           \
        T v;                                                                                                      \
        memcpy(&v, from + i * from_stride, sizeof v);                                                             \
        memcpy(to + i * to_stride, &v, sizeof v);                                                                 \
    }                                                                                                             \
    break

static void copy_strided(char *to, ptrdiff_t to_stride, const char *from, ptrdiff_t from_stride, ptrdiff_t n,
                         ptrdiff_t size)
{
    switch (size) {
    case 2: COPY(short);
    case 4: COPY(float);
    default: COPY(double);
    }
}

static cn_tile tile_of(const cn_kernels *k, const cn_walk *walk, const cn_block *block, const char *x,
                       char *packed)
{
    cn_tile t = {x + block->offset[CN_X], walk->row.stride[CN_X], block->rows, block->n};
    if (walk->col.stride[CN_X] != k->size && t.n > 1) {
        ptrdiff_t row = t.n * k->size;
        for (ptrdiff_t r = 0; r < t.rows; r++)
            copy_strided(packed + r * row, k->size, t.x + r * t.x_row, walk->col.stride[CN_X], t.n, k->size);
        t.x = packed, t.x_row = row;
    }
    return t;
}

void cn_tile_run(const cn_kernels *k, const cn_walk *walk, const cn_block *block, const char *x, int centered,
                 cn_partial *p, char *packed)
{
    cn_tile t = tile_of(k, walk, block, x, packed);
    k->moments_rows(&t, centered, p);
}

void cn_tile_moments(const cn_kernels *k, const cn_walk *walk, const cn_block *block, const char *x, int cols,
                     int centered, cn_columns *acc, char *packed)
{
    cn_tile t = tile_of(k, walk, block, x, packed);
    if (cols) {
        k->moments_cols(&t, centered, acc);
    } else {
        cn_partial p = {acc->count, *acc->mean, *acc->mean_lo, *acc->m2};
        k->moments_rows(&t, centered, &p);
        acc->count = p.count, *acc->mean = p.mean, *acc->mean_lo = p.mean_lo, *acc->m2 = p.m2;
    }
}

/* A parameter over the block; stride: of a column, in bytes. One row is gathered if its columns are apart. */
static cn_param param(const char *data, ptrdiff_t row, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t size,
                      char **packed)
{
    cn_param p = {data, row, data && stride != 0 && n > 1};
    if (p.per_column && stride != size) {
        copy_strided(*packed, size, data, stride, n, size);
        p.data = *packed;
        *packed += n * size;
    }
    return p;
}

static void apply_block(const cn_kernels *k, const cn_walk *walk, const cn_block *block,
                        char *const base[CN_NOPERANDS], const cn_params *params, char *packed)
{
    const ptrdiff_t *row = walk->row.stride, *col = walk->col.stride, *at = block->offset;
    const ptrdiff_t n = block->n, size = k->param_size;
    char *x = base[CN_X] + at[CN_X], *y = base[CN_Y] + at[CN_Y];
    cn_apply_tile t = {{x, row[CN_X], block->rows, n}, y, row[CN_Y], {0}, {0}, {0}, {0}, {0}};
    ptrdiff_t stat = at[CN_STAT] * size, stat_row = row[CN_STAT] * size, stat_col = col[CN_STAT] * size;
    t.hi = param(params->hi + stat, stat_row, stat_col, n, size, &packed);
    t.lo = param(params->lo + stat, stat_row, stat_col, n, size, &packed);
    t.scale = param(params->scale + stat, stat_row, stat_col, n, size, &packed);
    t.w = param(base[CN_W] ? base[CN_W] + at[CN_W] : NULL, row[CN_W], col[CN_W], n, size, &packed);
    t.b = param(base[CN_B] ? base[CN_B] + at[CN_B] : NULL, row[CN_B], col[CN_B], n, size, &packed);
    int pack_x = n > 1 && col[CN_X] != k->size, pack_y = n > 1 && col[CN_Y] != k->size;
    if (pack_x) {
        for (ptrdiff_t r = 0; r < block->rows; r++)
            copy_strided(packed + r * n * k->size, k->size, x + r * row[CN_X], col[CN_X], n, k->size);
        t.x.x = packed, t.x.x_row = n * k->size;
        packed += block->rows * n * k->size;
    }
    if (pack_y) t.y = packed, t.y_row = n * k->size;
    (t.hi.per_column ? k->apply_cols : k->apply_rows)(&t);
    if (pack_y)
        for (ptrdiff_t r = 0; r < block->rows; r++)
            copy_strided(y + r * row[CN_Y], col[CN_Y], packed + r * n * k->size, k->size, n, k->size);
}

/* Elements boosted at a time. */
#define CN_BOOSTED 256

/* float32 and bfloat16 times a power of two: exact, so a boost of 1 changes no bit. */
static void boost_row(const cn_kernels *k, char *to, const char *from, ptrdiff_t stride, const char *boost,
                      ptrdiff_t boost_stride, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        float v, b;
        unsigned bits = 0;
        memcpy(&b, boost + i * boost_stride, sizeof b);
        memcpy((char *)&bits + 4 - k->size, from + i * stride, (size_t)k->size); /* bfloat16: the upper half */
        memcpy(&v, &bits, sizeof v);
        v *= b;
        memcpy(&bits, &v, sizeof v);
        memcpy(to + i * k->size, (char *)&bits + 4 - k->size, (size_t)k->size);
    }
}

/* The block in pieces of a row, x boosted on the way: rare data, one way for all layouts. */
static void apply_boosted(const cn_kernels *k, const cn_walk *walk, const cn_block *block,
                          char *const base[CN_NOPERANDS], const cn_params *params, char *packed)
{
    const ptrdiff_t *row = walk->row.stride, *col = walk->col.stride, size = k->param_size;
    char boosted[CN_BOOSTED * sizeof(float)];
    cn_walk flat = *walk;
    flat.col.stride[CN_X] = k->size;
    for (ptrdiff_t r = 0; r < block->rows; r++)
        for (ptrdiff_t c = 0; c < block->n; c += CN_BOOSTED) {
            cn_block piece = {{0}, 1, block->n - c < CN_BOOSTED ? block->n - c : CN_BOOSTED};
            for (int o = 0; o < CN_NOPERANDS; o++) piece.offset[o] = block->offset[o] + r * row[o] + c * col[o];
            boost_row(k, boosted, base[CN_X] + piece.offset[CN_X], col[CN_X],
                      params->boost + piece.offset[CN_STAT] * size, col[CN_STAT] * size, piece.n);
            char *own[CN_NOPERANDS] = {boosted, base[CN_Y], base[CN_STAT], base[CN_W], base[CN_B]};
            piece.offset[CN_X] = 0;
            apply_block(k, &flat, &piece, own, params, packed);
        }
}

/* Is a parameter vector laid out apart along the columns? */
static int apart(ptrdiff_t stride, ptrdiff_t size) { return stride != 0 && stride != size; }

void cn_tile_apply(const cn_kernels *k, const cn_walk *walk, const cn_block *block, char *const base[CN_NOPERANDS],
                   const cn_params *params, char *packed)
{
    const ptrdiff_t *col = walk->col.stride;
    if (params->boosted) {
        apply_boosted(k, walk, block, base, params, packed);
        return;
    }
    if (block->rows == 1 ||
        !(apart(col[CN_STAT], 1) || apart(col[CN_W], k->param_size) || apart(col[CN_B], k->param_size))) {
        apply_block(k, walk, block, base, params, packed);
        return;
    }
    cn_block one = *block;
    one.rows = 1;
    for (ptrdiff_t r = 0; r < block->rows; r++) {
        apply_block(k, walk, &one, base, params, packed);
        for (int o = 0; o < CN_NOPERANDS; o++) one.offset[o] += walk->row.stride[o];
    }
}
