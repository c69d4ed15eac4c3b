/* ordinary.c: what follows from statistics of which nothing special is to be said: deviations, factors, averages. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "cnorm.h"
#include "job/moderate.h"

/* A variance above this share of the squared mean is no rounding of it where there are fewer elements than COUNT:
 * scikit-learn's bound is (2^-52 count mean)^2 then, SciPy's of float32 (2^-20 mean)^2. */
static const double SHARE = 0x1p-36, COUNT = 0x1p20;

int cn_spreads(const cn_partial *states, ptrdiff_t n, double count, double *restrict mean, double *restrict var,
               double *restrict std)
{
    const double least = count < 0 ? 0 : 1;
    int ordinary = n > 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_partial *p = &states[i];
        mean[i] = p->mean + p->mean_lo, var[i] = p->m2, std[i] = p->count;
        ordinary &= (p->prescale == 1) & (p->count >= least) & (p->count < COUNT);
        ordinary &= (count <= 0) | (p->count == count);
    }
    for (ptrdiff_t i = 0; i < n; i++) var[i] /= std[i]; /* loops of their own: several at a time */
    for (ptrdiff_t i = 0; i < n; i++) std[i] = sqrt(var[i]);
    for (ptrdiff_t i = 0; i < n; i++) {
        const int spread = cn_is_moderate(var[i]) & (var[i] > SHARE * mean[i] * mean[i]);
        ordinary &= cn_is_moderate(mean[i]) & (spread | (states[i].count == 0));
    }
    return ordinary;
}

cn_factors cn_factors_of(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                         double *shift)
{
    /* What the center lacks shows in float64 from here on. */
    const double shows = 0x1p-54;
    int ordinary = n > 0, shifted = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_partial *p = &states[i];
        center[i] = (p->mean + p->mean_lo) + 0.0; /* no -0 */
        factor[i] = 1 / std[i];
        shift[i] = -((p->mean - center[i]) + p->mean_lo) * factor[i];
        const int needed = fabs(shift[i]) > shows;
        shift[i] = needed ? shift[i] : -0.0;
        shifted |= needed;
        ordinary &= (p->prescale == 1) & (p->count > 0) & cn_is_moderate(center[i]) & cn_is_moderate(std[i]) &
                    (std[i] > 0);
    }
    return !ordinary ? CN_FACTORS_NONE : shifted ? CN_FACTORS_SHIFTED : CN_FACTORS_PLAIN;
}

int cn_moderate(const double *values, ptrdiff_t n)
{
    int ordinary = 1;
    for (ptrdiff_t i = 0; i < n; i++) ordinary &= cn_is_moderate(values[i]);
    return ordinary;
}

int cn_inverse_ranges(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor)
{
    int ordinary = n > 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double extent = high[i] - low[i];
        factor[i] = 0.25 / (high[i] * 0.25 - low[i] * 0.25);
        ordinary &= cn_is_moderate(low[i]) & cn_is_moderate(high[i]) & cn_is_moderate(extent);
        ordinary &= (extent > tiny * fabs(low[i])) & (extent > tiny * fabs(high[i]));
    }
    return ordinary;
}

void cn_move(void *running, int wide, const double *to, ptrdiff_t n, double share)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        if (wide)
            ((double *)running)[i] = (1 - share) * ((double *)running)[i] + share * to[i];
        else
            ((float *)running)[i] = (float)((1 - share) * ((float *)running)[i] + share * to[i]);
    }
}

/* Is a number of this type special: are all bits of its exponent ones? Without a branch: compilers make vectors of it. */
#define CN_FIND_SPECIAL(T, ones)                                                                                  \
    do {                                                                                                          \
        T special = 0;                                                                                            \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
            T bits;                                                                                               \
            memcpy(&bits, (const T *)x + i, sizeof(bits));                                                        \
            special |= (T)((bits & (ones)) == (ones));                                                            \
        }                                                                                                         \
        return !special;                                                                                          \
    } while (0)

int cn_finite(const void *x, cn_dtype dtype, ptrdiff_t n)
{
    if (dtype == CN_F64) CN_FIND_SPECIAL(uint64_t, UINT64_C(0x7ff) << 52);
    if (dtype == CN_F32) CN_FIND_SPECIAL(uint32_t, UINT32_C(0xff) << 23);
    if (dtype == CN_F16) CN_FIND_SPECIAL(uint16_t, UINT16_C(0x1f) << 10);
    CN_FIND_SPECIAL(uint16_t, UINT16_C(0xff) << 7);
}
