/* finish.h: moments merged, and made to parameters. */
#ifndef CN_FINISH_H
#define CN_FINISH_H

#include "job/job.h"

/* each: groups have counts of their own. */
cn_reducer cn_reducer_of(const cn_kernels *k, const cn_moments *how, int each);

void cn_merge_partials(const cn_job *job, double *to, const double *from);

/* The moments of joined columns join the plain ones, in order. */
void cn_merge_joined(const cn_job *job, cn_moments_view *acc, const cn_moments_view *joined);

/* Writes a finished bundle to stats and, if given, to params (of the bundle alone). Refined groups are merged
 * first; partials are theirs then. */
void cn_finish_bundle(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                      cn_params *params);

/* job->params of all groups: from job->stats, or from what the call gives; made, unless they are ready. */
void cn_finish_all(cn_job *job);

#endif
