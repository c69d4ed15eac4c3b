/* row_sum.c: sums as NumPy adds what lies in a row. */
#include "job/row_sum.h"

/* Apart from the recursion, which gcc takes into itself and into both callers: 75 KiB with this loop in it. */
static double sum_of_short(const double *a, ptrdiff_t n)
{
    double r[8], sum = 0;
    ptrdiff_t i;
    if (n < 8) {
        for (i = 0; i < n; i++) sum += a[i];
        return sum;
    }
    for (int k = 0; k < 8; k++) r[k] = a[k];
    for (i = 8; i < n - n % 8; i += 8)
        for (int k = 0; k < 8; k++) r[k] += a[i + k];
    sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++) sum += a[i];
    return sum;
}

double cn_sum_of_row(const double *a, ptrdiff_t n)
{
    const ptrdiff_t half = n / 2 - n / 2 % 8;
    if (n <= 128) return sum_of_short(a, n);
    return cn_sum_of_row(a, half) + cn_sum_of_row(a + half, n - half);
}
