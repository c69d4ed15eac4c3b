/* tile.h: one block of a walk meets its kernel; what is not contiguous is packed first. */
#ifndef CN_TILE_H
#define CN_TILE_H

#include "kernels.h"
#include "params.h"
#include "plan.h"

/* Elements of a packed block: CN_BLOCK, or CN_BLOCK_ROWS rows of CN_MAX_COLS columns. */
#define CN_MAX_COLS 512
#define CN_PACKED (CN_BLOCK_ROWS * CN_MAX_COLS)

/* Merges the block's moments into acc, [n] columns or one partial. Base: the group's first element. */
void cn_tile_moments(const cn_kernels *k, const cn_walk *walk, const cn_block *block, const char *x, int cols,
                     int centered, cn_columns *acc, char *packed);

/* The same for a group that is the block: into p. */
void cn_tile_run(const cn_kernels *k, const cn_walk *walk, const cn_block *block, const char *x, int centered,
                 cn_partial *p, char *packed);

/* y of one block. base: first elements of the operands; packed: 4 * CN_PACKED parameter-sized elements. */
void cn_tile_apply(const cn_kernels *k, const cn_walk *walk, const cn_block *block, char *const base[CN_NOPERANDS],
                   const cn_params *params, char *packed);

#endif
