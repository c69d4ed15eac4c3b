/* again.c: groups read again about a pivot: constants, means far from zero, NaN, numbers whose squares leave float64.
 *
 * A first read finds what there is; then sums about the first element, of x times a power of two; and about the mean, if
 * the first element was no pivot for this group. Zeros that are not stored are a state of their own, merged at last. */
#include <math.h>
#include <stdlib.h>

#include "kernels/moments.h"
#include "sparse/sparse.h"
#include "threads/threads.h"

/* Binary orders of numbers whose squares and their sums are ordinary, and of powers of two. */
#define ORDINARY 400
#define MOST_POWER 1000

/* Of the elements of a group that have a weight; shown: without NaN that is omitted. */
typedef struct {
    double stored, weight, weight_lo, shown, first, biggest;
} look;

typedef struct {
    double weight, s1, s2;
} about;

/* How a group is read. */
typedef struct {
    double pivot, prescale;
} lens;

typedef struct {
    const cn_reading *r;
    const ptrdiff_t *place; /* of a column; NULL: all elements are of group 0 */
    const lens *lenses;
    ptrdiff_t n;
    look *looks;
    about *sums;
} again;

static void look_at(look *l, double v, int omit_nan)
{
    l->stored++;
    if (omit_nan && isnan(v)) return;
    if (l->shown++ == 0) l->first = v;
    l->biggest = fabs(v) > l->biggest || isnan(v) ? fabs(v) : l->biggest;
}

static void add_about(about *a, const lens *with, double v, double w)
{
    const double d = v * with->prescale - with->pivot;
    a->weight += w, a->s1 += w * d, a->s2 += w * (d * d);
}

/* The same of n elements without weights: to the same bits. */
static void look_at_all(look *l, const double *v, ptrdiff_t n, int omit_nan)
{
    double biggest[4] = {0};
    ptrdiff_t nan = 0, first = 0, i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) biggest[k] = fabs(v[i + k]) > biggest[k] ? fabs(v[i + k]) : biggest[k];
    for (; i < n; i++) *biggest = fabs(v[i]) > *biggest ? fabs(v[i]) : *biggest;
    for (i = 0; i < n; i++) nan += v[i] != v[i];
    while (omit_nan && first < n && v[first] != v[first]) first++;
    const ptrdiff_t shown = omit_nan ? n - nan : n;
    if (l->shown == 0 && shown) l->first = v[first];
    l->stored += (double)n, l->shown += (double)shown;
    for (int k = 0; k < 4; k++) l->biggest = biggest[k] > l->biggest ? biggest[k] : l->biggest;
    if (nan && !omit_nan) l->biggest = NAN;
}

/* In order: one chain of additions. */
static void add_all_about(about *a, const lens *with, const double *v, ptrdiff_t n, int omit_nan)
{
    double s1 = a->s1, s2 = a->s2;
    const double prescale = with->prescale, pivot = with->pivot;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double d = v[i] * prescale - pivot;
        if (omit_nan && v[i] != v[i]) continue;
        s1 += d, s2 += d * d;
    }
    *a = (about){0, s1, s2};
}

/* A row, each element of which counts once. */
static void read_plain_row(const again *a, ptrdiff_t row, look *l, about *sums)
{
    const cn_sparse *m = a->r->m;
    double values[CN_PIECE];
    for (ptrdiff_t from = m->starts[row], n; from < m->starts[row + 1]; from += n) {
        n = m->starts[row + 1] - from < CN_PIECE ? m->starts[row + 1] - from : CN_PIECE;
        cn_take_values(m, from, n, values);
        if (l)
            look_at_all(l, values, n, a->r->omit_nan);
        else
            add_all_about(sums, a->lenses, values, n, a->r->omit_nan);
    }
}

