/* read_counted.c: a block of x of which not everything counts alike meets the kernels: masks, NaN left out, weights.
 *
 * What a mask hides is marked, in a copy: holes keep their places, so the sums of what counts are the same whether NaN,
 * a mask or a weight of 0 made them, and a mask that hides nothing changes no bit. */
#include <stdint.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "dispatch/numbers.h"
#include "plan/mask.h"
#include "read/block.h"

/* Groups of fewer elements are marked together, those a mask hides and those it shows, where few are alike: to tell them apart
 * takes longer (moments of rows of 3: 324 copies instead of 43). */
#define SHORT_GROUP 64

/* Behind a copy of x: weights as doubles; where lanes are floats, weights as such are behind the floats of x. */
static double *exact_memory(const cn_reading *how) { return (double *)how->packed + CN_PACKED; }
static float *floats_memory(const cn_reading *how) { return (float *)how->packed + CN_PACKED; }

/* One weight for each row, for all its columns. */
static void spread_weights(const cn_reading *how, const char *from, const cn_tile *t, double *to)
{
    double *one = to + (t->n - 1) * t->rows; /* they are read before they are written over */
    cn_to_doubles(how->weights_are, from, how->tiling->row.stride[CN_W], t->rows, how->weights_by, one);
    for (ptrdiff_t r = 0; r < t->rows; r++)
        for (ptrdiff_t j = 0; j < t->n; j++) to[r * t->n + j] = one[r];
}

/* One weight for each element. Rows, and groups, that follow each other without a gap are one. */
static void weigh_groups(const cn_reading *how, const char *from, ptrdiff_t step, ptrdiff_t groups,
                         const cn_tile *t, double *to)
{
    const ptrdiff_t row = how->tiling->row.stride[CN_W], col = how->tiling->col.stride[CN_W];
    const int dense = col == cn_number_size(how->weights_are);
    ptrdiff_t rows = t->rows, n = t->n;
    if (dense && row == n * col) n *= rows, rows = 1;
    if (dense && rows == 1 && step == n * col) n *= groups, groups = 1;
    for (ptrdiff_t g = 0; g < groups; g++)
        for (ptrdiff_t r = 0; r < rows; r++, to += n)
            cn_to_doubles(how->weights_are, from + g * step + r * row, col, n, how->weights_by, to);
}

/* The weights of a tile: of a group that stands for all if they share them; of columns one for a row if these share
 * them, but not of joined rows. */
static void pack_weights(const cn_reading *how, const cn_block *block, cn_tile *t)
{
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, size = how->k->param_size;
    const char *from = how->weights + block->offset[CN_W];
    const ptrdiff_t step = how->cols ? 0 : how->columns->stride[CN_W], groups = step ? t->groups : 1;
    double *to = exact_memory(how);
    t->exact = to, t->per_column = !how->cols || col[CN_W] != 0 || how->joined_rows > 1;
    const ptrdiff_t n = t->per_column ? t->n : 1;
    t->weights_row = n * size, t->weights_group = step ? t->rows * t->weights_row : 0;
    if (!t->per_column)
        cn_to_doubles(how->weights_are, from, row[CN_W], t->rows, how->weights_by, to);
    else if (how->cols && col[CN_W] == 0)
        spread_weights(how, from, t, to);
    else
        weigh_groups(how, from, step, groups, t, to);
    t->weights = (const char *)t->exact;
    if (size == sizeof(double)) return;
    cn_kernels_of(CN_F64)->lower(t->exact, groups * t->rows * n, floats_memory(how));
    t->weights = (const char *)floats_memory(how);
}

/* n elements of x, side by side, with holes where the mask hides. */
static void mark_row(const cn_reading *how, const char *x, const char *mask, ptrdiff_t step, ptrdiff_t n, char *to)
{
    char shown[CN_BLOCK];
    if (step == 0 && !*mask) {
        memset(to, 0xff, (size_t)(n * how->k->size));
        return;
    }
    if (how->tiling->col.stride[CN_X] != how->k->size || how->x || how->k != how->x_is) {
        cn_pack_row(how, x, n, to);
        x = to;
    }
    if (step == 0)
        memset(shown, 1, (size_t)n), mask = shown;
    else if (step != 1) {
        for (ptrdiff_t j = 0; j < n; j++) shown[j] = mask[j * step];
        mask = shown;
    }
    how->k->mark(x, mask, to, n);
}

