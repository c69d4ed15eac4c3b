/* unroll.h: parameters of rows of a group become one for each element: then the group is one row. */
#ifndef CN_UNROLL_H
#define CN_UNROLL_H

#include "job/job.h"

/* Are groups rows without gaps whose parameters may be unrolled? */
int cn_can_unroll(const cn_job *job);

/* Unrolls them, if they may be, in memory of the job; 0 if there is none. */
int cn_unroll(cn_job *job);
void cn_free_unrolled(const cn_job *job);

#endif
