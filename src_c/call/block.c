/* block.c: packing of strided blocks and the kernel calls on them. */
#include "call/block.h"

#include <string.h>

#include "memory/copy.h"

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

void cn_tile_moments(const cn_reading *how, cn_tile t, ptrdiff_t stride, cn_moments_view *acc,
                     cn_moments_view *joined)
{
    const ptrdiff_t size = how->k->size;
    if (stride != size && t.n > 1) pack_tile(&t, stride, size, how->packed);
    if (!how->cols) {
        how->k->moments_rows(&t, how->centered, acc);
        return;
    }
    if (how->joined_rows > 1 && t.rows >= how->joined_rows) {
        cn_tile wide = {t.x, 0, 1, t.x_row * how->joined_rows, t.rows / how->joined_rows, t.n * how->joined_rows};
        how->k->moments_cols(&wide, how->centered, joined);
        t.x += wide.rows * wide.x_row, t.rows %= how->joined_rows;
    }
    if (t.rows) how->k->moments_cols(&t, how->centered, acc);
}

/* A parameter over the block; stride: of a column, in bytes. One row is gathered if its columns are apart. */
static cn_param param(const char *data, ptrdiff_t row, ptrdiff_t stride, ptrdiff_t n, ptrdiff_t size,
                      char **packed)
{
    cn_param p = {data, row, data && stride != 0 && n > 1};
    if (p.per_column && stride != size) {
        cn_copy_row(*packed, size, data, stride, n, size);
        p.data = *packed;
        *packed += n * size;
    }
    return p;
}

/* n elements of a parameter, times over. */
static cn_param repeated_param(cn_param p, ptrdiff_t n, ptrdiff_t times, ptrdiff_t size, char **packed)
{
    if (!p.per_column) return p;
    for (ptrdiff_t i = 0; i < times; i++) memcpy(*packed + i * n * size, p.data, (size_t)(n * size));
    p.data = *packed;
    *packed += times * n * size;
    return p;
}

ptrdiff_t cn_joined_rows_of(ptrdiff_t n)
{
    if (n > CN_NARROW) return 1;
    ptrdiff_t step = 16 / (n % 16 ? n & -n : 16), wide = step * n;
    return wide > CN_MAX_GROUPS ? 1 : wide > CN_JOINED_ROW ? step : CN_JOINED_ROW / wide * step;
}

/* Narrow contiguous columns: several rows as one. */
static void apply_cols(const cn_kernels *k, cn_apply_tile *t, char *packed)
{
    const ptrdiff_t n = t->n, row = n * k->size, size = k->param_size, joined_rows = cn_joined_rows_of(n);
    if (joined_rows == 1 || t->rows < 4 * joined_rows || t->x_row != row || t->y_row != row || t->hi.row ||
        t->w.row || t->b.row) {
        k->apply_cols(t);
        return;
    }
    cn_apply_tile wide = *t;
    wide.hi = repeated_param(t->hi, n, joined_rows, size, &packed);
    wide.lo = repeated_param(t->lo, n, joined_rows, size, &packed);
    wide.scale = repeated_param(t->scale, n, joined_rows, size, &packed);
    wide.w = repeated_param(t->w, n, joined_rows, size, &packed);
    wide.b = repeated_param(t->b, n, joined_rows, size, &packed);
    wide.rows = t->rows / joined_rows, wide.n = n * joined_rows;
    wide.x_row = wide.y_row = row * joined_rows;
    k->apply_cols(&wide);
    t->x += wide.rows * wide.x_row, t->y += wide.rows * wide.x_row, t->rows %= joined_rows;
    k->apply_cols(t);
}

/* The tile of a block, its parameters packed; nontemporal is not set yet. Every field is set: clearing
 * them first takes as long as all of that. */