/* Elements without weights into the looks of their columns, whose weight is what is stored. */
static void look_at_elements(const again *a, const double *v, const ptrdiff_t *index, ptrdiff_t n, look *looks)
{
    for (ptrdiff_t i = 0; i < n; i++)
        if (a->place[index[i]] >= 0) look_at(&looks[a->place[index[i]]], v[i], a->r->omit_nan);
}

/* And into sums, whose weights are what was shown: what is omitted adds 0. */
static void sum_elements(const again *a, const double *v, const ptrdiff_t *index, ptrdiff_t n, about *sums)
{
    const int omit_nan = a->r->omit_nan;
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t g = a->place[index[i]];
        if (g < 0) continue;
        const double about = v[i] * a->lenses[g].prescale - a->lenses[g].pivot;
        const double d = omit_nan && v[i] != v[i] ? 0 : about;
        sums[g].s1 += d, sums[g].s2 += d * d;
    }
}

/* Elements of a row that have weights, into either. */
static void read_weighted(const again *a, ptrdiff_t row, const double *v, const ptrdiff_t *index, ptrdiff_t n,
                          look *looks, about *sums)
{
    const int omit_nan = a->r->omit_nan;
    for (ptrdiff_t i = 0; i < n; i++) {
        const ptrdiff_t g = a->place ? a->place[index[i]] : 0;
        const double w = a->r->weights[a->place ? row : index[i]];
        if (g < 0 || !(w > 0)) continue;
        if (looks)
            cn_add_sums(&looks[g].weight, &looks[g].weight_lo, w, 0), look_at(&looks[g], v[i], omit_nan);
        else if (!(omit_nan && isnan(v[i])))
            add_about(&sums[g], &a->lenses[g], v[i], w);
    }
}

/* Rows into looks, or into sums about pivots. */
static void read_rows(const again *a, cn_rows rows, look *looks, about *sums)
{
    const cn_sparse *m = a->r->m;
    double values[CN_PIECE];
    ptrdiff_t index[CN_PIECE];
    if (!a->place && !a->r->weights) {
        read_plain_row(a, rows.begin, looks, sums);
        return;
    }
    for (ptrdiff_t row = rows.begin; row < rows.end; row++)
        for (ptrdiff_t from = m->starts[row], n; from < m->starts[row + 1]; from += n) {
            n = m->starts[row + 1] - from < CN_PIECE ? m->starts[row + 1] - from : CN_PIECE;
            cn_take_values(m, from, n, values);
            cn_take_indices(m, from, n, index);
            if (a->r->weights)
                read_weighted(a, row, values, index, n, looks, sums);
            else if (looks)
                look_at_elements(a, values, index, n, looks);
            else
                sum_elements(a, values, index, n, sums);
        }
}

static void add_look(look *to, const look *more)
{
    to->stored += more->stored;
    cn_add_sums(&to->weight, &to->weight_lo, more->weight, more->weight_lo);
    if (to->shown == 0) to->first = more->first;
    to->biggest = more->biggest > to->biggest || isnan(more->biggest) ? more->biggest : to->biggest;
    to->shown += more->shown;
}

/* What is not stored. */
static cn_partial zeros_of(const cn_reading *r, const look *l)
{
    double n = r->weights ? (r->total - l->weight) + (r->total_lo - l->weight_lo) : r->total - l->stored;
    return (cn_partial){r->positions > l->stored && n > 0 ? n : 0, 0, 0, 0, 1};
}

/* Is the group known by a look? Else how to read it. */
static int is_known(const cn_reading *r, const look *l, lens *with, cn_partial *to)
{
    int power = 0;
    *to = zeros_of(r, l);
    *with = (lens){0, 1};
    if (l->shown == 0) return 1;
    if (!isfinite(l->biggest)) return 0;
    frexp(l->biggest, &power);
    if (abs(power) <= ORDINARY) power = 0;
    power = power > MOST_POWER ? MOST_POWER : power < -MOST_POWER ? -MOST_POWER : power;
    with->prescale = ldexp(1, -power), with->pivot = l->first * with->prescale;
    return 0;
}

