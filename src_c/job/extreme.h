/* extreme.h: groups of float64 whose squares leave the range, read again times a power of two of their own. */
#ifndef CN_EXTREME_H
#define CN_EXTREME_H

#include <math.h>

#include "job/params.h"
#include "kernels/moments.h"

/* cn_is_extreme of a norm by p: of its sum of powers, or itself. */
static inline int cn_norm_is_extreme(double m2, const cn_moments *how)
{
    return !(m2 <= 1 / CN_LEAST_SQUARE) || (m2 < CN_LEAST_SQUARE && !(how->p <= 2 && how->eps >= CN_LEAST_ROOT));
}

/* Reads the group of statistic `stat` anew: its moments, and its `times` parameters (doubles; NULL: none) from i on;
 * leaves all as it is if NaN or an infinity is among its elements. */
void cn_read_extreme(const cn_call *call, ptrdiff_t stat, cn_partial *moments, cn_params *params, ptrdiff_t i,
                     ptrdiff_t times);

#endif
