/* residual.h: x as a sum, made right before it is read. */
#ifndef CN_RESIDUAL_H
#define CN_RESIDUAL_H

#include "job/job.h"

/* A step of a job: x = add[0] + add[1] over a block of a bundle's moments, of all its groups. into: where the bundle
 * is in scratch, if the sum is written past the cache. */
void cn_add_block(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_block *block,
                  char *into);

/* The same of a bundle whose groups are one row each, without gaps. */
void cn_add_rows(const cn_job *job, const cn_bundle *bundle);

/* Can x, a sum, be written past the cache? Its bundles have no gaps, and it is not written over
 * what it is made of. */
int cn_sum_can_be_nontemporal(const cn_job *job);

#endif
