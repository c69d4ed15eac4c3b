/* turn.h: columns that lie apart become rows side by side, or rows such columns. */
#ifndef CN_TURN_H
#define CN_TURN_H

#include "memory/copy.h"

/* Elements of n positions of some columns; `col` of both leads to the next position, `row` to the next column. Positions are
 * taken by cache lines, each column's in turn: as many streams as columns, which the hardware sees ((5000, 64) floats,
 * Zen 3: 112 us column by column, 44 so). */
void cn_turn(cn_matrix to, cn_matrix from, ptrdiff_t columns, ptrdiff_t n, ptrdiff_t size);

/* As cn_copy; turned where rows of one are columns of the other. */
void cn_copy_block(cn_matrix to, cn_matrix from, ptrdiff_t rows, ptrdiff_t n, ptrdiff_t size);

#endif
