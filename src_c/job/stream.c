/* stream.c: states of features: more data taken in, where no double can overflow, nor a square vanish. */
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
