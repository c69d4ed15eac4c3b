/* abreast.c: parts of lines, taken eight at a time: packed as rows of doubles, and results put where they belong.
 *
 * Lanes that are neighbours in memory, in one eight and the next, are taken row by row, so that memory is read and
 * written in its order (columns of (10000, 100): 3.3 ms by eights, 3.0 by rows, 1.9 past the cache); of lanes that are
 * lines without gaps two rows are transposed at a time, and whole cache lines go past the cache. */
#include "windows/abreast.h"

#include <math.h>
#include <string.h>

#include "memory/numbers.h"
#define CN_VB 16
#include "simd/vec.h"

typedef double two_doubles __attribute__((vector_size(16)));

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

/* How many eights, from the first on, are neighbours in memory, whole, and at the same rows? 0: not even the first. */
static int neighbours(const cn_abreast *a, int eights, ptrdiff_t row, ptrdiff_t rows)
{
    const ptrdiff_t size = cn_number_size(a->of);
    if (!whole(a, 0, row, rows)) return 0;
    for (int i = 0; i < eights; i++)
        for (int l = 0; l < CN_ROW_LANES; l++)
            if (a[i].x[l] != a->x[0] + (i * CN_ROW_LANES + l) * size || a[i].first[l] != a->first[0]) return i;
    return eights;
}

#define PACK_NEIGHBOURS(NAME, type)                                                                               \
    case CN_NUMBER_##NAME:                                                                                        \
        for (ptrdiff_t r = 0; r < rows; r++)                                                                      \
            for (int i = 0; i < eights; i++) {                                                                    \
                type v[CN_ROW_LANES];                                                                             \
                memcpy(v, x + r * a->step + i * (ptrdiff_t)sizeof v, sizeof v);                                   \
                for (int l = 0; l < CN_ROW_LANES; l++) to[i * apart + r * CN_ROW_LANES + l] = (double)v[l] * by;  \
            }                                                                                                     \
        break;

static void pack_neighbours(const cn_abreast *a, int eights, ptrdiff_t row, ptrdiff_t rows, double by,
                            double *restrict to, ptrdiff_t apart)
{
    const char *x = a->x[0] + (a->first[0] + row) * a->step;
    switch (a->of) {
        CN_NUMBERS(PACK_NEIGHBOURS)
    default: break;
    }
}

/* Rows r and r + 1 of two lanes, transposed. */
#define PACK_TWO(type)                                                                                            \
    typedef type two __attribute__((vector_size(2 * sizeof(type))));                                              \
    for (; a->step == (ptrdiff_t)sizeof(type) && r + 1 < rows; r += 2)                                            \
        for (int l = 0; l < CN_ROW_LANES; l += 2) {                                                               \
            two v, w;                                                                                             \
            memcpy(&v, x[l] + r * a->step, sizeof v), memcpy(&w, x[l + 1] + r * a->step, sizeof w);               \
            const two_doubles p = __builtin_convertvector(v, two_doubles) * by;                                   \
            const two_doubles q = __builtin_convertvector(w, two_doubles) * by;                                   \
            const two_doubles upper = {p[0], q[0]}, lower = {p[1], q[1]};                                         \
            memcpy(to + r * CN_ROW_LANES + l, &upper, sizeof upper);                                              \
            memcpy(to + (r + 1) * CN_ROW_LANES + l, &lower, sizeof lower);                                        \
        }

#define PACK_LINES(NAME, type)                                                                                    \
    case CN_NUMBER_##NAME: {                                                                                      \
        PACK_TWO(type)                                                                                            \
        for (; r < rows; r++)                                                                                     \
            for (int l = 0; l < CN_ROW_LANES; l++) {                                                              \
                type v;                                                                                           \
                memcpy(&v, x[l] + r * a->step, sizeof v);                                                         \
                to[r * CN_ROW_LANES + l] = (double)v * by;                                                        \
            }                                                                                                     \
        break;                                                                                                    \
    }

static void pack_lines(const cn_abreast *a, ptrdiff_t row, ptrdiff_t rows, double by, double *restrict to)
{
    const char *x[CN_ROW_LANES];
    ptrdiff_t r = 0;
    int one = -1;
    for (int l = 0; l < CN_ROW_LANES && one < 0; l++) one = whole(a, l, row, rows) ? l : -1;
    for (int l = 0; l < CN_ROW_LANES && one >= 0; l++) {
        const int from = whole(a, l, row, rows) ? l : one; /* the others are overwritten */
        x[l] = a->x[from] + (a->first[from] + row) * a->step;
    }
    switch (one < 0 ? CN_NO_NUMBER : a->of) {
        CN_NUMBERS(PACK_LINES)
    default: break;
    }
    for (int l = 0; l < CN_ROW_LANES; l++)
        if (!whole(a, l, row, rows)) pack_lane(a, l, row, rows, by, to);
}