/* Is the group known by its sums? Else they are to be about its mean. */
static int is_well(const cn_reading *r, const look *l, const about *a, lens *with, int last, cn_partial *to)
{
    const cn_partial zeros = zeros_of(r, l);
    *to = cn_from_sums(r->weights ? a->weight : l->shown, with->pivot, a->s1, a->s2);
    const double mean = to->mean;
    cn_merge(to, &zeros);
    to->prescale = with->prescale;
    if (last || !(to->m2 < a->s2 * CN_LEAST_SPREAD)) return 1; /* NaN will stay */
    with->pivot = mean;
    return 0;
}

void cn_read_row_again(const cn_reading *r, ptrdiff_t row)
{
    const cn_rows rows = {row, row + 1};
    look l = {0};
    lens with = {0, 1};
    const again a = {.r = r, .lenses = &with, .n = 1};
    read_rows(&a, rows, &l, NULL);
    if (is_known(r, &l, &with, &r->to[row])) return;
    for (int last = 0;; last = 1) {
        about sums = {0};
        read_rows(&a, rows, NULL, &sums);
        if (is_well(r, &l, &sums, &with, last, &r->to[row])) return;
    }
}

static void block_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const again *a = context;
    (void)thread;
    for (ptrdiff_t b = begin; b < end; b++)
        read_rows(a, cn_rows_of(a->r, b), a->looks ? a->looks + b * a->n : NULL,
                  a->sums ? a->sums + b * a->n : NULL);
}

/* Looks of the columns, into those of the first block. */
static void look_at_columns(again a, look *looks)
{
    const ptrdiff_t n = a.n;
    a.looks = looks;
    for (ptrdiff_t i = 0; i < a.r->blocks * n; i++) looks[i] = (look){0};
    cn_parallel(a.r->blocks, a.r->threads, block_task, &a);
    for (ptrdiff_t i = n; i < a.r->blocks * n; i++) add_look(&looks[i % n], &looks[i]);
}

static void sum_columns(again a, about *sums)
{
    const ptrdiff_t n = a.n;
    a.sums = sums;
    for (ptrdiff_t i = 0; i < a.r->blocks * n; i++) sums[i] = (about){0};
    cn_parallel(a.r->blocks, a.r->threads, block_task, &a);
    for (ptrdiff_t i = n; i < a.r->blocks * n; i++) {
        about *to = &sums[i % n];
        to->weight += sums[i].weight, to->s1 += sums[i].s1, to->s2 += sums[i].s2;
    }
}

cn_status cn_read_columns_again(const cn_reading *r, ptrdiff_t *doubted, ptrdiff_t n)
{
    const size_t all = (size_t)(r->blocks * n);
    look *looks = malloc(all * sizeof *looks);
    about *sums = malloc(all * sizeof *sums);
    lens *lenses = malloc((size_t)n * sizeof *lenses);
    const again a = {.r = r, .place = doubted, .lenses = lenses, .n = n};
    ptrdiff_t left = n;
    if (looks && sums && lenses) {
        look_at_columns(a, looks);
        for (ptrdiff_t c = 0; c < r->groups; c++)
            if (doubted[c] >= 0 && is_known(r, &looks[doubted[c]], &lenses[doubted[c]], &r->to[c]))
                doubted[c] = -1, left--;
        for (int last = 0; left > 0; last = 1) {
            sum_columns(a, sums);
            for (ptrdiff_t c = 0; c < r->groups; c++) {
                const ptrdiff_t i = doubted[c];
                if (i >= 0 && is_well(r, &looks[i], &sums[i], &lenses[i], last, &r->to[c]))
                    doubted[c] = -1, left--;
            }
        }
    }
    const cn_status status = looks && sums && lenses ? CN_OK : CN_NO_MEMORY;
    free(looks), free(sums), free(lenses);
    return status;
}
