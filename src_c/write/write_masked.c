/* write_masked.c: y of what a mask shows of a block, and 0 where it hides x. */
#include <stdint.h>
#include <string.h>

#include "plan/mask.h"
#include "write/write.h"

/* Rows up to this length are applied together, hidden elements too, which are wiped afterwards. */
#define SHORT_ROW 64
/* What a store past the cache is made of. */
#define STORE_BYTES 16

/* y = 0 over rows and columns of a block. */
static void wipe(const cn_writing *how, const cn_block *block, ptrdiff_t r, ptrdiff_t rows, ptrdiff_t c,
                 ptrdiff_t n)
{
    const ptrdiff_t row = how->row[CN_Y], col = how->col[CN_Y], size = how->k->size;
    char *y = how->base[CN_Y] + block->offset[CN_Y] + r * row + c * col;
    const int dense = n == 1 || col == size;
    if (n == 0) return;
    if (dense && row == n * size) n *= rows, rows = 1;
    for (ptrdiff_t i = 0; i < rows; i++, y += row)
        if (dense)
            memset(y, 0, (size_t)(n * size));
        else
            for (ptrdiff_t j = 0; j < n; j++) memset(y + j * col, 0, (size_t)size);
}

#define WIPE(T, y_stride, mask_stride)                                                                            \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                           \
        T v;                                                                                                      \
        memcpy(&v, y + i * (y_stride), sizeof v);                                                                 \
        v &= (T) - (T)(mask[i * (mask_stride)] != 0); /* a choice would be a branch for 8 bytes */                \
        memcpy(y + i * (y_stride), &v, sizeof v);                                                                 \
    }                                                                                                             \
    return
#define WIPE_ANY(T)                                                                                               \
    if (stride == (ptrdiff_t)sizeof(T) && mask_stride == 1) {                                                     \
        WIPE(T, (ptrdiff_t)sizeof(T), 1);                                                                         \
    }                                                                                                             \
    WIPE(T, stride, mask_stride)

/* y = 0 where the mask hides some of n elements. */
static void wipe_hidden(char *y, ptrdiff_t stride, const char *mask, ptrdiff_t mask_stride, ptrdiff_t n,
                        ptrdiff_t size)
{
    switch (size) {
    case 2: WIPE_ANY(uint16_t);
    case 4: WIPE_ANY(uint32_t);
    case 8: WIPE_ANY(uint64_t);
    default:
        for (ptrdiff_t i = 0; i < n; i++)
            if (!mask[i * mask_stride]) memset(y + i * stride, 0, (size_t)size);
    }
}

/* Rows of few elements, without gaps, a byte of the mask for each. */
static void wipe_hidden_few(char *y, const char *mask, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t n,
                            ptrdiff_t size)
{
    char shown[CN_BLOCK + CN_REPEATED];
    const ptrdiff_t at_once = CN_BLOCK / n;
    for (ptrdiff_t r = 0, some; r < rows; r += some) {
        some = rows - r < at_once ? rows - r : at_once;
        cn_repeat_mask(mask + r * stride, stride, some, n, shown);
        wipe_hidden(y + r * n * size, size, shown, 1, some * n, size);
    }
}

/* Rows without gaps in y and in the mask are one. */
static void wipe_hidden_of_rows(const cn_writing *how, const cn_block *part)
{
    const ptrdiff_t *row = how->row, *col = how->col, size = how->k->size;
    char *y = how->base[CN_Y] + part->offset[CN_Y];
    const char *mask = how->base[CN_M] + part->offset[CN_M];
    ptrdiff_t rows = part->rows, n = part->n;
    if ((n == 1 || (col[CN_Y] == size && col[CN_M] == 1)) && row[CN_Y] == n * size && row[CN_M] == n)
        wipe_hidden(y, size, mask, 1, n * rows, size), rows = 0;
    if (rows > 1 && n <= CN_FEW_MASKED && col[CN_M] == 0 && col[CN_Y] == size && row[CN_Y] == n * size)
        wipe_hidden_few(y, mask, row[CN_M], rows, n, size), rows = 0;
    for (ptrdiff_t r = 0; r < rows; r++)
        wipe_hidden(y + r * row[CN_Y], col[CN_Y], mask + r * row[CN_M], col[CN_M], n, size);
}

/* Part of a block, of all columns maybe. Ordinary stores where it is read again, or does not begin and end at multiples
 * of 16 bytes. */
