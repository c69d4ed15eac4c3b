/* unpack.c: rows of doubles, a lane each, as results where they belong.
 *
 * Lanes that are neighbours in memory are written row by row and past the cache (columns of (10000, 100): 3.0 ms, past
 * the cache 1.9); squares of lines without gaps are transposed, and past the cache whole cache lines go. */
#include <stdint.h>
#include <string.h>

#include "windows/abreast.h"
#define CN_VB 16
#include "simd/vec.h"

/* Rows whose lanes are written past the cache at a time. */
#define PART 128

static ptrdiff_t size_of(const cn_abreast *a) { return a->floats ? sizeof(float) : sizeof(double); }

/* Neighbouring lanes: those of the last eight from t->from on. */
static void unpack_neighbours(const cn_abreast *a, cn_turned *t, ptrdiff_t step)
{
    t->step = step;
    const ptrdiff_t rest = (CN_ROW_LANES - t->from) * size_of(a);
    t->past = a->nontemporal && ((uintptr_t)t->y | (uintptr_t)step | (uintptr_t)rest) % 16 == 0;
    a->k->near_rows(t);
}

/* Whole cache lines past the cache: what stands beside one another there is written at once or not so at all. */
static void copy_past(char *to, const char *from, ptrdiff_t bytes)
{
    ptrdiff_t i = (ptrdiff_t)(-(uintptr_t)to % 64);
    if (i > bytes) i = bytes;
    memcpy(to, from, (size_t)i);
    for (; i + 64 <= bytes; i += 64) cn_nontemporal_line(to + i, from + i);
    memcpy(to + i, from + i, (size_t)(bytes - i));
}

/* Lines without gaps, past the cache. */
static void unpack_past(const cn_abreast *a, const cn_turned *t)
{
    double part[CN_ROW_LANES][PART + CN_ROW_LANES]; /* not whole pages apart */
    cn_turned of = {.y = (char *)part, .eights = 1, .floats = t->floats, .by = t->by};
    for (int l = 0; l < CN_ROW_LANES; l++) of.lane[l] = l * (ptrdiff_t)sizeof *part;
    for (int e = 0; e < t->eights; e++)
        for (ptrdiff_t r = 0; r < t->n; r += of.n) {
            of.n = t->n - r < PART ? t->n - r : PART;
            of.rows = t->rows + e * t->apart + r * CN_ROW_LANES;
            a->k->turn_rows(&of);
            for (int l = e + 1 < t->eights ? 0 : t->from; l < CN_ROW_LANES; l++)
                copy_past(t->y + e * t->next + t->lane[l] + r * size_of(a), (char *)part[l], of.n * size_of(a));
        }
}

#define LINE_AS(type)                                                                                             \
    static void line_as_##type(char *to, ptrdiff_t step, ptrdiff_t r, ptrdiff_t end, double by,                   \
                               const double *from)                                                                \
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

/* Lines that have all these rows, lanes up to n of each eight. */
static void unpack_lines(const cn_abreast *a, const cn_turned *t, ptrdiff_t step, int n)
{
    if (step == size_of(a) && n == CN_ROW_LANES) {
        a->nontemporal ? unpack_past(a, t) : a->k->turn_rows(t);
        return;
    }
    for (int e = 0; e < t->eights; e++)
        for (int l = e + 1 < t->eights ? 0 : t->from; l < n; l++)
            unpack_lane(a, t->y + e * t->next + t->lane[l], step, 0, t->n, t->by, t->rows + e * t->apart + l);
}

/* Lines that are evenly apart. */
static void unpack_even(const cn_abreast *a, cn_turned t, int eights, int which)
{
    const ptrdiff_t lane = a->to_lane[which][1], step = a->to_step[which];
    memcpy(t.lane, a->to_lane[which], sizeof t.lane);
    t.next = CN_ROW_LANES * lane;
    t.eights = eights;
    if (lane == size_of(a)) {
        t.from = a->from;
        unpack_neighbours(a, &t, step);
        return;
    }
    if (a->from) t.eights--;
    unpack_lines(a, &t, step, CN_ROW_LANES);
    if (!a->from) return;
    t.y += (CN_ROW_LANES * (eights - 1) - a->from) * lane, t.rows += (eights - 1) * t.apart;
    t.eights = 1, t.from = a->from;
    unpack_lines(a, &t, step, CN_ROW_LANES);
}

/* Lanes each at a place of its own. */
static void unpack_apart(const cn_abreast *a, int which, ptrdiff_t row, ptrdiff_t back, cn_turned t)
{
    const ptrdiff_t step = a->to_step[which];
    ptrdiff_t begin[CN_ROW_LANES], end[CN_ROW_LANES];
    char *to[CN_ROW_LANES] = {NULL};
    int all = a->n == CN_ROW_LANES;
    for (int l = 0; l < a->n; l++) {
        const ptrdiff_t at = a->first[l] + row, most = a->end[l] < a->length + back ? a->end[l] : a->length + back;
        to[l] = a->to[which][l] + (at - back) * step;
        begin[l] = at < back ? back - at : 0, end[l] = most - at < t.n ? most - at : t.n;
        all &= begin[l] == 0 && end[l] == t.n;
    }
    t.y = to[0], t.from = a->from;
    for (int l = 0; l < a->n && all; l++) t.lane[l] = to[l] - to[0];
    if (all)
        unpack_lines(a, &t, step, a->n);
    else
        for (int l = a->from; l < a->n; l++) unpack_lane(a, to[l], step, begin[l], end[l], t.by, t.rows + l);
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
        unpack_even(a, t, eights, which);
        return;
    }
    for (int i = 0; i < eights; i++, t.rows += apart) unpack_apart(a + i, which, row, back, t);
}
