/* derived.c: factors and shifts that follow from a few statistics of each channel, to the bits of NumPy's arithmetic. */
#include "verbs/derived.h"

#include <math.h>
#include <stdint.h>

#include "kernels/moderate.h"
#include "job/row_sum.h"

int cn_largest(const double *restrict low, const double *restrict high, ptrdiff_t n, double *restrict largest,
               double *restrict factor)
{
    int64_t plain = -(int64_t)(n > 0); /* a mask as wide as doubles: vectors of it */
    for (ptrdiff_t i = 0; i < n; i++) {
        const double most = -low[i] > high[i] ? -low[i] : high[i], divisor = most == 0 ? 1 : most;
        largest[i] = divisor, factor[i] = 1 / divisor;
        plain &= -(int64_t)(cn_is_moderate(most) & (low[i] <= high[i])); /* of NaN it is not */
    }
    return plain != 0;
}

void cn_compare_norms(const double *norms, ptrdiff_t samples, ptrdiff_t n, const double *eps, const double *weight,
                      double *scale)
{
    for (ptrdiff_t s = 0; s < samples; s++) {
        const double *norm = norms + s * n, below = cn_sum_of_row(norm, n) / (double)n + eps[s];
        for (ptrdiff_t c = 0; c < n; c++) scale[s * n + c] = below == 0 ? 1 : norm[c] / below * weight[c] + 1;
    }
}
