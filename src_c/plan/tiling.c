/* tiling.c: a list of loops in blocks. Integers only. */
#include "plan/tiling.h"

/* Rounded up. With few rows a tiling costs little but its divisions. */
static ptrdiff_t parts(ptrdiff_t n, ptrdiff_t of) { return n <= of ? 1 : (n + of - 1) / of; }

void cn_make_tiling(const cn_loops *loops, const cn_loop *columns, ptrdiff_t block_rows, ptrdiff_t piece,
                    cn_tiling *tiling)
{
    static const cn_loop one = {.n = 1};
    int n = loops->n;
    tiling->col = columns ? *columns : n ? loops->loop[--n] : one;
    tiling->row = n ? loops->loop[--n] : one;
    tiling->outer.n = n;
    for (int i = 0; i < n; i++) tiling->outer.loop[i] = loops->loop[i];
    tiling->piece = piece < tiling->col.n ? piece : tiling->col.n;
    tiling->pieces = parts(tiling->col.n, tiling->piece);
    int one_row = tiling->pieces > 1 || tiling->row.n == 1;
    tiling->block_rows = one_row ? 1 : block_rows ? block_rows : piece / tiling->col.n;
    tiling->per_tile = parts(tiling->row.n, tiling->block_rows) * tiling->pieces;
    tiling->n_blocks = cn_count(&tiling->outer) * tiling->per_tile;
}

cn_block cn_tiling_block(const cn_tiling *tiling, ptrdiff_t i)
{
    cn_block block = {{0}, tiling->row.n, tiling->col.n};
    if (tiling->n_blocks == 1) return block;
    ptrdiff_t in_tile = i % tiling->per_tile;
    cn_locate(&tiling->outer, i / tiling->per_tile, block.offset);
    ptrdiff_t r = in_tile / tiling->pieces * tiling->block_rows, c = in_tile % tiling->pieces * tiling->piece;
    block.rows = tiling->row.n - r < tiling->block_rows ? tiling->row.n - r : tiling->block_rows;
    block.n = tiling->col.n - c < tiling->piece ? tiling->col.n - c : tiling->piece;
    for (int o = 0; o < CN_NOPERANDS; o++)
        block.offset[o] += r * tiling->row.stride[o] + c * tiling->col.stride[o];
    return block;
}