static inline void open_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t, char **free_memory)
{
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, *at = block->offset;
    const ptrdiff_t n = block->n, size = how->k->param_size;
    char *packed = *free_memory, *const *base = how->base;
    t->x = base[CN_X] + at[CN_X], t->x_row = row[CN_X], t->rows = block->rows, t->n = n;
    t->y = base[CN_Y] + at[CN_Y], t->y_row = row[CN_Y], t->beyond_cache = how->beyond_cache,
    t->prefetch = how->prefetch, t->nontemporal = 0;
    t->relu = how->activation == CN_RELU;
    ptrdiff_t stat = at[CN_STAT] * size, stat_row = row[CN_STAT] * size, stat_col = col[CN_STAT] * size;
    t->hi = param(how->params->hi + stat, stat_row, stat_col, n, size, &packed);
    t->lo = param(how->params->lo + stat, stat_row, stat_col, n, size, &packed);
    t->scale = param(how->params->scale + stat, stat_row, stat_col, n, size, &packed);
    t->w = param(base[CN_W] ? base[CN_W] + at[CN_W] : NULL, row[CN_W], col[CN_W], n, size, &packed);
    t->b = param(base[CN_B] ? base[CN_B] + at[CN_B] : NULL, row[CN_B], col[CN_B], n, size, &packed);
    *free_memory = packed;
}

/* Bytes of a row from which on curves are drawn row by row. */
#define CN_LONG_ROW 256

/* y of a block from its packed results: the curve, into y itself where its rows are long or without gaps. */
static void activate_block(const cn_writing *how, char *packed, cn_matrix y, ptrdiff_t rows, ptrdiff_t n,
                           int nontemporal)
{
    const cn_kernels *k = how->k;
    const ptrdiff_t row = n * k->size;
    const int whole = rows == 1 || y.row == row;
    if ((n > 1 && y.col != k->size) || !(whole || row >= CN_LONG_ROW)) {
        k->activate(how->activation, packed, packed, rows * n, 0);
        cn_copy(y, (cn_matrix){packed, row, k->size}, rows, n, k->size);
        return;
    }
    if (whole) n *= rows, rows = 1;
    for (ptrdiff_t r = 0; r < rows; r++)
        k->activate(how->activation, packed + r * row, y.data + r * y.row, n, nontemporal);
}

static void apply_block(const cn_writing *how, const cn_block *block)
{
    const cn_kernels *k = how->k;
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, n = block->n;
    char *packed = how->packed;
    cn_apply_tile t;
    open_tile(how, block, &t, &packed);
    const char *x = t.x;
    char *y = t.y;
    const ptrdiff_t packed_row = n * k->size;
    const int pack_x = n > 1 && col[CN_X] != k->size, curved = cn_curved(how->activation);
    const int strided = n > 1 && col[CN_Y] != k->size, pack_y = strided || curved;
    if (pack_x) {
        cn_copy((cn_matrix){packed, packed_row, k->size}, (cn_matrix){(char *)x, row[CN_X], col[CN_X]}, t.rows, n,
                k->size);
        t.x = packed, t.x_row = packed_row;
        packed += t.rows * packed_row;
    }
    char *packed_y = packed;
    const int nontemporal =
        how->nontemporal && !strided && (((size_t)t.y | (size_t)t.y_row | (size_t)packed_row) & 15) == 0;
    if (pack_y) t.y = packed, t.y_row = packed_row, packed += t.rows * packed_row;
    t.nontemporal = nontemporal && !pack_y;
    if (t.hi.per_column)
        apply_cols(k, &t, packed);
    else
        k->apply_rows(&t);
    const cn_matrix to = {y, row[CN_Y], col[CN_Y]};
    if (curved)
        activate_block(how, packed_y, to, block->rows, n, nontemporal);
    else if (pack_y)
        cn_copy(to, (cn_matrix){packed_y, packed_row, k->size}, block->rows, n, k->size);
}

/* Elements prescaled at a time. */
#define CN_PRESCALED 256

