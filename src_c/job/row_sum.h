/* row_sum.h: the order in which NumPy adds doubles. */
#ifndef CN_ROW_SUM_H
#define CN_ROW_SUM_H

#include <stddef.h>

/* NumPy's sum of what lies in a row: in eight accumulators, halves apart above 128. */
static inline double cn_sum_of_row(const double *a, ptrdiff_t n)
{
    double r[8], sum = 0;
    ptrdiff_t i, half;
    if (n < 8) {
        for (i = 0; i < n; i++) sum += a[i];
        return sum;
    }
    if (n > 128) {
        half = n / 2 - n / 2 % 8;
        return cn_sum_of_row(a, half) + cn_sum_of_row(a + half, n - half);
    }
    for (int k = 0; k < 8; k++) r[k] = a[k];
    for (i = 8; i < n - n % 8; i += 8)
        for (int k = 0; k < 8; k++) r[k] += a[i + k];
    sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++) sum += a[i];
    return sum;
}

#endif
