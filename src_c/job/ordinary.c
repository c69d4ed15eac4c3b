/* ordinary.c: what follows from statistics of which nothing special is to be said: by kernels (ordinary.inc), and averages. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cnorm.h"
#include "dispatch/cpu.h"
#include "kernels/moderate.h"

int cn_spreads(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std)
{
    return cn_kernels_of(CN_F64)->spreads(states, n, count, mean, var, std);
}

int cn_are_spread(const double *mean, const double *var, ptrdiff_t n)
{
    return cn_kernels_of(CN_F64)->are_spread(mean, var, n);
}

/* One column: equal elements are what rounding could have made of them, by scikit-learn's bound (Chan, Golub & LeVeque 1983). */
static int find_divisor(const cn_partial *of, double count, double *mean, double *var, double *std)
{
    const double n = of->count, middle = of->mean + of->mean_lo, square = of->m2 / n;
    const double lost = n * middle * DBL_EPSILON, bound = n * DBL_EPSILON * square + lost * lost;
    *mean = n == 0 ? NAN : middle, *var = square, *std = square <= bound ? 1 : sqrt(square);
    const int moderate = cn_is_moderate(middle) & cn_is_moderate(square);
    return (of->prescale == 1) & (count == 0 || n == count) & (n == 0 || (n > 0 && moderate));
}

int cn_divisors(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std)
{
    int fine = cn_spreads(states, n, count, mean, var, std);
    if (fine) return 1;
    fine = n > 0;
    for (ptrdiff_t i = 0; i < n && fine; i++) fine = find_divisor(&states[i], count, &mean[i], &var[i], &std[i]);
    return fine;
}

cn_factors cn_factors_of(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                         double *shift)
{
    return cn_kernels_of(CN_F64)->factors_of(states, n, std, center, factor, shift);
}

int cn_inverse_ranges(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor)
{
    return cn_kernels_of(CN_F64)->inverse_ranges(low, high, n, tiny, factor);
}

int cn_merge_states(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n,
                    int omit_nan)
{
    return cn_kernels_of(CN_F64)->merge_states(to, a, b, step, n, omit_nan);
}

void cn_lengths(double *a, ptrdiff_t n, double b) { cn_kernels_of(CN_F64)->lengths(a, n, b); }

int cn_moderate(const double *values, ptrdiff_t n) { return cn_kernels_of(CN_F64)->moderate(values, n); }

void cn_move(void *running, int wide, const double *to, ptrdiff_t n, double share)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if (wide)
            ((double *)running)[i] = (1 - share) * ((double *)running)[i] + share * to[i];
        else
            ((float *)running)[i] = (float)((1 - share) * ((float *)running)[i] + share * to[i]);
    }
}

/* Is a number of this type special: are all bits of its exponent ones, and, of infinity, no others but the sign? Without a branch:
 * compilers make vectors of it. */
#define CN_FIND_SPECIAL(T, seen, ones)                                                                            \
    do {                                                                                                          \
        T special = 0;                                                                                            \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
            T bits;                                                                                               \
            memcpy(&bits, (const T *)x + i, sizeof(bits));                                                        \
            special |= (T)((bits & (seen)) == (ones));                                                            \
        }                                                                                                         \
        return !special;                                                                                          \
    } while (0)
#define CN_F64_ONES (UINT64_C(0x7ff) << 52)
#define CN_F32_ONES (UINT32_C(0xff) << 23)
#define CN_F16_ONES (UINT16_C(0x1f) << 10)
#define CN_BF16_ONES (UINT16_C(0xff) << 7)

int cn_finite(const void *x, cn_dtype dtype, ptrdiff_t n)
{
    if (dtype == CN_F64) CN_FIND_SPECIAL(uint64_t, CN_F64_ONES, CN_F64_ONES);
    if (dtype == CN_F32) CN_FIND_SPECIAL(uint32_t, CN_F32_ONES, CN_F32_ONES);
    if (dtype == CN_F16) CN_FIND_SPECIAL(uint16_t, CN_F16_ONES, CN_F16_ONES);
    CN_FIND_SPECIAL(uint16_t, CN_BF16_ONES, CN_BF16_ONES);
}

int cn_bounded(const void *x, cn_dtype dtype, ptrdiff_t n)
{
    if (dtype == CN_F64) CN_FIND_SPECIAL(uint64_t, UINT64_MAX >> 1, CN_F64_ONES);
    if (dtype == CN_F32) CN_FIND_SPECIAL(uint32_t, UINT32_MAX >> 1, CN_F32_ONES);
    if (dtype == CN_F16) CN_FIND_SPECIAL(uint16_t, UINT16_MAX >> 1, CN_F16_ONES);
    CN_FIND_SPECIAL(uint16_t, UINT16_MAX >> 1, CN_BF16_ONES);
}
