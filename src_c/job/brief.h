/* brief.h: results of groups of one element, or a few, without partials. */
#ifndef CN_BRIEF_H
#define CN_BRIEF_H

#include "job/job.h"

/* Do statistics follow from one element each, or from the ends of a few, which are side by side? */
int cn_is_alone(const cn_job *job);

/* Makes those of a bundle. */
void cn_put_alone(const cn_job *job, const cn_bundle *bundle);

/* Are means, variances or sums of short rows, or of columns of few, wanted, and nothing else? */
int cn_is_brief(const cn_job *job);

/* Makes what it can of a bundle from its first group on; how many groups the bundle is left with. */
ptrdiff_t cn_put_few(const cn_job *job, cn_bundle *bundle);

#endif
