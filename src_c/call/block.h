/* block.h: one block of a tiling meets its kernel; what is not contiguous is packed first. */
#ifndef CN_TILE_H
#define CN_TILE_H

#include "kernels/kernels.h"
#include "call/params.h"
#include "plan/plan.h"

/* Elements of a packed block. */
#define CN_PACKED (CN_BLOCK_ROWS * CN_MAX_GROUPS)

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

typedef struct {
    const cn_kernels *k;
    const cn_tiling *tiling;
    const cn_loop *columns; /* of the bundle */
    ptrdiff_t joined_rows;  /* rows of x that are one row of the tile */
    int cols, centered;
    char *packed; /* CN_PACKED elements */
} cn_reading;

/* The tile of a block. x: the bundle's first element. */
cn_tile cn_tile_of(const cn_reading *how, const cn_block *block, const char *x);

/* Merges the tile's moments into acc; of joined rows into joined. Its columns are `stride` bytes apart. */
void cn_tile_moments(const cn_reading *how, cn_tile t, ptrdiff_t stride, cn_moments_view *acc,
                     cn_moments_view *joined);

typedef struct {
    const cn_kernels *k;
    const cn_tiling *tiling;
    char *base[CN_NOPERANDS]; /* first elements of the operands */
    const cn_params *params;
    char *packed;                  /* CN_PACKED elements and five rows of parameters */
    int beyond_cache, nontemporal; /* as in cn_apply_tile */
    ptrdiff_t prefetch;
    cn_activation activation;
} cn_writing;

/* y of one block. */
void cn_tile_apply(const cn_writing *how, const cn_block *block);

/* The tile of a block of which nothing is packed (nontemporal is not set); 0 if something is, as
 * results of a curve are. */
int cn_plain_tile(const cn_writing *how, const cn_block *block, cn_apply_tile *t);

#endif