/* Rows that no lane has. */
static void pack_nothing(int eights, ptrdiff_t row, ptrdiff_t end, double *to, ptrdiff_t apart)
{
    for (int i = 0; i < eights; i++)
        for (ptrdiff_t j = row * CN_ROW_LANES; j < end * CN_ROW_LANES; j++) to[i * apart + j] = NAN;
}

void cn_pack_rows(const cn_abreast *a, int eights, ptrdiff_t row, ptrdiff_t rows, double by, double *to,
                  ptrdiff_t apart)
{
    const ptrdiff_t at = a->first[0] + row, before = at >= 0 ? 0 : -at < rows ? -at : rows;
    const ptrdiff_t behind = at + rows > a->length ? at + rows - a->length : 0;
    if (a->at_one_row && before + behind > 0) { /* lane by lane they take longer than short lines */
        const ptrdiff_t end = rows - behind > before ? rows - behind : before;
        pack_nothing(eights, 0, before, to, apart), pack_nothing(eights, end, rows, to, apart);
        row += before, rows = end - before, to += before * CN_ROW_LANES;
        if (rows == 0) return;
    }
    for (int i = 0, n; i < eights; i += n) {
        n = neighbours(a + i, eights - i, row, rows);
        if (n)
            pack_neighbours(a + i, n, row, rows, by, to + i * apart, apart);
        else
            pack_lines(a + i, row, rows, by, to + i * apart), n = 1;
    }
}

/* Where rows of lanes go, and which of them: begin ... end - 1. */
typedef struct {
    char *to[CN_ROW_LANES];
    ptrdiff_t begin[CN_ROW_LANES], end[CN_ROW_LANES], step;
    int all; /* of lanes from the first to be written to the eighth: all rows */
} places;

static places places_of(const cn_abreast *a, int which, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t back)
{
    places p = {.step = a->to_step[which], .all = a->n == CN_ROW_LANES};
    for (int l = a->from; l < a->n; l++) {
        const ptrdiff_t at = a->first[l] + row, most = a->end[l] < a->length + back ? a->end[l] : a->length + back;
        p.to[l] = a->to[which][l] + (at - back) * p.step;
        p.begin[l] = at < back ? back - at : 0, p.end[l] = most - at < rows ? most - at : rows;
        p.all &= p.begin[l] == 0 && p.end[l] == rows;
    }
    return p;
}

/* How many lanes, from the first on, of one eight and the next, are neighbours in memory, with all their rows? */
static int neighbouring_places(const cn_abreast *a, const places *p, int eights, ptrdiff_t size)
{
    int n = 0;
    for (int i = 0; i < eights && p[i].all; i++)
        for (int l = a[i].from; l < CN_ROW_LANES; l++)
            if (p[i].to[l] == p->to[a->from] + n * size)
                n++;
            else
                return n;
    return n;
}

