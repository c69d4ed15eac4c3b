/* abreast.c: parts of lines, taken eight at a time: packed as rows of doubles, and results put where they belong. */
#include "windows/abreast.h"

#include <math.h>
#include <string.h>

#include "memory/numbers.h"

/* Are these rows of a lane all on its line? */
static int whole(const cn_abreast *a, int l, ptrdiff_t row, ptrdiff_t rows)
{
    return a->first[l] + row >= 0 && a->first[l] + row + rows <= a->length;
}

/* Some rows of a lane are beyond its line. */
static void pack_lane(const cn_abreast *a, int l, ptrdiff_t row, ptrdiff_t rows, double by, double *to)
{
    const ptrdiff_t begin = a->first[l] + row, most = a->length - begin;
    if (l >= a->n) {
        for (ptrdiff_t i = 0; i < rows; i++) to[i * CN_ROW_LANES + l] = to[i * CN_ROW_LANES];
        return;
    }
    ptrdiff_t r = begin < 0 ? -begin : 0, end = rows < most ? rows : most;
    for (ptrdiff_t i = 0; i < rows; i++)
        if (i < r || i >= end) to[i * CN_ROW_LANES + l] = NAN;
    for (double part[64]; r < end;) {
        const ptrdiff_t n = end - r < 64 ? end - r : 64;
        cn_to_doubles(a->of, a->x[l] + (begin + r) * a->step, a->step, n, by, part);
        for (ptrdiff_t i = 0; i < n; i++) to[(r + i) * CN_ROW_LANES + l] = part[i];
        r += n;
    }
}

/* All rows of all lanes; neighbours in memory are left to the compiler to take several at a time. */
#define PACK_OF(NAME, type)                                                                                       \
    case CN_NUMBER_##NAME:                                                                                        \
        for (ptrdiff_t r = 0; r < rows && neighbours; r++) {                                                      \
            type v[CN_ROW_LANES];                                                                                 \
            memcpy(v, x[0] + r * step, sizeof v);                                                                 \
            for (int l = 0; l < CN_ROW_LANES; l++) to[r * CN_ROW_LANES + l] = (double)v[l] * by;                  \
        }                                                                                                         \
        for (ptrdiff_t r = 0; r < rows && !neighbours; r++)                                                       \
            for (int l = 0; l < CN_ROW_LANES; l++) {                                                              \
                type v;                                                                                           \
                memcpy(&v, x[l] + r * step, sizeof v);                                                            \
                to[r * CN_ROW_LANES + l] = (double)v * by;                                                        \
            }                                                                                                     \
        break;

void cn_pack_rows(const cn_abreast *a, ptrdiff_t row, ptrdiff_t rows, double by, double *restrict to)
{
    const char *x[CN_ROW_LANES];
    const ptrdiff_t step = a->step, size = cn_number_size(a->of);
    int neighbours = 1, one = -1;
    for (int l = 0; l < CN_ROW_LANES && one < 0; l++) one = whole(a, l, row, rows) ? l : -1;
    for (int l = 0; l < CN_ROW_LANES && one >= 0; l++) {
        const int from = whole(a, l, row, rows) ? l : one; /* the others are overwritten */
        x[l] = a->x[from] + (a->first[from] + row) * step;
        neighbours &= x[l] == x[0] + l * size;
    }
    switch (one < 0 ? CN_NO_NUMBER : a->of) {
        CN_NUMBERS(PACK_OF)
    default: break;
    }
    for (int l = 0; l < CN_ROW_LANES; l++)
        if (!whole(a, l, row, rows)) pack_lane(a, l, row, rows, by, to);
}

#define UNPACK_AS(type)                                                                                           \
    for (ptrdiff_t r = 0; r < rows && neighbours; r++) {                                                          \
        type v[CN_ROW_LANES];                                                                                     \
        for (int l = 0; l < CN_ROW_LANES; l++) v[l] = (type)(from[r * CN_ROW_LANES + l] * by);                    \
        memcpy(to[0] + r * step, v, sizeof v);                                                                    \
    }                                                                                                             \
    for (ptrdiff_t r = 0; r < rows && all && !neighbours; r++)                                                    \
        for (int l = 0; l < CN_ROW_LANES; l++) {                                                                  \
            const type v = (type)(from[r * CN_ROW_LANES + l] * by);                                               \
            memcpy(to[l] + r * step, &v, sizeof v);                                                               \
        }                                                                                                         \
    for (int l = 0; l < a->n && !all; l++)                                                                        \
        for (ptrdiff_t r = begin[l]; r < end[l]; r++) {                                                           \
            const type v = (type)(from[r * CN_ROW_LANES + l] * by);                                               \
            memcpy(to[l] + r * step, &v, sizeof v);                                                               \
        }

void cn_unpack_rows(const cn_abreast *a, int which, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t back, double by,
                    const double *restrict from)
{
    char *to[CN_ROW_LANES];
    ptrdiff_t begin[CN_ROW_LANES], end[CN_ROW_LANES];
    const ptrdiff_t step = a->to_step[which], size = a->floats ? sizeof(float) : sizeof(double);
    int all = a->n == CN_ROW_LANES, neighbours;
    for (int l = 0; l < a->n; l++) {
        const ptrdiff_t at = a->first[l] + row, most = a->end[l] < a->length + back ? a->end[l] : a->length + back;
        to[l] = a->to[which][l] + (at - back) * step;
        begin[l] = at < back ? back - at : 0, end[l] = most - at < rows ? most - at : rows;
        all &= begin[l] == 0 && end[l] == rows;
    }
    neighbours = all;
    for (int l = 0; l < CN_ROW_LANES && all; l++) neighbours &= to[l] == to[0] + l * size;
    if (a->floats) {
        UNPACK_AS(float)
    } else {
        UNPACK_AS(double)
    }
}
