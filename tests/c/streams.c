/* streams.c: states of features take in values, partials and states, on guarded arrays; what is refused. */
#include <math.h>
#include <string.h>

#include "check.h"

#define MOST 70

/* Values 0, 2, 4, ... of each feature, one at a time: mean and m2 are exact. */
static void rows(ptrdiff_t n, int at_end)
{
    const size_t bytes = (size_t)n * sizeof(cn_partial);
    cn_partial *a = (cn_partial *)(void *)guarded(SLOT_X, bytes, at_end);
    cn_partial *to = (cn_partial *)(void *)guarded(SLOT_Y, bytes, at_end);
    double *row = (double *)(void *)guarded(SLOT_W, (size_t)n * sizeof(double), at_end);
    for (ptrdiff_t i = 0; i < n; i++) a[i] = (cn_partial){0, 0, 0, 0, 1};
    int good = 1;
    for (int k = 0; k < 9; k++) {
        for (ptrdiff_t i = 0; i < n; i++) row[i] = (double)(2 * k + i);
        good &= cn_merge_states(to, a, row, CN_VALUES, n, 0);
        if (n) memcpy(a, to, bytes);
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_partial *p = &a[i];
        good &= p->count == 9 && p->mean + p->mean_lo == (double)(8 + i) && fabs(p->m2 - 240) < 1e-12;
        good &= a[i].prescale == 1;
    }
    check(good, "rows of %td values", n);
}

/* Two of the same, as partials and as states: twice the count and the squares. */
static void pairs(ptrdiff_t n, ptrdiff_t step, int at_end)
{
    cn_partial *a = (cn_partial *)(void *)guarded(SLOT_X, (size_t)n * sizeof(cn_partial), at_end);
    cn_partial *to = (cn_partial *)(void *)guarded(SLOT_Y, (size_t)n * sizeof(cn_partial), at_end);
    double *b = (double *)(void *)guarded(SLOT_W, (size_t)(n * step) * sizeof(double), at_end);
    for (ptrdiff_t i = 0; i < n; i++) {
        a[i] = (cn_partial){4, (double)i, 0, 20, 1};
        memcpy(b + i * step, &a[i], (size_t)step * sizeof(double));
    }
    int good = cn_merge_states(to, a, b, step, n, 0);
    for (ptrdiff_t i = 0; i < n; i++)
        good &= to[i].count == 8 && to[i].mean == (double)i && to[i].m2 == 40 && to[i].prescale == 1;
    check(good, "pairs of %td, %td doubles each", n, step);
}

/* One odd number anywhere, in the state or in what it is to take in: nothing is written over the state. */
static void refusals(void)
{
    static const double odd[] = {0x1p400, -0x1p500, 0x1p-401, -0x1p-1074};
    for (ptrdiff_t where = 0; where < 6; where++) {
        for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
            if (where < 3 && fabs(odd[k]) < 1) continue; /* a mean of others may be small */
            cn_partial a[3], b[3], before[3];
            for (int i = 0; i < 3; i++) a[i] = b[i] = (cn_partial){1, 2, 0, 3, 1};
            (where < 3 ? &a[where] : &b[where - 3])->mean = odd[k];
            memcpy(before, a, sizeof a);
            int taken = cn_merge_states(a, a, (double *)b, CN_PARTIALS, 3, 0);
            check(!taken && memcmp(a, before, sizeof a) == 0, "%g at %td was taken", odd[k], where);
        }
    }
    cn_partial one = {1, 2, 0, 3, 1}, scaled = {1, 2, 0, 3, 0x1p-540}, wide = {1, 2, 0, 0x1p901, 1}, to;
    check(!cn_merge_states(&to, &one, (double *)&scaled, CN_PARTIALS, 1, 0), "a prescale was taken");
    check(!cn_merge_states(&to, &scaled, (double *)&one, CN_PARTIALS, 1, 0), "a prescale was taken into");
    check(!cn_merge_states(&to, &wide, (double *)&one, CN_PARTIALS, 1, 0), "squares that may overflow were taken");
    cn_partial tiny = {2, 2, 0, 0x1p-901, 1}, light = {0x1p-101, 2, 0, 3, 1}, zero = {2, 0, 0, 0, 1};
    check(!cn_merge_states(&to, &one, (double *)&tiny, CN_PARTIALS, 1, 0), "squares that may vanish were taken");
    check(!cn_merge_states(&to, &one, (double *)&light, CN_PARTIALS, 1, 0), "a count that may vanish was taken");
    check(cn_merge_states(&to, &one, (double *)&zero, CN_PARTIALS, 1, 0), "a state of zeros was refused");
}

/* What is not finite gives the mean it has and no spread; NaN is left out where it is asked for. */
static void not_finite(void)
{
    const cn_partial of[2] = {{4, 2, 0, 20, 1}, {4, 2, 0, 20, 1}};
    const double row[2] = {NAN, INFINITY};
    cn_partial to[2];
    int good = cn_merge_states(to, of, row, CN_VALUES, 2, 0);
    good &= to[0].count == 5 && isnan(to[0].mean) && isnan(to[0].m2);
    good &= to[1].count == 5 && to[1].mean == INFINITY && isnan(to[1].m2);
    check(good, "NaN and infinity in a row");
    good = cn_merge_states(to, of, row, CN_VALUES, 2, 1);
    check(good && to[0].count == 4 && to[0].mean == 2 && to[0].m2 == 20, "NaN was not left out");
    const cn_partial lost = {2, -INFINITY, 0, NAN, 1};
    good = cn_merge_states(to, &to[1], (const double *)&lost, CN_PARTIALS, 1, 0);
    check(good && to[0].count == 7 && isnan(to[0].mean) && isnan(to[0].m2), "infinities of two signs");
}

void test_streams(void)
{
    for (ptrdiff_t n = 0; n <= MOST; n++) {
        for (int at_end = 0; at_end < 2; at_end++) {
            rows(n, at_end);
            pairs(n, CN_PARTIALS, at_end);
        }
    }
    refusals();
    not_finite();
}
