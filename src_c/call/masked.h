/* masked.h: what a mask shows of a block meets the kernels; what it hides counts in nothing and becomes 0. */
#ifndef CN_MASKED_H
#define CN_MASKED_H

#include "call/job.h"

/* A step of a job: moments of what the mask shows of the block, as cn_read_block; mask: the bundle's first element. In
 * rows a mask that varies along the bundle's columns is constant in each group, and hidden groups are left
 * out; columns are all read then. */
void cn_read_masked(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                    cn_moments_view *acc, cn_moments_view *joined);

/* A step of a job: y of one block, 0 where it is hidden. */
void cn_write_masked(const cn_writing *how, const cn_block *block);

#endif
