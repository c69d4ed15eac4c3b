/* stream.c: streams: more data taken into the states of features, where no double can overflow. */
#include "kernels/moments.h"

/* Means, spreads and counts below these leave room for delta^2 * count. NaN is not below. */
static const double MEAN = 0x1p400, SPREAD = 0x1p900, COUNT = 0x1p100;

static int is_plain(const cn_partial *p) { return (fabs(p->mean) < MEAN) & (p->m2 < SPREAD) & (p->count < COUNT); }

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
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_stream_state other = state_at(b + i * step, step);
        plain &= is_plain(&a[i].of) & is_plain(&other.of) & (a[i].prescale == 1) & (other.prescale == 1);
    }
    if (!plain) return 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_stream_state other = state_at(b + i * step, step);
        to[i] = a[i];
        cn_merge(&to[i].of, &other.of);
    }
    return 1;
}
