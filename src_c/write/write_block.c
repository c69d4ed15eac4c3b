/* write_block.c: a block of y from x and parameters: packed where its tiling says so, prescaled, a curve drawn. */
#include <stdint.h>
#include <string.h>

#include "memory/turn.h"
#include "write/write.h"

/* Elements prescaled at a time. */
#define PRESCALED 256

/* Bytes of a row from which on curves are drawn row by row. */
#define LONG_ROW 256

/* A parameter over the block. One row is gathered if its columns are apart. */
static inline cn_param param_at(const char *data, const cn_param_layout *how, ptrdiff_t n, ptrdiff_t size,
                                char **packed)
{
    cn_param p = {data, how->row, how->per_column};
    if (how->apart) {
        cn_copy_row(*packed, size, data, how->col, n, size);
        p.data = *packed;
        *packed += n * size;
    }
    return p;
}

/* The tile of a block, its parameters packed. Every field is set: clearing them first takes as long as all of that. */
static inline void open_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t, char **free_memory)
{
    const ptrdiff_t *at = block->offset, n = block->n, size = how->k->param_size, stat = at[CN_STAT] * size;
    char *packed = *free_memory, *const *base = how->base;
    t->x = base[CN_X] + at[CN_X], t->x_row = how->row[CN_X], t->rows = block->rows, t->n = n;
    t->at = NULL, t->about_zero = 0;
    t->y = base[CN_Y] + at[CN_Y], t->y_row = how->row[CN_Y], t->mask = NULL, t->mask_row = 0;
    t->beyond_cache = how->beyond_cache, t->prefetch = how->prefetch, t->nontemporal = how->nontemporal;
    t->fetches_y = how->fetches_y;
    t->bend = cn_curved(how->activation) ? CN_NONE : how->activation, t->slope = how->slope;
    t->hi = param_at(how->params->hi + stat, &how->stat, n, size, &packed);
    t->lo = param_at(how->params->lo + stat, &how->stat, n, size, &packed);
    t->scale = param_at(how->params->scale + stat, &how->stat, n, size, &packed);
    t->w = param_at(base[CN_W] ? base[CN_W] + at[CN_W] : NULL, &how->w, n, size, &packed);
    t->b = param_at(base[CN_B] ? base[CN_B] + at[CN_B] : NULL, &how->b, n, size, &packed);
    *free_memory = packed;
}

/* n elements of a parameter, times over. */
static cn_param repeat_param(cn_param p, ptrdiff_t n, ptrdiff_t times, ptrdiff_t size, char **packed)
{
    if (!p.per_column) return p;
    for (ptrdiff_t i = 0; i < times; i++) memcpy(*packed + i * n * size, p.data, (size_t)(n * size));
    p.data = *packed;
    *packed += times * n * size;
    return p;
}

/* Narrow contiguous columns: several rows as one; then those that are left. */
static void apply_joined(const cn_writing *how, cn_apply_tile *t, char *packed)
{
    const ptrdiff_t n = t->n, size = how->k->param_size, joined = how->joined_rows;
    cn_apply_tile wide = *t;
    wide.hi = repeat_param(t->hi, n, joined, size, &packed);
    wide.lo = repeat_param(t->lo, n, joined, size, &packed);
    wide.scale = repeat_param(t->scale, n, joined, size, &packed);
    wide.w = repeat_param(t->w, n, joined, size, &packed);
    wide.b = repeat_param(t->b, n, joined, size, &packed);
    wide.rows = t->rows / joined, wide.n = n * joined;
    wide.x_row = wide.y_row = t->x_row * joined;
    if (wide.rows) how->k->apply_cols(&wide);
    t->x += wide.rows * wide.x_row, t->y += wide.rows * wide.y_row, t->rows %= joined;
    if (t->rows) how->k->apply_cols(t);
}

/* y of a block from its packed results: the curve, into y itself where its rows are long or without gaps. */
static void activate_block(const cn_writing *how, char *packed, cn_matrix y, ptrdiff_t rows, ptrdiff_t n)
{
    const cn_kernels *k = how->k;
    const ptrdiff_t row = n * k->size;
    const int whole = rows == 1 || y.row == row;
    if ((n > 1 && y.col != k->size) || !(whole || row >= LONG_ROW)) {
        k->activate(how->activation, 0, packed, NULL, packed, rows * n, 0);
        cn_copy_block(y, (cn_matrix){packed, row, k->size}, rows, n, k->size);
        return;
    }
    if (whole) n *= rows, rows = 1;
    for (ptrdiff_t r = 0; r < rows; r++)
        k->activate(how->activation, 0, packed + r * row, NULL, y.data + r * y.row, n, how->nontemporal);
}

static void write_tile(const cn_writing *how, const cn_block *block)
{
    const cn_kernels *k = how->k;
    char *packed = how->packed;
    cn_apply_tile t;
    open_tile(how, block, &t, &packed);
    const cn_matrix y = {t.y, t.y_row, how->col[CN_Y]};
    const ptrdiff_t row = t.n * k->size;
    if (how->pack_x) {
        const cn_matrix x = {(char *)t.x, t.x_row, how->col[CN_X]};
        cn_copy_block((cn_matrix){packed, row, k->size}, x, t.rows, t.n, k->size);
        t.x = packed, t.x_row = row;
        packed += t.rows * row;
    }
    char *packed_y = packed;
    if (how->pack_y) t.y = packed, t.y_row = row, t.nontemporal = t.fetches_y = 0, packed += t.rows * row;
    if (!how->stat.per_column)
        k->apply_rows(&t);
    else if (how->joined_rows > 1)
        apply_joined(how, &t, packed);
    else
        k->apply_cols(&t);
    if (!how->pack_y) return;
    if (cn_curved(how->activation))
        activate_block(how, packed_y, y, block->rows, block->n);
    else
        cn_copy_block(y, (cn_matrix){packed_y, row, k->size}, block->rows, block->n, k->size);
}

