/* extreme.h: groups of float64 whose squares leave the range, read again times a power of two of their own. */
#ifndef CN_EXTREME_H
#define CN_EXTREME_H

#include <math.h>

#include "job/params.h"
#include "kernels/moments.h"

/* Sums of squares below this may have lost digits, if the mean is memory enough for such squares. */
#define CN_LEAST_SQUARE 0x1p-900
#define CN_LEAST_ROOT 0x1p-450
#define CN_LEAST_MEAN 0x1p-400

/* Do squares of these doubles leave the range, so that neither m2 nor a factor made of it can be right? Also
 * yes for NaN and infinities, which only another read tells from overflow. */
static inline int cn_is_extreme(const cn_partial *of, const cn_moments *how)
{
    const int root = cn_eps_is_root(how);
    const double own = how->kind == CN_L2 ? of->m2 : of->m2 / of->count, square = own + (root ? 0 : how->eps);
    return !(of->m2 <= DBL_MAX && square <= DBL_MAX) ||
           (square < CN_LEAST_SQUARE && fabs(of->mean) < CN_LEAST_MEAN && !(root && how->eps >= CN_LEAST_ROOT));
}

/* The same of a norm by p: of its sum of powers, or itself. */
static inline int cn_norm_is_extreme(double m2, const cn_moments *how)
{
    return !(m2 <= 1 / CN_LEAST_SQUARE) || (m2 < CN_LEAST_SQUARE && !(how->p <= 2 && how->eps >= CN_LEAST_ROOT));
}

/* Reads the group of statistic `stat` anew: its moments, and its `times` parameters (doubles; NULL: none) from i on;
 * leaves all as it is if NaN or an infinity is among its elements. */
void cn_read_extreme(const cn_call *call, ptrdiff_t stat, cn_partial *moments, cn_params *params, ptrdiff_t i,
                     ptrdiff_t times);

#endif
