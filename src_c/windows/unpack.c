/* unpack.c: rows of doubles, a lane each, as results where they belong.
 *
 * Lanes that are neighbours in memory are written row by row and past the cache (columns of (10000, 100): 3.0 ms, past
 * the cache 1.9); squares of lines without gaps are transposed. These are not written past the cache: a tile has parts of
 * cache lines of each lane, and the next loads wait for them (sums of 100 along (1000, 4096) float32 1.9 ns an element
 * that way, 0.6 by ordinary stores; of one series of 1e6 float64 0.9 and 0.6; Zen 5). */
#include <stdint.h>
#include <string.h>

#include "windows/abreast.h"

static ptrdiff_t size_of(const cn_abreast *a) { return a->floats ? sizeof(float) : sizeof(double); }

/* Neighbouring lanes: those of the last eight from t->from on. */
static void unpack_neighbours(const cn_abreast *a, cn_turned *t, ptrdiff_t step)
{
    t->step = step;
    const ptrdiff_t rest = (CN_ROW_LANES - t->from) * size_of(a);
    t->past = a->nontemporal && ((uintptr_t)t->y | (uintptr_t)step | (uintptr_t)rest) % 16 == 0;
    a->k->near_rows(t);
}

#define LINE_AS(type)                                                                                             \
    static void line_as_##type(char *to, ptrdiff_t step, ptrdiff_t r, ptrdiff_t end, double by,                   \
                               const double *restrict from)                                                       \
    {                                                                                                             \
        for (; r < end; r++) {                                                                                    \
            const type v = (type)(from[r * CN_ROW_LANES] * by);                                                   \
            memcpy(to + r * step, &v, sizeof v);                                                                  \
        }                                                                                                         \
    }
LINE_AS(float)
LINE_AS(double)

/* Rows begin ... end - 1 of a lane, which are on its line. */
static void unpack_lane(const cn_abreast *a, char *to, ptrdiff_t step, ptrdiff_t begin, ptrdiff_t end, double by,
                        const double *from)
{
    (a->floats ? line_as_float : line_as_double)(to, step, begin, end, by, from);
}

/* Lines that have all these rows, lanes up to n of each eight: those behind, and their places, are the first once more. */
static void unpack_lines(const cn_abreast *a, const cn_turned *t, ptrdiff_t step, int n)
{
    if (step == size_of(a)) {
        a->k->turn_rows(t);
        return;
    }
    for (int e = 0; e < t->eights; e++)
        for (int l = e + 1 < t->eights ? 0 : t->from; l < n; l++)
            unpack_lane(a, t->y + e * t->next + t->lane[l], step, 0, t->n, t->by, t->rows + e * t->apart + l);
}

/* Lines that are evenly apart. */
static void unpack_even(const cn_abreast *a, cn_turned *t, int eights, int which)
{
    const ptrdiff_t lane = a->to_lane[which][1], step = a->to_step[which];
    memcpy(t->lane, a->to_lane[which], sizeof t->lane);
    t->next = CN_ROW_LANES * lane;
    t->eights = eights;
    if (lane == size_of(a)) {
        t->from = a->from;
        unpack_neighbours(a, t, step);
        return;
    }
    if (a->from) t->eights--;
    unpack_lines(a, t, step, CN_ROW_LANES);
    if (!a->from) return;
    t->y += (CN_ROW_LANES * (eights - 1) - a->from) * lane, t->rows += (eights - 1) * t->apart;
    t->eights = 1, t->from = a->from;
    unpack_lines(a, t, step, CN_ROW_LANES);
}

/* Lanes each at a place of its own. */
static void unpack_apart(const cn_abreast *a, int which, ptrdiff_t row, ptrdiff_t back, cn_turned *t)
{
    const ptrdiff_t step = a->to_step[which];
    ptrdiff_t begin[CN_ROW_LANES], end[CN_ROW_LANES];
    char *to[CN_ROW_LANES] = {NULL};
    int all = 1;
    for (int l = 0; l < a->n; l++) {
        const ptrdiff_t at = a->first[l] + row, most = a->end[l] < a->length + back ? a->end[l] : a->length + back;
        to[l] = a->to[which][l] + (at - back) * step;
        begin[l] = at < back ? back - at : 0, end[l] = most - at < t->n ? most - at : t->n;
        all &= begin[l] == 0 && end[l] == t->n;
    }
    t->y = to[0], t->from = a->from;
    for (int l = 0; l < CN_ROW_LANES && all; l++) t->lane[l] = l < a->n ? to[l] - to[0] : 0;
    if (all)
        unpack_lines(a, t, step, a->n);
    else
        for (int l = a->from; l < a->n; l++) unpack_lane(a, to[l], step, begin[l], end[l], t->by, t->rows + l);
}

void cn_unpack_rows(const cn_abreast *a, int eights, int which, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t back,
                    double by, const double *from, ptrdiff_t apart)
{
    if (a->at_one_row) {
        const ptrdiff_t at = a->first[0] + row, begin = at < back ? back - at : 0;
        const ptrdiff_t most = (a->end[0] < a->length + back ? a->end[0] : a->length + back) - at;
        const ptrdiff_t end = most < rows ? most : rows;
        if (begin >= end) return;
        row += begin, rows = end - begin, from += begin * CN_ROW_LANES;
    }
    cn_turned t = {.n = rows, .eights = 1, .apart = apart, .by = by, .floats = a->floats};
    t.rows = (double *)(uintptr_t)from;
    if (a->even) {
        t.y = a->to[which][0] + (a->first[0] + row - back) * a->to_step[which];
        unpack_even(a, &t, eights, which);
        return;
    }
    for (int i = 0; i < eights; i++, t.rows += apart) unpack_apart(a + i, which, row, back, &t);
}
