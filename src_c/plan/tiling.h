/* tiling.h: a list of loops in blocks. */
#ifndef CN_TILING_H
#define CN_TILING_H

#include "plan/plan.h"

/* A tiling in blocks [rows, n]: outer loops, then rows in groups of block_rows, or long rows in pieces. */
typedef struct {
    cn_loops outer;
    cn_loop row, col;
    ptrdiff_t block_rows, piece, pieces;
    ptrdiff_t per_tile, n_blocks;
} cn_tiling;

typedef struct {
    ptrdiff_t offset[CN_NOPERANDS], rows, n;
} cn_block;

/* loops without the columns, columns given (cols), or with the columns as their last loop. */
void cn_make_tiling(const cn_loops *loops, const cn_loop *columns, ptrdiff_t block_rows, ptrdiff_t piece,
                    cn_tiling *tiling);
cn_block cn_tiling_block(const cn_tiling *tiling, ptrdiff_t i);

#endif
