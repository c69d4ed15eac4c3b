/* quantize.h: a step of a job: rows of y, made in memory of the job, become signed bytes and their scales. */
#ifndef CN_QUANTIZE_H
#define CN_QUANTIZE_H

#include "job/job.h"

/* The plan's Y, which is of bytes, is of elements from now on. */
void cn_open_rows(cn_job *job);

/* Rows of a bundle lie in scratch, one behind the other, whatever the order of their groups. */
void cn_open_bundle_rows(cn_job *job);

/* Memory for all rows. */
cn_status cn_alloc_rows(cn_job *job);

/* Fused: the rows of a bundle, which lie at y. */
void cn_quantize_bundle(const cn_job *job, const cn_bundle *bundle, const char *y);

/* Two phases: all rows, once they are written. */
cn_status cn_quantize_all(const cn_job *job);

#endif
