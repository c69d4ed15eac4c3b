/* row_sum.h: the order in which NumPy adds doubles. */
#ifndef CN_ROW_SUM_H
#define CN_ROW_SUM_H

#include <stddef.h>

/* NumPy's sum of what lies in a row: in eight accumulators, halves apart above 128. */
double cn_sum_of_row(const double *a, ptrdiff_t n);

#endif