/* Row by row: each gathers its parameters. */
static void write_rows(const cn_writing *how, const cn_block *block)
{
    cn_block one = *block;
    one.rows = 1;
    for (ptrdiff_t r = 0; r < block->rows; r++) {
        write_tile(how, &one);
        for (int o = 0; o < CN_NOPERANDS; o++) one.offset[o] += how->row[o];
    }
}

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
    const ptrdiff_t *col = how->col, size = how->k->param_size;
    char prescaled[PRESCALED * sizeof(double)];
    ptrdiff_t flat[CN_NOPERANDS];
    cn_writing own = *how;
    memcpy(flat, col, sizeof flat);
    flat[CN_X] = how->k->size;
    own.col = flat, own.base[CN_X] = prescaled, own.pack_x = 0, own.joined_rows = 1;
    for (ptrdiff_t r = 0; r < block->rows; r++)
        for (ptrdiff_t c = 0; c < block->n; c += PRESCALED) {
            cn_block piece = {{0}, 1, block->n - c < PRESCALED ? block->n - c : PRESCALED};
            for (int o = 0; o < CN_NOPERANDS; o++)
                piece.offset[o] = block->offset[o] + r * how->row[o] + c * col[o];
            const char *x = how->base[CN_X] + piece.offset[CN_X];
            const char *prescale = how->params->prescale + piece.offset[CN_STAT] * size;
            if (size == sizeof(double))
                prescale_doubles(prescaled, x, col[CN_X], prescale, how->stat.col, piece.n);
            else
                prescale_floats(prescaled, x, col[CN_X], prescale, how->stat.col, piece.n, how->k->size);
            piece.offset[CN_X] = 0;
            write_tile(&own, &piece);
        }
}

static cn_param_layout layout_of(ptrdiff_t row, ptrdiff_t col, ptrdiff_t n, ptrdiff_t size)
{
    const int per_column = col != 0 && n > 1;
    return (cn_param_layout){row, col, per_column, per_column && col != size};
}

/* Rows of narrow columns without gaps that are taken as one, or 1. */
static ptrdiff_t joined_rows(const cn_writing *how)
{
    const cn_tiling *tiling = how->tiling;
    const ptrdiff_t n = tiling->col.n, row = n * how->k->size, joined = cn_joined_rows_of(n);
    const ptrdiff_t rows = tiling->row.n < tiling->block_rows ? tiling->row.n : tiling->block_rows;
    const int whole = (how->pack_x || how->row[CN_X] == row) && (how->pack_y || how->row[CN_Y] == row);
    const int shared = how->stat.row == 0 && how->w.row == 0 && how->b.row == 0;
    return how->stat.per_column && whole && shared && rows >= 4 * joined ? joined : 1;
}

void cn_open_writing(const cn_job *job, const cn_tiling *tiling, cn_writing *how)
{
    const ptrdiff_t *row = tiling->row.stride, *col = tiling->col.stride, n = tiling->col.n;
    const ptrdiff_t size = job->k->size, param_size = job->k->param_size;
    how->k = job->k, how->tiling = tiling, how->row = row, how->col = col;
    how->stat = layout_of(row[CN_STAT] * param_size, col[CN_STAT] * param_size, n, param_size);
    how->w = layout_of(row[CN_W], col[CN_W], n, param_size);
    how->b = layout_of(row[CN_B], col[CN_B], n, param_size);
    const int strided = n > 1 && col[CN_Y] != size;
    how->activation = job->call->activation, how->slope = job->call->slope;
    how->pack_x = n > 1 && col[CN_X] != size, how->pack_y = strided || cn_curved(how->activation);
    how->fetches_y = 0, how->beyond_cache = job->beyond_cache, how->nontemporal = job->nontemporal && !strided;
    how->prefetch = job->prefetch;
    how->joined_rows = joined_rows(how);
}

void cn_place_writing(const cn_job *job, const ptrdiff_t *offset, const cn_params *params, const cn_scratch *s,
                      cn_writing *how)
{
    const cn_call *call = job->call;
    const int gathers = how->stat.apart | how->w.apart | how->b.apart;
    how->params = params, how->packed = s->packed;
    how->write = params->prescaled ? write_prescaled : gathers ? write_rows : write_tile;
    for (int o = 0; o < CN_NOPERANDS; o++) how->base[o] = call->op[o].data ? call->op[o].data + offset[o] : NULL;
    how->base[CN_Y] = s->y ? s->y + job->plan.start[CN_Y] : job->y + offset[CN_Y];
    if (!s->x) return;
    /* What is fetched while the sum is applied is the second of what the next one is of. */
    how->base[CN_X] = s->x;
    how->prefetch = job->prefetch + (ptrdiff_t)((uintptr_t)(call->add[1] + offset[CN_X]) - (uintptr_t)s->x);
}

int cn_plain_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t)
{
    char *packed = how->packed;
    if (how->pack_x || how->pack_y || how->write != write_tile) return 0;
    open_tile(how, block, t, &packed);
    return 1;
}
