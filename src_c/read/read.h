/* read.h: the moments of a bundle. */
#ifndef CN_READ_H
#define CN_READ_H

#include "job/job.h"

/* How many segments the blocks of a bundle make. */
ptrdiff_t cn_count_segments(const cn_tiling *tiling);

/* Moments of one segment of a bundle into partials, and of a whole bundle into s->bundle. */
void cn_read_segment(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t segment,
                     double *partials, const cn_scratch *s);
void cn_read_bundle(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_scratch *s);

#endif
