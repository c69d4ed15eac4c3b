/* block.h: one block of a tiling meets the kernel that reads it; what is not contiguous is packed first. */
#ifndef CN_BLOCK_H
#define CN_BLOCK_H

#include "job/job.h"

/* The tile of a block. x: the bundle's first element. */
cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x);

/* Merges the tile's moments into acc; of joined rows into joined. pack: its columns are apart. */
void cn_read_tile(const cn_reading *how, cn_tile t, int pack, cn_moments_view *acc, cn_moments_view *joined);

/* A step of a job: the block as it is. */
void cn_read_block(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                   cn_moments_view *acc, cn_moments_view *joined);

/* A step of a job: moments of what the mask shows of the block, as cn_read_block; mask: the bundle's first element. In
 * rows a mask that varies along the bundle's columns is constant in each group, and hidden groups are left
 * out; columns are all read then. */
void cn_read_masked(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                    cn_moments_view *acc, cn_moments_view *joined);

#endif