/* Short rows one behind the other, a byte of the mask for each, `step` bytes apart. */
static void mark_short_rows(const cn_reading *how, const char *x, const char *mask, ptrdiff_t step, ptrdiff_t rows,
                            ptrdiff_t n)
{
    char shown[CN_BLOCK + CN_REPEATED];
    const ptrdiff_t row = n * how->k->size, at_once = CN_BLOCK / n;
    for (ptrdiff_t r = 0, some; r < rows; r += some) {
        some = rows - r < at_once ? rows - r : at_once;
        cn_repeat_mask(mask + r * step, step, some, n, shown);
        how->k->mark(x + r * row, shown, how->packed + r * row, some * n);
    }
}

/* A copy of the tile, with holes. group: from the mask of a group to that of the next. Rows, and groups, that follow each
 * other without a gap in x and in the mask are one. */
static void mark_tile(const cn_reading *how, const char *mask, ptrdiff_t group, cn_tile *t)
{
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, size = how->x_is->size;
    const ptrdiff_t to_row = t->n * how->k->size, to_group = t->rows * to_row;
    const int as_it_is = !how->x && how->k == how->x_is && col[CN_X] == size;
    ptrdiff_t rows = t->rows, groups = t->groups, n = t->n;
    if (!how->x && col[CN_X] == size && col[CN_M] == 1) {
        if (t->x_row == n * size && row[CN_M] == n) n *= rows, rows = 1;
        if (rows == 1 && t->x_group == n * size && group == n) n *= groups, groups = 1;
    }
    const int of_groups = rows == 1 && groups > 1 && t->x_group == n * size;
    const int of_rows = groups == 1 && rows > 1 && t->x_row == n * size;
    if (as_it_is && n < SHORT_GROUP && col[CN_M] == 0 && (of_groups || of_rows)) {
        mark_short_rows(how, t->x, mask, of_groups ? group : row[CN_M], of_groups ? groups : rows, n);
        groups = 0;
    }
    for (ptrdiff_t g = 0; g < groups; g++)
        for (ptrdiff_t r = 0; r < rows; r++)
            mark_row(how, t->x + g * t->x_group + r * t->x_row, mask + g * group + r * row[CN_M], col[CN_M], n,
                     how->packed + g * to_group + r * to_row);
    t->x = how->packed, t->x_row = to_row, t->x_group = to_group, t->to_fetch = 0;
    if (t->holes == CN_NO_HOLES) t->holes = CN_MARKED_HOLES;
}

/* What is hidden at the end need not be read: no sum is touched by it. Of several rows a little is, as rows that follow each
 * other are marked as one. */
static void leave_out_end(const cn_reading *how, const char *mask, cn_tile *t)
{
    const ptrdiff_t row = how->tiling->row.stride[CN_M], col = how->tiling->col.stride[CN_M];
    if (how->cols && col == 0 && how->joined_rows == 1) t->rows = cn_shown_end(mask, row, t->rows);
    if (how->cols) return;
    ptrdiff_t n = 0;
    for (ptrdiff_t r = 0; r < (row ? t->rows : 1) && n < t->n; r++)
        n += cn_shown_end(mask + r * row + n * col, col, t->n - n);
    if (t->rows == 1 || 4 * n <= 3 * t->n) t->n = n;
}

/* Groups that share a mask, or blocks of columns. */
static void read_shown(const cn_reading *how, const char *mask, cn_tile t, cn_moments_view *acc,
                       cn_moments_view *joined)
{
    const ptrdiff_t row = how->tiling->row.stride[CN_M], col = how->tiling->col.stride[CN_M];
    if (!how->numbered) leave_out_end(how, mask, &t);
    if (t.rows == 0 || t.n == 0) return;
    int pack = how->pack;
    if (!cn_all_shown(mask, row, col, t.rows, t.n)) mark_tile(how, mask, 0, &t), pack = 0;
    cn_read_tile(how, t, pack, acc, joined);
}

