/* extreme.h: groups whose squares or powers leave the range, read again times a power of two of their own. */
#ifndef CN_EXTREME_H
#define CN_EXTREME_H

#include "job/job.h"

/* So many groups are read again at a time. */
#define CN_AGAIN 8

/* Can squares, or powers, of the call leave the range of doubles? Surely none of n groups did? */
int cn_may_be_extreme(const cn_job *job);
int cn_are_ordinary(const cn_job *job, const cn_moments_view *of, ptrdiff_t n);

/* Of n <= CN_AGAIN finished groups, those of statistics `stat`, the extreme ones, as `how` has it, are read again; a bit for each.
 * A norm by p is in m2 then, not its sum of powers. */
unsigned cn_look_again(const cn_job *job, const cn_moments *how, cn_partial *p, const ptrdiff_t *stat, int n);

/* The moments of a group with NaN or an infinity, told by its least, its greatest, and whether there is NaN: as the
 * formulas have them. 0 if there is none; p is left as it is then. */
int cn_is_special(double low, double high, int nan, cn_kind kind, cn_partial *p);

/* The power of two that makes ordinary numbers of a group, of its largest magnitude; never 1 but for a group of zeros. */
double cn_prescale_for(double biggest, const cn_moments *how);

/* The `times` parameters from i on of a group, read again or not; a norm by p must be. */
void cn_put_group(const cn_kernels *k, const cn_moments *how, const cn_partial *p, cn_params *params, ptrdiff_t i,
                  ptrdiff_t times);

#endif
