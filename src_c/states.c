/* states.c: streams: more data taken into the states of features, where no double can overflow, nor a square vanish. */
#include "moments.h"

/* Numbers that are 0 or within these, up and down, leave room for delta^2 * count: means that differ do so by
 * 2^-453 at least. */
static const double MEAN = 0x1p400, SPREAD = 0x1p900, COUNT = 0x1p100;

/* NaN is not within. */
static int within(double value, double limit)
{
    const double size = fabs(value);
    return (size == 0) | ((size >= 1 / limit) & (size < limit));
}

static int is_plain(const cn_partial *p)
{
    return within(p->mean, MEAN) & within(p->m2, SPREAD) & within(p->count, COUNT);
}

/* Are all elements 0, or so small that their squares are? */
static int looks_zero(const cn_partial *p) { return (p->count > 1) & (p->mean == 0) & (p->m2 == 0); }

static cn_state state_at(const double *b, ptrdiff_t step)
{
    cn_state s = {{1, b[0], 0, 0}, 1};
    if (step == CN_VALUES) return s;
    s.of = *(const cn_partial *)b;
    if (step == CN_STATES) s.unit = b[CN_PARTIALS];
    return s;
}

int cn_merge_states(cn_state *to, const cn_state *a, const double *b, ptrdiff_t step, ptrdiff_t n)
{
    int plain = 1;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_state other = state_at(b + i * step, step);
        plain &= is_plain(&a[i].of) & is_plain(&other.of) & (a[i].unit == 1) & (other.unit == 1);
        if (step == CN_PARTIALS) plain &= !looks_zero(&other.of);
    }
    if (!plain) return 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_state other = state_at(b + i * step, step);
        to[i] = a[i];
        cn_merge(&to[i].of, &other.of);
    }
    return 1;
}
