/* stream.c: states of features: more data taken in, where no double can overflow, nor a square vanish; mean and variance. */
#include "kernels/moments.h"

/* Numbers that are 0 or within these, up and down, leave room for delta^2 * count: means that differ do so by
 * 2^-453 at least. */
static const double MEAN = 0x1p400, SPREAD = 0x1p900, COUNT = 0x1p100;

/* NaN is not below. */
static int below(double value, double limit) { return fabs(value) < limit; }

static int within(double value, double limit)
{
    return below(value, limit) & ((value == 0) | (fabs(value) >= 1 / limit));
}

/* NaN and infinities have no spread to lose: the merge gives the mean they have, and NaN for m2. */
static int is_lost(const cn_partial *p) { return p->mean - p->mean != 0; }

/* A state of prescale 1 can only be too large: it came from plain numbers, or is mean and spread of others. */
static int may_grow(const cn_partial *a)
{
    const int bounded = below(a->mean, MEAN) & below(a->m2, SPREAD);
    return (bounded | is_lost(a)) & below(a->count, COUNT) & (a->prescale == 1);
}

static int may_join(const double *b, ptrdiff_t step)
{
    const cn_partial *p = (const cn_partial *)b;
    if (step == CN_VALUES) return within(*b, MEAN) | (*b - *b != 0);
    return ((within(p->mean, MEAN) & within(p->m2, SPREAD)) | is_lost(p)) & within(p->count, COUNT) &
           (p->prescale == 1);
}

int cn_merge_states(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n,
                    int omit_nan)
{
    int plain = 1;
    for (ptrdiff_t i = 0; i < n; i++) plain &= may_grow(&a[i]) & may_join(b + i * step, step);
    if (!plain) return 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double v = b[i * step];
        const cn_partial one = {1, v, 0, v - v, 1},
                         *other = step == CN_VALUES ? &one : (const cn_partial *)(b + i * step);
        to[i] = a[i];
        if (step == CN_VALUES && omit_nan && isnan(v)) continue;
        cn_merge(&to[i], other);
    }
    return 1;
}

/* Of a state in the unit of the data. */
static void value(const cn_partial *p, double correction, double *mean, double *var)
{
    const double left = p->count - correction;
    *mean = p->count > 0 ? (p->mean + p->mean_lo) / p->prescale : NAN;
    *var = p->m2 / (left > 0 ? left : 0) / p->prescale / p->prescale;
    if (!(p->count > 0)) *var = correction < 0 ? NAN : p->m2 / 0.0;
}

static void put(void *to, ptrdiff_t i, int wide, double value)
{
    if (wide)
        ((double *)to)[i] = value;
    else
        ((float *)to)[i] = (float)value;
}

void cn_values(const cn_partial *states, ptrdiff_t n, double correction, int wide, void *mean, void *var)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_partial *p = &states[i];
        const double left = p->count - correction;
        double m = p->mean + p->mean_lo, v = p->m2 / left;
        if (!(p->prescale == 1 && p->count > 0 && left > 0)) value(p, correction, &m, &v);
        put(mean, i, wide, m), put(var, i, wide, v);
    }
}

void cn_totals(const cn_partial *states, ptrdiff_t n, int wide, void *sum)
{
    for (ptrdiff_t i = 0; i < n; i++) put(sum, i, wide, states[i].mean + states[i].mean_lo);
}

void cn_ends(const cn_partial *states, ptrdiff_t n, int omit_nan, int wide, void *least, void *greatest)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_partial *p = &states[i];
        const int nothing = p->mean > p->mean_lo || (!omit_nan && p->m2 != 0);
        put(least, i, wide, nothing ? NAN : p->mean), put(greatest, i, wide, nothing ? NAN : p->mean_lo);
    }
}
