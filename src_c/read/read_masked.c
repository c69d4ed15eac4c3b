/* read_masked.c: the moments of what a mask shows of a block.
 *
 * A rectangle is read where it lies; anything else is packed first, in order. Which of the two depends on
 * the mask of the group alone, so its bits do. */
#include <stdint.h>
#include <string.h>

#include "memory/copy.h"
#include "plan/mask.h"
#include "read/block.h"

/* Without branches: where the mask changes often they would be guesses. */
#define PICK(T)                                                                                                   \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                           \
        T v;                                                                                                      \
        memcpy(&v, from + i * stride, sizeof v);                                                                  \
        memcpy(to + k * (ptrdiff_t)sizeof v, &v, sizeof v);                                                       \
        k += mask[i * mask_stride] != 0;                                                                          \
    }                                                                                                             \
    return k

static ptrdiff_t pick(char *to, const char *from, ptrdiff_t stride, const char *mask, ptrdiff_t mask_stride,
                      ptrdiff_t n, ptrdiff_t size)
{
    ptrdiff_t k = 0;
    switch (size) {
    case 2: PICK(uint16_t);
    case 4: PICK(uint32_t);
    case 8: PICK(uint64_t);
    default:
        for (ptrdiff_t i = 0; i < n; i++)
            if (mask[i * mask_stride]) memcpy(to + k++ * size, from + i * stride, (size_t)size);
        return k;
    }
}

/* Copies the shown ones of n elements side by side; how many. `to` has room for n. */
static ptrdiff_t squeeze(char *to, const char *from, ptrdiff_t stride, const char *mask, ptrdiff_t mask_stride,
                         ptrdiff_t n, ptrdiff_t size)
{
    if (mask_stride == 0 && *mask) cn_copy_row(to, size, from, stride, n, size);
    if (mask_stride == 0) return *mask ? n : 0;
    if (mask_stride != 1 || stride != size) return pick(to, from, stride, mask, mask_stride, n, size);
    ptrdiff_t k = 0;
    for (ptrdiff_t i = 0, next; i < n; i = next) {
        next = i + cn_alike(mask + i, 1, n - i);
        if (next - i < 8 && next < n) { /* often */
            next = n - i < 32 ? n : i + 32;
            k += pick(to + k * size, from + i * size, size, mask + i, 1, next - i, size);
        } else if (mask[i]) {
            memcpy(to + k * size, from + i * size, (size_t)((next - i) * size));
            k += next - i;
        }
    }
    return k;
}

/* The shown elements of each group as one row; the shown rows, if columns are groups. */
static void pack_shown(const cn_reading *how, const char *mask, cn_tile *t, ptrdiff_t stride)
{
    const ptrdiff_t *row = how->tiling->row.stride, *col = how->tiling->col.stride, size = how->k->size;
    ptrdiff_t n = 0;
    char *to = how->packed;
    for (ptrdiff_t g = 0; g < t->groups; g++, to += n * size) {
        n = 0;
        for (ptrdiff_t r = 0; r < t->rows; r++)
            n += squeeze(to + n * size, t->x + g * t->x_group + r * t->x_row, stride, mask + r * row[CN_M],
                         col[CN_M], t->n, size);
    }
    t->x = how->packed;
    if (how->cols)
        t->x_row = t->n * size, t->rows = n / t->n;
    else
        t->x_group = n * size, t->rows = 1, t->n = n;
}

/* Moments of what is shown of a tile whose groups share a mask. */
static void read_shown(const cn_reading *how, const char *mask, cn_tile t, cn_moments_view *acc,
                       cn_moments_view *joined)
{
    const ptrdiff_t row = how->tiling->row.stride[CN_M], col = how->tiling->col.stride[CN_M];
    const ptrdiff_t stride = how->tiling->col.stride[CN_X];
    cn_extent e = {0, 0, 0};
    if (row == 0 || t.rows == 1) {
        e = cn_look(mask, col, t.n);
        if (e.full) t.x += e.from * stride, t.n = e.to - e.from;
    } else if (col == 0 || t.n == 1) {
        e = cn_look(mask, row, t.rows);
        if (e.full) t.x += e.from * t.x_row, t.rows = e.to - e.from;
    } else {
        e.full = cn_all_shown(mask, row, col, t.rows, t.n);
    }
    if (!e.full) pack_shown(how, mask, &t, stride);
    if (t.rows && t.n) cn_read_tile(how, t, how->pack && e.full, acc, joined);
}

/* Moments of the shown groups; the count is that of each of them. */
static void read_groups(const cn_reading *how, const char *mask, cn_tile t, cn_moments_view *acc)
{
    const ptrdiff_t step = how->columns->stride[CN_M], x_group = t.x_group, n = t.groups;
    const double count = acc->count;
    cn_moments_view part = *acc;
    for (ptrdiff_t g = 0; g < n; g += t.groups) {
        t.groups = cn_alike(mask + g * step, step, n - g);
        if (mask[g * step]) {
            part = (cn_moments_view){count, acc->mean + g, acc->mean_lo + g, acc->m2 + g};
            cn_read_tile(how, t, how->pack, &part, NULL);
        }
        t.x += t.groups * x_group;
    }
    acc->count = part.count;
}

void cn_read_masked(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                    cn_moments_view *acc, cn_moments_view *joined)
{
    const int by_group = how->columns->stride[CN_M] != 0;
    const cn_tile t = cn_tile_of(how, block, x);
    if (by_group && how->cols)
        cn_read_tile(how, t, how->pack, acc, joined);
    else if (by_group)
        read_groups(how, mask + block->offset[CN_M], t, acc);
    else
        read_shown(how, mask + block->offset[CN_M], t, acc, joined);
}
