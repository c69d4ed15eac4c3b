/* results.h: statistics become the numbers a call wants of them. */
#ifndef CN_RESULTS_H
#define CN_RESULTS_H

#include "kernels/kernels.h"

/* n groups of a view, none of which has a prescale: to numbers first, first + step, ... of the results. */
void cn_put_results(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n, ptrdiff_t first,
                    ptrdiff_t step);

/* The same to numbers first + at[0] * step, ..., of at most so many groups. */
#define CN_LISTED 128
void cn_put_listed_results(cn_kind kind, const cn_results *to, const cn_moments_view *of, ptrdiff_t n,
                           const ptrdiff_t *at, ptrdiff_t first, ptrdiff_t step);

/* States side by side, with counts of their own; has one of them a prescale? */
int cn_open_states(const cn_partial *states, ptrdiff_t n, cn_moments_view *to);

/* One for all n of them. */
void cn_fill_results(cn_kind kind, const cn_results *to, const cn_partial *p, ptrdiff_t n, ptrdiff_t first,
                     ptrdiff_t step);

/* One of any kind. */
void cn_put_result(cn_kind kind, const cn_results *to, const cn_partial *p, ptrdiff_t i);

#endif
