/* abreast.c: parts of lines, taken eight at a time: packed as rows of doubles.
 *
 * Lanes that are neighbours in memory, in one eight and the next, are taken row by row, so that memory is read in its
 * order (columns of (10000, 100): 3.3 ms by eights, 3.0 by rows); squares of lines without gaps are transposed. */
#include "windows/abreast.h"

#include <math.h>
#include <string.h>

#include "dispatch/numbers.h"

/* Rows of numbers that are made doubles before they are transposed. */
#define PART 64

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
        if (i < r || i >= end) to[i * CN_ROW_LANES + l] = i < r ? NAN : a->beyond;
    for (double part[PART]; r < end;) {
        const ptrdiff_t n = end - r < PART ? end - r : PART;
        cn_to_doubles(a->of, a->x[l] + (begin + r) * a->step, a->step, n, by, part);
        for (ptrdiff_t i = 0; i < n; i++) to[(r + i) * CN_ROW_LANES + l] = part[i];
        r += n;
    }
}

static int is_turned(const cn_abreast *a) { return a->of == CN_NUMBER_FLOAT || a->of == CN_NUMBER_DOUBLE; }

static void pack_neighbours(const cn_abreast *a, cn_turned *t)
{
    t->floats = a->of == CN_NUMBER_FLOAT, t->step = a->step;
    if (is_turned(a)) {
        a->k->near_lines(t);
        return;
    }
    double part[PART];
    const ptrdiff_t size = cn_number_size(a->of), lanes = t->eights * CN_ROW_LANES - t->from;
    cn_turned of = {.x = (const char *)part, .n = 1, .apart = t->apart, .by = 1};
    for (ptrdiff_t r = 0; r < t->n; r++)
        for (ptrdiff_t first = 0, next; first < lanes; first = next) {
            next = first + PART < lanes ? first + PART : lanes;
            of.eights = (int)((next - first + CN_ROW_LANES - 1) / CN_ROW_LANES);
            of.from = (int)(of.eights * CN_ROW_LANES - (next - first));
            of.rows = t->rows + first / CN_ROW_LANES * t->apart + r * CN_ROW_LANES;
            const ptrdiff_t before = next - first < CN_ROW_LANES ? of.from : 0; /* of the eight before */
            const char *at = t->x + r * a->step + (first - before) * size;
            cn_to_doubles(a->of, at, size, next - first + before, t->by, part);
            of.x = (const char *)(part + before);
            a->k->near_lines(&of);
        }
}

/* Lines of any numbers, with gaps or without. */
static void pack_lines(const cn_abreast *a, cn_turned *t)
{
    const ptrdiff_t size = cn_number_size(a->of);
    t->floats = a->of == CN_NUMBER_FLOAT;
    if (a->step == size && is_turned(a)) {
        a->k->turn_lines(t);
        return;
    }
    double part[CN_ROW_LANES][PART];
    cn_turned of = {.x = (const char *)part, .eights = 1, .by = 1};
    for (int l = 0; l < CN_ROW_LANES; l++) of.lane[l] = l * (ptrdiff_t)sizeof *part;
    for (int e = 0; e < t->eights; e++)
        for (ptrdiff_t r = 0; r < t->n; r += of.n) {
            of.n = t->n - r < PART ? t->n - r : PART;
            of.rows = t->rows + e * t->apart + r * CN_ROW_LANES;
            for (int l = 0; l < CN_ROW_LANES; l++)
                cn_to_doubles(a->of, t->x + e * t->next + t->lane[l] + r * a->step, a->step, of.n, t->by, part[l]);
            a->k->turn_lines(&of);
        }
}

/* Lines that are evenly apart, all with these rows; the last eight may begin before the one before it ends. */
static void pack_even(const cn_abreast *a, cn_turned *t, int eights)
{
    memcpy(t->lane, a->lane, sizeof t->lane);
    t->next = CN_ROW_LANES * a->lane[1], t->eights = eights;
    if (a->lane[1] == cn_number_size(a->of)) {
        t->from = a->from;
        pack_neighbours(a, t);
        return;
    }
    if (a->from) t->eights--;
    pack_lines(a, t);
    if (!a->from) return;
    t->x += (CN_ROW_LANES * (eights - 1) - a->from) * a->lane[1], t->rows += (eights - 1) * t->apart,
        t->eights = 1;
    pack_lines(a, t);
}

/* Lanes each at a place of its own. */
static void pack_apart(const cn_abreast *a, ptrdiff_t row, cn_turned *t)
{
    int one = -1;
    for (int l = 0; l < CN_ROW_LANES && one < 0; l++) one = whole(a, l, row, t->n) ? l : -1;
    if (one >= 0) {
        t->x = a->x[one] + (a->first[one] + row) * a->step;
        for (int l = 0; l < CN_ROW_LANES; l++) /* those that are not whole are overwritten */
            t->lane[l] = whole(a, l, row, t->n) ? a->x[l] + (a->first[l] + row) * a->step - t->x : 0;
        pack_lines(a, t);
    }
    for (int l = 0; l < CN_ROW_LANES; l++)
        if (!whole(a, l, row, t->n)) pack_lane(a, l, row, t->n, t->by, t->rows);
}

/* Rows that no lane has. */
static void pack_nothing(int eights, ptrdiff_t rows, double what, double *to, ptrdiff_t apart)
{
    for (int i = 0; i < eights; i++)
        for (ptrdiff_t j = 0; j < rows * CN_ROW_LANES; j++) to[i * apart + j] = what;
}

void cn_pack_rows(const cn_abreast *a, int eights, ptrdiff_t row, ptrdiff_t rows, double by, double *to,
                  ptrdiff_t apart)
{
    if (a->at_one_row) { /* lane by lane they take longer than short lines */
        const ptrdiff_t at = a->first[0] + row, before = at >= 0 ? 0 : -at < rows ? -at : rows;
        const ptrdiff_t most = a->length - at, end = most < before ? before : most < rows ? most : rows;
        pack_nothing(eights, before, NAN, to, apart);
        pack_nothing(eights, rows - end, a->beyond, to + end * CN_ROW_LANES, apart);
        row += before, rows = end - before, to += before * CN_ROW_LANES;
        if (rows == 0) return;
    }
    cn_turned t = {.n = rows, .eights = 1, .apart = apart, .by = by, .rows = to};
    if (a->even) {
        t.x = a->x[0] + (a->first[0] + row) * a->step;
        pack_even(a, &t, eights);
        return;
    }
    for (int i = 0; i < eights; i++, t.rows += apart) pack_apart(a + i, row, &t);
}
