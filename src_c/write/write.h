/* write.h: one block of a tiling meets the kernel that writes it; what is not contiguous is packed first. */
#ifndef CN_WRITE_H
#define CN_WRITE_H

#include "job/job.h"

/* All that a tiling decides of how its blocks are written. */
void cn_open_writing(const cn_job *job, const cn_tiling *tiling, cn_writing *how);

/* Where: operands at offset, parameters, scratch. */
void cn_place_writing(const cn_job *job, const ptrdiff_t *offset, const cn_params *params, const cn_scratch *s,
                      cn_writing *how);

/* The tile of a block of which nothing is packed; 0 if something is, as results of a curve are. */
int cn_plain_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t);

/* Are groups of a fused call rows that kernel normalize takes? */
int cn_is_direct(const cn_job *job);

/* Takes what it can of a bundle from its first group on, to y; how many groups the bundle is left with. beyond_cache: as in
 * cn_apply_tile. */
ptrdiff_t cn_normalize_bundle(const cn_job *job, cn_bundle *bundle, char *y, int beyond_cache);

/* A step of a job: y of one block, 0 where it is hidden. */
void cn_write_masked(const cn_writing *how, const cn_block *block);

#endif
