/* extreme.h: groups whose squares or powers leave the range, read again times a power of two of their own. */
#ifndef CN_EXTREME_H
#define CN_EXTREME_H

#include <math.h>

#include "job/params.h"
#include "kernels/moments.h"

/* So many groups are read again at a time. */
#define CN_AGAIN 8

/* cn_is_extreme of a norm by p: of its sum of powers, or itself. */
static inline int cn_norm_is_extreme(double m2, const cn_moments *how)
{
    return !(m2 <= 1 / CN_LEAST_SQUARE) || (m2 < CN_LEAST_SQUARE && !(how->p <= 2 && how->eps >= CN_LEAST_ROOT));
}

/* The moments of a group with NaN or an infinity, told by its least, its greatest, and whether there is NaN: as the
 * formulas have them. 0 if there is none; p is left as it is then. */
int cn_is_special(double low, double high, int nan, cn_kind kind, cn_partial *p);

/* The power of two that makes ordinary numbers of a group, of its largest magnitude; never 1 but for a group of zeros. */
double cn_prescale_for(double biggest, const cn_moments *how);

/* Reads the groups of n <= CN_AGAIN statistics anew; a norm by p is in m2 then, not its sum of powers. */
void cn_read_extremes(const cn_call *call, const ptrdiff_t *stat, cn_partial *const *p, int n);

/* The `times` parameters from i on of a group that was read again. */
void cn_put_extreme(const cn_kernels *k, const cn_moments *how, const cn_partial *p, cn_params *params,
                    ptrdiff_t i, ptrdiff_t times);

#endif