#define UNPACK(NAME, type)                                                                                        \
    CN_INLINE void neighbours_as_##NAME(char *to, ptrdiff_t step, int eights, int rest, ptrdiff_t rows,           \
                                        double by, const double *restrict from, ptrdiff_t apart,                  \
                                        const int nontemporal)                                                    \
    {                                                                                                             \
        for (ptrdiff_t r = 0; r < rows; r++) {                                                                    \
            const double *row = from + r * CN_ROW_LANES;                                                          \
            char *at = to + r * step;                                                                             \
            for (int i = 0; i < eights; i++, row += apart, at += CN_ROW_LANES * sizeof(type)) {                   \
                type v[CN_ROW_LANES];                                                                             \
                for (int l = 0; l < CN_ROW_LANES; l++) v[l] = (type)(row[l] * by);                                \
                if (nontemporal)                                                                                  \
                    cn_nontemporal_bytes(at, v, sizeof v);                                                        \
                else                                                                                              \
                    memcpy(at, v, sizeof v);                                                                      \
            }                                                                                                     \
            type last[CN_ROW_LANES] = {0};                                                                        \
            for (int l = 0; l < rest; l++) last[l] = (type)(row[CN_ROW_LANES - rest + l] * by);                   \
            for (int i = 0; nontemporal && i < (int)sizeof last; i += 16)                                         \
                if (i < rest * (int)sizeof(type)) cn_nontemporal_bytes(at + i, (char *)last + i, 16);             \
            if (!nontemporal) memcpy(at, last, (size_t)rest * sizeof(type));                                      \
        }                                                                                                         \
    }                                                                                                             \
    static void line_as_##NAME(char *to, ptrdiff_t r, ptrdiff_t end, double by, const double *restrict from)      \
    {                                                                                                             \
        for (; r < end; r++) {                                                                                    \
            const type v = (type)(from[r * CN_ROW_LANES] * by);                                                   \
            memcpy(to + r * (ptrdiff_t)sizeof(type), &v, sizeof v);                                               \
        }                                                                                                         \
    }                                                                                                             \
    static void lines_past_cache_as_##NAME(const cn_abreast *a, const places *p, double by,                       \
                                           const double *restrict from)                                           \
    {                                                                                                             \
        enum { LINE = 64 / sizeof(type) };                                                                        \
        for (int l = a->from; l < a->n; l++) {                                                                    \
            const ptrdiff_t past = (ptrdiff_t)((uintptr_t)(p->to[l] + p->begin[l] * p->step) % 64) / p->step;     \
            ptrdiff_t r = p->begin[l] + (LINE - past) % LINE;                                                     \
            if (r > p->end[l]) r = p->end[l];                                                                     \
            line_as_##NAME(p->to[l], p->begin[l], r, by, from + l);                                               \
            for (; r + LINE <= p->end[l]; r += LINE) {                                                            \
                type v[LINE];                                                                                     \
                for (int i = 0; i < LINE; i++) v[i] = (type)(from[(r + i) * CN_ROW_LANES + l] * by);              \
                cn_nontemporal_bytes(p->to[l] + r * p->step, v, sizeof v);                                        \
            }                                                                                                     \
            line_as_##NAME(p->to[l], r, p->end[l], by, from + l);                                                 \
        }                                                                                                         \
    }                                                                                                             \
    static void lines_as_##NAME(const cn_abreast *a, const places *p, ptrdiff_t rows, double by,                  \
                                const double *restrict from)                                                      \
    {                                                                                                             \
        ptrdiff_t r = 0;                                                                                          \
        const int close = p->step == (ptrdiff_t)sizeof(type);                                                     \
        if (a->nontemporal && close && (uintptr_t)p->to[a->from] % sizeof(type) == 0) {                           \
            lines_past_cache_as_##NAME(a, p, by, from);                                                           \
            return;                                                                                               \
        }                                                                                                         \
        for (; close && p->all && a->from == 0 && r + 1 < rows; r += 2)                                           \
            for (int l = 0; l < CN_ROW_LANES; l++) {                                                              \
                const double *x = from + r * CN_ROW_LANES + l;                                                    \
                const type v[2] = {(type)(x[0] * by), (type)(x[CN_ROW_LANES] * by)};                              \
                memcpy(p->to[l] + r * p->step, v, sizeof v);                                                      \
            }                                                                                                     \
        for (int l = a->from; l < a->n; l++)                                                                      \
            for (ptrdiff_t i = r > p->begin[l] ? r : p->begin[l]; i < p->end[l]; i++) {                           \
                const type v = (type)(from[i * CN_ROW_LANES + l] * by);                                           \
                memcpy(p->to[l] + i * p->step, &v, sizeof v);                                                     \
            }                                                                                                     \
    }
UNPACK(float, float)
UNPACK(double, double)

/* Neighbouring lanes: full eights, then the last lanes of one. */
static void unpack_neighbours(const cn_abreast *a, const places *p, int lanes, ptrdiff_t rows, double by,
                              const double *from, ptrdiff_t apart)
{
    const int eights = lanes / CN_ROW_LANES, rest = lanes % CN_ROW_LANES;
    const int size = a->floats ? sizeof(float) : sizeof(double);
    const int past =
        a->nontemporal && ((uintptr_t)p->to[0] | (uintptr_t)p->step | (uintptr_t)(rest * size)) % 16 == 0;
    if (a->floats && past)
        neighbours_as_float(p->to[0], p->step, eights, rest, rows, by, from, apart, 1);
    else if (a->floats)
        neighbours_as_float(p->to[0], p->step, eights, rest, rows, by, from, apart, 0);
    else if (past)
        neighbours_as_double(p->to[0], p->step, eights, rest, rows, by, from, apart, 1);
    else
        neighbours_as_double(p->to[0], p->step, eights, rest, rows, by, from, apart, 0);
}

void cn_unpack_rows(const cn_abreast *a, int eights, int which, ptrdiff_t row, ptrdiff_t rows, ptrdiff_t back,
                    double by, const double *from, ptrdiff_t apart)
{
    places p[CN_MOST_EIGHTS];
    const ptrdiff_t size = a->floats ? sizeof(float) : sizeof(double);
    for (int i = 0; i < eights; i++) p[i] = places_of(a + i, which, row, rows, back);
    for (int i = 0, n; i < eights; i += n) {
        const int lanes = a[i].from ? 0 : neighbouring_places(a + i, p + i, eights - i, size);
        n = lanes / CN_ROW_LANES;
        if (n) {
            const int rest = lanes - n * CN_ROW_LANES, last = rest && rest == CN_ROW_LANES - a[i + n].from;
            unpack_neighbours(a + i, p + i, n * CN_ROW_LANES + (last ? rest : 0), rows, by, from + i * apart,
                              apart);
            n += last;
        } else {
            (a->floats ? lines_as_float : lines_as_double)(a + i, p + i, rows, by, from + i * apart);
            n = 1;
        }
    }
}