static void write_part(const cn_writing *how, const cn_block *part, int is_final, int all_columns)
{
    const size_t ends = (size_t)(how->base[CN_Y] + part->offset[CN_Y]) | (size_t)(part->n * how->k->size);
    const int as_it_is = !how->nontemporal || (is_final && ends % STORE_BYTES == 0);
    if (as_it_is && (all_columns || how->joined_rows == 1)) {
        how->write(how, part);
        return;
    }
    cn_writing again = *how;
    again.nontemporal &= as_it_is;
    if (!all_columns) again.joined_rows = 1;
    how->write(&again, part);
}

/* Rows of a block that share an extent. */
static void apply_rows(const cn_writing *how, const cn_block *block, ptrdiff_t r, ptrdiff_t rows, cn_extent e)
{
    const ptrdiff_t *row = how->row, *col = how->col;
    cn_block part = *block;
    part.rows = rows, part.n = e.to - e.from;
    for (int o = 0; o < CN_NOPERANDS; o++) part.offset[o] += r * row[o] + e.from * col[o];
    wipe(how, block, r, rows, 0, e.from);
    wipe(how, block, r, rows, e.to, block->n - e.to);
    if (part.n == 0) return;
    write_part(how, &part, e.full, part.n == block->n);
    if (e.full) return;
    wipe_hidden_of_rows(how, &part);
}

static void apply(const cn_writing *how, const cn_apply_tile *t)
{
    if (how->stat.per_column)
        how->k->apply_cols(t);
    else
        how->k->apply_rows(t);
}

/* Row by row, each with its mask side by side. */
static void apply_gathered(const cn_writing *how, cn_apply_tile t)
{
    char shown[CN_BLOCK];
    cn_param *const params[] = {&t.hi, &t.lo, &t.scale, &t.w, &t.b};
    const char *mask = t.mask;
    const ptrdiff_t rows = t.rows;
    t.rows = 1, t.mask = shown;
    for (ptrdiff_t r = 0; r < rows; r++) {
        if (r == 0 || t.mask_row)
            for (ptrdiff_t j = 0; j < t.n; j++) shown[j] = mask[r * t.mask_row + j * how->col[CN_M]];
        apply(how, &t);
        t.x += t.x_row, t.y += t.y_row;
        for (int i = 0; i < 5; i++) params[i]->data += params[i]->data ? params[i]->row : 0;
    }
}

/* Of a block of which nothing is packed: by kernels that know the mask. Past the cache stores go row by row then, each from
 * its first element to its last, and there is nothing but such stores: others would wait for the memory one by one, and
 * lines not written at once, too. x (32, 256, 512), second half hidden: rows first and zeros then 2.0 ms, so 1.0. */
static int write_shown(const cn_writing *how, const cn_block *block)
{
    cn_apply_tile t;
    if (block->n > CN_BLOCK || !cn_plain_tile(how, block, &t)) return 0;
    t.mask = how->base[CN_M] + block->offset[CN_M], t.mask_row = how->row[CN_M];
    if (how->col[CN_M] == 1)
        apply(how, &t);
    else
        apply_gathered(how, t);
    return 1;
}

/* Of a block that is not shown as a whole. */
static void apply_some_of(const cn_writing *how, const cn_block *block, const char *mask)
{
    const ptrdiff_t row = how->row[CN_M], col = how->col[CN_M];
    const ptrdiff_t rows = block->rows, n = block->n;
    const cn_extent all = {0, n, 1}, some = {0, n, 0}, none = {n, n, 1};
    if (col && n > SHORT_ROW && how->nontemporal && write_shown(how, block)) return;
    if (row == 0 || rows == 1) {
        apply_rows(how, block, 0, rows, cn_look(mask, col, n));
    } else if ((col == 0 || n == 1) && n > CN_FEW_MASKED) {
        for (ptrdiff_t r = 0, next; r < rows; r = next) {
            int mixed;
            next = r + cn_mixed_run(mask + r * row, row, rows - r, (SHORT_ROW + n - 1) / n, &mixed);
            apply_rows(how, block, r, next - r, mixed ? some : mask[r * row] ? all : none);
        }
    } else if (n <= SHORT_ROW) {
        apply_rows(how, block, 0, rows, some);
    } else {
        for (ptrdiff_t r = 0, next; r < rows; r = next) {
            const cn_extent e = cn_look(mask + r * row, col, n);
            for (next = r + 1; next < rows && !e.full && !cn_look(mask + next * row, col, n).full;) next++;
            apply_rows(how, block, r, next - r, next > r + 1 ? some : e);
        }
    }
}

void cn_write_masked(const cn_writing *how, const cn_block *block)
{
    const ptrdiff_t row = how->row[CN_M], col = how->col[CN_M];
    const char *mask = how->base[CN_M] + block->offset[CN_M];
    if (cn_all_shown(mask, row, col, row ? block->rows : 1, col ? block->n : 1))
        how->write(how, block);
    else
        apply_some_of(how, block, mask);
}
