/* stream.c: more data taken into the states of features, where no double can overflow, nor a square vanish. */
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

static int is_plain(const cn_partial *p)
{
    return within(p->mean, MEAN) & within(p->m2, SPREAD) & within(p->count, COUNT);
}

/* Are all elements 0, or so small that their squares are? */
static int looks_zero(const cn_partial *p) { return (p->count > 1) & (p->mean == 0) & (p->m2 == 0); }

/* A state of prescale 1 can only be too large: it came from plain numbers, or is mean and spread of others. */
static int may_grow(const cn_stream_state *a)
{
    return below(a->of.mean, MEAN) & below(a->of.m2, SPREAD) & below(a->of.count, COUNT) & (a->prescale == 1);
}

static int may_join(const double *b, ptrdiff_t step)
{
    const cn_partial *p = (const cn_partial *)b;
    if (step == CN_VALUES) return within(*b, MEAN);
    if (step == CN_PARTIALS) return is_plain(p) & !looks_zero(p);
    return is_plain(p) & (b[CN_PARTIALS] == 1);
}

static cn_stream_state state_at(const double *b, ptrdiff_t step)
{
    cn_stream_state s = {{1, b[0], 0, 0}, 1};
    if (step == CN_VALUES) return s;
    s.of = *(const cn_partial *)b;
    if (step == CN_STATES) s.prescale = b[CN_PARTIALS];
    return s;
}

int cn_merge_states(cn_stream_state *to, const cn_stream_state *a, const double *b, ptrdiff_t step, ptrdiff_t n)
{
    int plain = 1;
    for (ptrdiff_t i = 0; i < n; i++) plain &= may_grow(&a[i]) & may_join(b + i * step, step);
    if (!plain) return 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_stream_state other = state_at(b + i * step, step);
        to[i] = a[i];
        cn_merge(&to[i].of, &other.of);
    }
    return 1;
}
