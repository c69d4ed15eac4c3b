/* sparse.h: a read of a sparse matrix: its groups, and blocks of rows that are summed apart and merged in order. */
#ifndef CN_SPARSE_H
#define CN_SPARSE_H

#include "verbs/matrices.h"

/* What is kept of sums about zero: the digits of m2, unless it is less than this part of them. */
#define CN_LEAST_SPREAD (1.0 / 32)

/* Elements that are converted at once. */
#define CN_PIECE 256

/* Groups are the columns a row is scattered over (across), or the rows. The weights are those of the positions of any
 * group. */
typedef struct {
    const cn_sparse *m;
    int across, omit_nan;
    const double *weights;             /* or NULL */
    double positions, total, total_lo; /* positions that have a weight, and the sum of those */
    ptrdiff_t groups, blocks;
    int threads;
    cn_partial *to;
} cn_reading;

typedef struct {
    ptrdiff_t begin, end;
} cn_rows;

/* The rows of a block: about as many elements in each. */
cn_rows cn_rows_of(const cn_reading *r, ptrdiff_t block);

/* Sums of a column about zero. Without an element s2 is -0. */
typedef struct {
    double s1, s2;
} cn_column_sums;

/* The least x and the least -x but NaN, and how many elements there were. */
typedef struct {
    double least, least_negated, stored;
} cn_column_ends;

/* Blocks of short rows are read in turns, an element of each: of one block elements of one column wait for each other. */
#define CN_BLOCKS_IN_TURNS 4
ptrdiff_t cn_blocks_in_turns(const cn_reading *r);

/* n blocks from one on into tables of sums, or ends, of all columns, which follow each other. Here and below indices are within the
 * width. */
void cn_add_in_turns(const cn_reading *r, ptrdiff_t block, ptrdiff_t n, cn_column_sums *to);
void cn_bound_in_turns(const cn_reading *r, ptrdiff_t block, ptrdiff_t n, cn_column_ends *to);

/* A row into one table. */
void cn_add_row(const cn_reading *r, ptrdiff_t row, int ascending, cn_column_sums *to);
void cn_bound_row(const cn_reading *r, ptrdiff_t row, cn_column_ends *to);

/* Sums, or ends, of a row. */
void cn_sums_of_row(const cn_reading *r, ptrdiff_t row, cn_column_sums *to);
void cn_ends_of_row(const cn_reading *r, ptrdiff_t row, cn_column_ends *to);

/* What the indices of these rows are. */
cn_order cn_order_of(const cn_sparse *m, cn_rows rows);

/* n elements from one on: values and, if asked for, indices. */
void cn_take_values(const cn_sparse *m, ptrdiff_t from, ptrdiff_t n, double *to);
void cn_take_indices(const cn_sparse *m, ptrdiff_t from, ptrdiff_t n, ptrdiff_t *to);

/* Reads again what sums about zero do not tell: a row, or the columns whose place in `doubted` is not -1 but 0 ... n - 1,
 * which becomes -1. */
void cn_read_row_again(const cn_reading *r, ptrdiff_t row);
cn_status cn_read_columns_again(const cn_reading *r, ptrdiff_t *doubted, ptrdiff_t n);

#endif
