/* turn.c: matrices turned, elements of any size; those of four bytes in squares of four. */
#include "memory/turn.h"

#include <stdint.h>

#define LINE 64
/* Rows of at least a line from which on a block is turned: (130, 768) floats to lines 3 KiB apart 1.2 ns an element row by row,
 * turned 0.25 (Emerald Rapids); three rows, or shorter ones, take 1.15 of the time of copies. */
#define LEAST_TURNED 4
/* Bytes of each column that are fetched before they are read (40 MB of floats from memory, Zen 3: 4.1 ms, without 5.3; in the
 * cache no gain, no loss). */
#define EARLY 256

typedef int32_t quad __attribute__((vector_size(16)));

static quad load(const char *from)
{
    quad v;
    memcpy(&v, from, sizeof v);
    return v;
}

static void store(char *to, quad v) { memcpy(to, &v, sizeof v); }

/* Four vectors, each `from_next` behind the one before, to their columns. */
static inline void turn_square(char *to, ptrdiff_t to_next, const char *from, ptrdiff_t from_next)
{
    const quad a = load(from), b = load(from + from_next), c = load(from + 2 * from_next),
               d = load(from + 3 * from_next);
    const quad e = __builtin_shufflevector(a, b, 0, 4, 1, 5), f = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const quad g = __builtin_shufflevector(a, b, 2, 6, 3, 7), h = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(to, __builtin_shufflevector(e, f, 0, 1, 4, 5));
    store(to + to_next, __builtin_shufflevector(e, f, 2, 3, 6, 7));
    store(to + 2 * to_next, __builtin_shufflevector(g, h, 0, 1, 4, 5));
    store(to + 3 * to_next, __builtin_shufflevector(g, h, 2, 3, 6, 7));
}

/* A cache line's positions of columns without gaps to rows; how many columns that were. */
static ptrdiff_t columns_to_rows(cn_matrix to, cn_matrix from, ptrdiff_t columns)
{
    ptrdiff_t c = 0;
    for (; c + 4 <= columns; c += 4, from.data += 4 * from.row, to.data += 16) {
        for (int i = 0; i < 4; i++) __builtin_prefetch(from.data + i * from.row + EARLY, 0, 3);
        for (int p = 0; p < LINE; p += 16) turn_square(to.data + p / 4 * to.col, to.col, from.data + p, from.row);
    }
    return c;
}

/* And back. */
static ptrdiff_t rows_to_columns(cn_matrix to, cn_matrix from, ptrdiff_t columns)
{
    ptrdiff_t c = 0;
    for (; c + 4 <= columns; c += 4, to.data += 4 * to.row, from.data += 16)
        for (int p = 0; p < LINE; p += 16)
            turn_square(to.data + p, to.row, from.data + p / 4 * from.col, from.col);
    return c;
}

/* Positions of one cache line. */
static void turn_line(cn_matrix to, cn_matrix from, ptrdiff_t columns, ptrdiff_t n, ptrdiff_t size)
{
    ptrdiff_t done = 0;
    if (size == 4 && n * size == LINE && from.col == size && to.row == size)
        done = columns_to_rows(to, from, columns);
    else if (size == 4 && n * size == LINE && to.col == size && from.row == size)
        done = rows_to_columns(to, from, columns);
    if (done < columns) cn_copy(cn_matrix_at(to, done, 0), cn_matrix_at(from, done, 0), columns - done, n, size);
}

void cn_turn(cn_matrix to, cn_matrix from, ptrdiff_t columns, ptrdiff_t n, ptrdiff_t size)
{
    const ptrdiff_t line = LINE / size;
    for (ptrdiff_t p = 0; p < n; p += line)
        turn_line(cn_matrix_at(to, 0, p), cn_matrix_at(from, 0, p), columns, n - p < line ? n - p : line, size);
}

void cn_copy_block(cn_matrix to, cn_matrix from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t size)
{
    const int turned = (to.row == size && to.col != size) || (from.row == size && from.col != size);
    if (turned && rows >= LEAST_TURNED && n * size >= LINE)
        cn_turn(to, from, rows, n, size);
    else
        cn_copy(to, from, rows, n, size);
}
