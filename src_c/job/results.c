/* results.c: statistics become the numbers a call wants of them, one group at a time or many. */
#include "job/results.h"

#include "dispatch/cpu.h"
#include "kernels/moments.h"

/* So many states at a time. */
#define AT_ONCE 64

static void store(void *to, int wide, ptrdiff_t i, double value)
{
    if (to && wide) ((double *)to)[i] = value;
    if (to && !wide) ((float *)to)[i] = (float)value;
}

/* One number n times; without gaps the compiler makes vectors of it. */
#define CN_FILL(type)                                                                                             \
    static void fill_##type(type *to, type value, ptrdiff_t n, ptrdiff_t step)                                    \
    {                                                                                                             \
        for (ptrdiff_t c = 0; c < n && step == 1; c++) to[c] = value;                                             \
        for (ptrdiff_t c = 0; c < n && step != 1; c++) to[c * step] = value;                                      \
    }
typedef unsigned char flag;
CN_FILL(double)
CN_FILL(float)
CN_FILL(ptrdiff_t)
CN_FILL(flag)

static void fill(void *to, int wide, ptrdiff_t first, double value, ptrdiff_t n, ptrdiff_t step)
{
    if (to && wide) fill_double((double *)to + first, value, n, step);
    if (to && !wide) fill_float((float *)to + first, (float)value, n, step);
}

/* A count, or a position. */
static ptrdiff_t integer_of(cn_kind kind, const cn_results *to, double count, double at, double nan)
{
    if (kind < CN_LEAST_AT) return (ptrdiff_t)count;
    return (ptrdiff_t)(nan > 0 && !to->omit ? nan - 1 : at);
}

void cn_put_result(cn_kind kind, const cn_results *to, const cn_partial *p, ptrdiff_t i)
{
    double first, second;
    cn_take_result(kind, to, p, &first, &second);
    store(to->first, to->wide, i, first), store(to->second, to->wide, i, second);
    if (to->integers) to->integers[i] = integer_of(kind, to, p->count, p->mean_lo, p->m2);
    if (to->flags) to->flags[i] = (unsigned char)cn_flag_of(to, p->mean, p->mean_lo, p->m2);
}

void cn_put_results(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n, ptrdiff_t first,
                    ptrdiff_t step)
{
    for (ptrdiff_t c = 0; c < n && to->integers; c++)
        to->integers[first + c * step] = integer_of(kind, to, of->count[c * of->each], of->mean_lo[c], of->m2[c]);
    if (to->first || to->second || to->flags) cn_kernels_of(CN_F64)->results(kind, to, of, n, first, step);
}

void cn_put_listed_results(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n,
                           const ptrdiff_t *at, ptrdiff_t first, ptrdiff_t step)
{
    double one[CN_LISTED], two[CN_LISTED];
    ptrdiff_t integers[CN_LISTED];
    unsigned char flags[CN_LISTED];
    cn_results packed = *to;
    packed.wide = 1;
    if (to->first) packed.first = one;
    if (to->second) packed.second = two;
    if (to->integers) packed.integers = integers;
    if (to->flags) packed.flags = flags;
    cn_put_results(kind, &packed, of, n, 0, 1);
    for (ptrdiff_t c = 0; c < n; c++) {
        const ptrdiff_t i = first + at[c] * step;
        if (to->first) store(to->first, to->wide, i, one[c]);
        if (to->second) store(to->second, to->wide, i, two[c]);
        if (to->integers) to->integers[i] = integers[c];
        if (to->flags) to->flags[i] = flags[c];
    }
}

void cn_fill_results(cn_kind kind, const cn_results *to, const cn_partial *p, ptrdiff_t n, ptrdiff_t first,
                     ptrdiff_t step)
{
    double one, two;
    cn_take_result(kind, to, p, &one, &two);
    const ptrdiff_t integer = integer_of(kind, to, p->count, p->mean_lo, p->m2);
    const flag is = (flag)cn_flag_of(to, p->mean, p->mean_lo, p->m2);
    fill(to->first, to->wide, first, one, n, step);
    fill(to->second, to->wide, first, two, n, step);
    if (to->integers) fill_ptrdiff_t(to->integers + first, integer, n, step);
    if (to->flags) fill_flag(to->flags + first, is, n, step);
}

int cn_open_states(const cn_partial *states, ptrdiff_t n, cn_moments_view *to)
{
    int prescaled = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        to->count[i] = states[i].count, to->mean[i] = states[i].mean, to->mean_lo[i] = states[i].mean_lo;
        to->m2[i] = states[i].m2, prescaled |= states[i].prescale != 1;
    }
    return prescaled;
}

void cn_results_of(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to)
{
    double count[AT_ONCE], mean[AT_ONCE], mean_lo[AT_ONCE], m2[AT_ONCE];
    cn_moments_view of = {count, 1, mean, mean_lo, m2};
    for (ptrdiff_t first = 0, some; first < n; first += some) {
        some = n - first < AT_ONCE ? n - first : AT_ONCE;
        if (!cn_open_states(states + first, some, &of))
            cn_put_results(kind, to, &of, some, first, 1);
        else
            for (ptrdiff_t i = first; i < first + some; i++) cn_put_result(kind, to, &states[i], i);
    }
}
