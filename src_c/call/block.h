/* block.h: one block of a tiling meets its kernel; what is not contiguous is packed first. */
#ifndef CN_BLOCK_H
#define CN_BLOCK_H

#include "call/job.h"

/* Is the activation a curve? Its result is made from packed results: relu is part of apply. */
static inline int cn_curved(cn_activation activation) { return activation > CN_RELU; }

/* Narrow columns are joined: several rows become one row of about CN_JOINED_ROW. Moments only where a vector
 * would be mostly empty: a joined column is summed in another order, and its bits should not depend on how
 * many columns stand beside it. */
#define CN_NARROW 127
#define CN_NARROW_MOMENTS 15
#define CN_JOINED_ROW 256

/* How many rows of n columns are applied as one: whole vectors of 16, at most CN_MAX_GROUPS elements. */
ptrdiff_t cn_joined_rows_of(ptrdiff_t n);

/* The tile of a block. x: the bundle's first element. */
cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x);

/* Merges the tile's moments into acc; of joined rows into joined. pack: its columns are apart. */
void cn_read_tile(const cn_reading *how, cn_tile t, int pack, cn_moments_view *acc, cn_moments_view *joined);

/* A step of a job: the block as it is. */
void cn_read_block(const cn_reading *how, const char *mask, const cn_block *block, const char *x,
                   cn_moments_view *acc, cn_moments_view *joined);

/* All that a tiling decides of how its blocks are written. */
void cn_open_writing(const cn_job *job, const cn_tiling *tiling, cn_writing *how);

/* Where: operands at offset, parameters, scratch. */
void cn_place_writing(const cn_job *job, const ptrdiff_t *offset, const cn_params *params, const cn_scratch *s,
                      cn_writing *how);

/* The tile of a block of which nothing is packed; 0 if something is, as results of a curve are. */
int cn_plain_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t);

#endif
