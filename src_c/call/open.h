/* open.h: a call becomes a job. */
#ifndef CN_OPEN_H
#define CN_OPEN_H

#include "job/job.h"

/* Plan, bundles, segments, schedule and steps of a call; nothing is allocated yet. */
void cn_open_job(cn_job *job, const cn_call *call);

/* What depends on where y is: whether it is written past the cache. */
void cn_open_output(cn_job *job);

#endif