/* Elements times powers of two: exact, so a prescale of 1 changes no bit. */
static void prescale_doubles(char *to, const char *from, ptrdiff_t stride, const char *prescale,
                             ptrdiff_t prescale_stride, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        double v, b;
        memcpy(&b, prescale + i * prescale_stride, sizeof b);
        memcpy(&v, from + i * stride, sizeof v);
        v *= b;
        memcpy(to + i * (ptrdiff_t)sizeof v, &v, sizeof v);
    }
}

/* float32, and bfloat16, which is its upper half. */
static void prescale_floats(char *to, const char *from, ptrdiff_t stride, const char *prescale,
                            ptrdiff_t prescale_stride, ptrdiff_t n, ptrdiff_t size)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        float v, b;
        unsigned bits = 0;
        memcpy(&b, prescale + i * prescale_stride, sizeof b);
        memcpy((char *)&bits + 4 - size, from + i * stride, (size_t)size);
        memcpy(&v, &bits, sizeof v);
        v *= b;
        memcpy(&bits, &v, sizeof v);
        memcpy(to + i * size, (char *)&bits + 4 - size, (size_t)size);
    }
}

/* The block in pieces of a row, x prescaled on the way: rare data, one way for all layouts. */
static void write_prescaled(const cn_writing *how, const cn_block *block)
{
    const cn_kernels *k = how->k;
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, size = k->param_size;
    char prescaled[CN_PRESCALED * sizeof(double)];
    cn_tiling flat = *how->tiling;
    flat.col.stride[CN_X] = k->size;
    cn_writing own = *how;
    own.tiling = &flat, own.base[CN_X] = prescaled;
    for (ptrdiff_t r = 0; r < block->rows; r++)
        for (ptrdiff_t c = 0; c < block->n; c += CN_PRESCALED) {
            cn_block piece = {{0}, 1, block->n - c < CN_PRESCALED ? block->n - c : CN_PRESCALED};
            for (int o = 0; o < CN_NOPERANDS; o++) piece.offset[o] = block->offset[o] + r * row[o] + c * col[o];
            const char *x = how->base[CN_X] + piece.offset[CN_X];
            const char *prescale = how->params->prescale + piece.offset[CN_STAT] * size;
            if (size == sizeof(double))
                prescale_doubles(prescaled, x, col[CN_X], prescale, col[CN_STAT] * size, piece.n);
            else
                prescale_floats(prescaled, x, col[CN_X], prescale, col[CN_STAT] * size, piece.n, k->size);
            piece.offset[CN_X] = 0;
            apply_block(&own, &piece);
        }
}

/* Is a parameter vector laid out apart along the columns? */
static int apart(ptrdiff_t stride, ptrdiff_t size) { return stride != 0 && stride != size; }

int cn_plain_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t)
{
    const ptrdiff_t *col = how->tiling->col.stride, size = how->k->size, param_size = how->k->param_size;
    char *packed = how->packed;
    if (col[CN_X] != size || col[CN_Y] != size || how->params->prescaled || cn_curved(how->activation)) return 0;
    if (apart(col[CN_STAT], 1) || apart(col[CN_W], param_size) || apart(col[CN_B], param_size)) return 0;
    open_tile(how, block, t, &packed);
    return 1;
}

void cn_tile_apply(const cn_writing *how, const cn_block *block)
{
    const ptrdiff_t *col = how->tiling->col.stride, size = how->k->param_size;
    if (how->params->prescaled) {
        write_prescaled(how, block);
        return;
    }
    if (block->rows == 1 || !(apart(col[CN_STAT], 1) || apart(col[CN_W], size) || apart(col[CN_B], size))) {
        apply_block(how, block);
        return;
    }
    cn_block one = *block;
    one.rows = 1;
    for (ptrdiff_t r = 0; r < block->rows; r++) {
        apply_block(how, &one);
        for (int o = 0; o < CN_NOPERANDS; o++) one.offset[o] += how->tiling->row.stride[o];
    }
}
