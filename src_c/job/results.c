/* results.c: statistics become the numbers a call wants of them, one group at a time or many. */
#include "job/results.h"

#include "dispatch/cpu.h"
#include "kernels/moments.h"

static void store(void *to, int wide, ptrdiff_t i, double value)
{
    if (to && wide) ((double *)to)[i] = value;
    if (to && !wide) ((float *)to)[i] = (float)value;
}

void cn_put_result(cn_kind kind, const cn_results *to, const cn_partial *p, ptrdiff_t i)
{
    double first, second;
    cn_take_result(kind, to, p, &first, &second);
    store(to->first, to->wide, i, first), store(to->second, to->wide, i, second);
    if (to->counts) to->counts[i] = (ptrdiff_t)p->count;
    if (to->flags) to->flags[i] = (unsigned char)cn_flag_of(to, p->mean, p->mean_lo, p->m2);
}

void cn_put_results(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n, ptrdiff_t first,
                    ptrdiff_t step)
{
    for (ptrdiff_t c = 0; c < n && to->counts; c++)
        to->counts[first + c * step] = (ptrdiff_t)of->count[c * of->each];
    if (to->first || to->second || to->flags) cn_kernels_of(CN_F64)->results(kind, to, of, n, first, step);
}

void cn_results_of(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to)
{
    for (ptrdiff_t i = 0; i < n; i++) cn_put_result(kind, to, &states[i], i);
}