/* What a mask shows of a group. */
typedef enum { SOME_SHOWN, NONE_SHOWN, ALL_SHOWN } cn_shows;

static cn_shows what_shows(const cn_reading *how, const char *mask, const cn_tile *t)
{
    const ptrdiff_t row = how->tiling->row.stride[CN_M], col = how->tiling->col.stride[CN_M];
    if (*mask) return cn_all_shown(mask, row, col, t->rows, t->n) ? ALL_SHOWN : SOME_SHOWN;
    for (ptrdiff_t r = 0; r < (row ? t->rows : 1); r++)
        if (cn_shown_end(mask + r * row, col, t->n)) return SOME_SHOWN;
    return NONE_SHOWN;
}

/* Is one byte of the mask that of a whole group? */
static int has_one_byte(const cn_reading *how, const cn_tile *t)
{
    const cn_tiling *tiling = how->tiling;
    return (tiling->row.stride[CN_M] == 0 || t->rows == 1) && (tiling->col.stride[CN_M] == 0 || t->n == 1);
}

/* Groups with masks of their own: those of which all is shown are read together, and others; those of which nothing is are
 * left out, but by what counts places. */
static void read_groups(const cn_reading *how, const char *mask, cn_tile t, cn_moments_view *acc)
{
    const ptrdiff_t step = how->columns->stride[CN_M], n = t.groups;
    const int whole = has_one_byte(how, &t);
    const ptrdiff_t least = (SHORT_GROUP + t.rows * t.n - 1) / (t.rows * t.n);
    const int all_count = how->numbered || (!whole && how->reducer->rows == how->k->powers_rows);
    for (ptrdiff_t g = 0, next; g < n; g = next) {
        cn_shows shows = what_shows(how, mask + g * step, &t);
        int mixed = 0;
        next = g + (whole ? cn_mixed_run(mask + g * step, step, n - g, least, &mixed) : 1);
        if (mixed) shows = SOME_SHOWN;
        while (!whole && next < n && what_shows(how, mask + next * step, &t) == shows) next++;
        cn_tile part = t;
        cn_moments_view to = cn_groups_from(acc, g);
        part.groups = next - g, part.x += g * t.x_group;
        if (t.weights) cn_skip_weights(&part, g * t.weights_group, how->k->param_size);
        if (shows == NONE_SHOWN && !all_count) continue;
        if (shows != ALL_SHOWN) mark_tile(how, mask + g * step, step, &part);
        cn_read_tile(how, part, shows == ALL_SHOWN && how->pack, &to, NULL);
    }
}

/* Groups of fewer elements are marked all together. Sums of powers count what is hidden of a group, but no group that is hidden
 * as a whole. */
static ptrdiff_t marked_at_once(const cn_reading *how, const cn_tile *t)
{
    if (!has_one_byte(how, t)) return SHORT_GROUP;
    return how->reducer->rows == how->k->powers_rows ? 0 : CN_FEW_MASKED + 1;
}

void cn_read_counted(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                     cn_moments_view *joined)
{
    const ptrdiff_t group = how->cols ? 0 : how->columns->stride[CN_M];
    cn_tile t = cn_tile_of(how, block, x);
    t.holes = how->holes;
    if (how->weights) pack_weights(how, block, &t);
    if (!how->mask) {
        cn_read_tile(how, t, how->pack, acc, joined);
        return;
    }
    const char *mask = how->mask + block->offset[CN_M];
    if (group == 0) {
        read_shown(how, mask, t, acc, joined);
    } else if (t.rows * t.n < marked_at_once(how, &t)) {
        mark_tile(how, mask, group, &t);
        cn_read_tile(how, t, 0, acc, joined);
    } else {
        read_groups(how, mask, t, acc);
    }
}
