/* block.h: one block of a tiling meets the kernel that reads it; what is not contiguous, or no number of the kernel's, is
 * packed first. */
#ifndef CN_BLOCK_H
#define CN_BLOCK_H

#include "job/job.h"

/* The tile of a block. x: the bundle's first element. */
cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x);

/* n <= CN_BLOCK elements of x, `step` bytes apart, side by side as elements of the kernels k. */
void cn_pack_elements(const cn_kernels *k, const cn_kernels *x_is, cn_number number, const char *x, ptrdiff_t step,
                      ptrdiff_t n, char *to);

/* n elements of x, a column apart, side by side as elements of the kernels. */
void cn_pack_row(const cn_reading *how, const char *x, ptrdiff_t n, char *to);

/* Merges the tile's moments into acc; of joined rows into joined. pack: its columns are apart. */
void cn_read_tile(const cn_reading *how, cn_tile t, int pack, cn_moments_view *acc, cn_moments_view *joined);

/* A step of a job: the block as it is. */
void cn_read_block(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                   cn_moments_view *joined);

/* A step of a job: of the block what the mask shows, without NaN if that is left out, as often as weights tell. */
void cn_read_counted(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                     cn_moments_view *joined);

/* The same where mask or weights do not lie as x does. */
void cn_read_scattered(const cn_reading *how, const cn_block *block, const char *x, cn_moments_view *acc,
                       cn_moments_view *joined);

#endif
