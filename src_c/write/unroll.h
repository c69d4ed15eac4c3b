/* unroll.h: parameters of rows of a group become one for each element: then the group is one row. */
#ifndef CN_UNROLL_H
#define CN_UNROLL_H

#include "job/job.h"

/* Of groups of rows without gaps: may their parameters be unrolled? */
int cn_can_unroll(const cn_job *job);

/* Unrolls those of direct groups, if they may be, in memory of the job; 0 if there is none. */
int cn_unroll(cn_job *job);

/* The weights (CN_W) or biases (CN_B) of a bundle, which were. */
cn_param cn_unrolled_param(const cn_job *job, const cn_bundle *bundle, int o);
void cn_free_unrolled(const cn_job *job);

#endif
