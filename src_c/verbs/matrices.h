/* matrices.h: sparse matrices: their statistics, their order, quotients. */
#ifndef CN_MATRICES_H
#define CN_MATRICES_H

#include "cnorm.h"

/* A sparse matrix: row i has the elements starts[i] ... starts[i + 1] - 1 of data and indices; wide: of 8 bytes each,
 * else 4. `starts` begins with 0 and does not decrease. What an index leaves out is 0. */
typedef struct {
    const char *data;
    cn_number number;
    const char *indices;
    int wide;
    const int64_t *starts;
    ptrdiff_t rows, width;
} cn_sparse;

/* What indices are: ascending in every row; all within the width; not so, then nothing else is right. */
typedef enum { CN_IN_ORDER, CN_OUT_OF_ORDER, CN_OUTSIDE } cn_order;
cn_order cn_sparse_order(const cn_sparse *m);

/* Moments of each row, or of each column (across), zeros included; extremes as those of CN_EXTREMES, but that NaN is not
 * told of. weights: NULL, or what the positions of a group count, none negative. An element stored twice counts twice. */
cn_status cn_sparse_moments(const cn_sparse *m, int across, const double *weights, int omit_nan, cn_partial *to,
                            cn_order *order);
cn_status cn_sparse_extremes(const cn_sparse *m, int across, cn_partial *to, cn_order *order);

/* Is an element stored twice? And the same matrix without: arrays as long as those of m, their use in starts[rows]. */
cn_status cn_sparse_repeats(const cn_sparse *m, int *repeats);
cn_status cn_sparse_add_repeats(const cn_sparse *m, char *data, char *indices, int64_t *starts);

/* y = min(x / by[row], most), or by[column] (across); x float or double, y of the same type, x itself or apart. */
void cn_sparse_divide(const cn_sparse *m, int across, const double *by, double most, char *y);

#endif
