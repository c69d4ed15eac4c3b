/* params.h: statistics as apply wants them: the mean in two words of the compute type, scale, prescale. */
#ifndef CN_PARAMS_H
#define CN_PARAMS_H

#include <float.h>

#include "dispatch/cpu.h"
#include "kernels/kernels.h"

/* Arrays by stat element. prescale is a power of two the element of x is multiplied with first, where scale
 * itself is out of float32's range (standard deviations below 1e-36 or above 1e36), or where squares are out of
 * float64's (extreme.c). hi, lo and scale are of the prescaled x then. prescaled: some prescale is not 1. */
typedef struct {
    char *hi, *lo, *scale, *prescale;
    int prescaled;
} cn_params;

#define CN_N_PARAMS 4

static inline cn_params cn_params_in(char *memory, ptrdiff_t n, ptrdiff_t size)
{
    return (cn_params){memory, memory + n * size, memory + 2 * n * size, memory + 3 * n * size, 0};
}

/* No deviation of float16 is out of float32's range. */
static inline double cn_prescale_of(const cn_kernels *k, double factor)
{
    return !k->prescales ? 1 : factor > 0x1p120 ? 0x1p64 : factor < 0x1p-120 && factor > 0 ? 0x1p-64 : 1;
}

static inline void cn_put_param(cn_params *p, const cn_kernels *k, ptrdiff_t i, double mean, double mean_lo,
                                double factor)
{
    if (k->param_size == 8) {
        ((double *)p->hi)[i] = mean, ((double *)p->lo)[i] = mean_lo;
        ((double *)p->scale)[i] = factor, ((double *)p->prescale)[i] = 1;
        return;
    }
    double prescale = cn_prescale_of(k, factor);
    float hi = (float)(mean * prescale);
    ((float *)p->hi)[i] = hi;
    ((float *)p->lo)[i] = (float)((mean * prescale - hi) + mean_lo * prescale);
    factor /= prescale;
    ((float *)p->scale)[i] = factor > FLT_MAX ? FLT_MAX : (float)factor; /* 0 * inf would be NaN */
    ((float *)p->prescale)[i] = (float)prescale;
    p->prescaled |= prescale != 1;
}

/* Elements i ... i + n - 1, a vector at a time but where a prescale is needed. */
static inline void cn_put_params(cn_params *p, const cn_kernels *k, ptrdiff_t i, ptrdiff_t n, const double *mean,
                                 const double *mean_lo, const double *factor)
{
    if (k->param_size == 4 &&
        cn_kernels_of(CN_F64)->put_params(mean, mean_lo, factor, n, (float *)p->hi + i, (float *)p->lo + i,
                                          (float *)p->scale + i, (float *)p->prescale + i))
        return;
    for (ptrdiff_t c = 0; c < n; c++) cn_put_param(p, k, i + c, mean[c], mean_lo[c], factor[c]);
}

#define CN_REPEAT(T, p)                                                                                           \
    for (ptrdiff_t g = n - 1; g >= 0; g--) {                                                                      \
        const T v = ((T *)(p))[g];                                                                                \
        for (ptrdiff_t c = 0; c < times; c++) ((T *)(p))[g * times + c] = v;                                      \
    }

/* Each of the first n elements times over. */
static inline void cn_repeat_params(cn_params *params, ptrdiff_t size, ptrdiff_t n, ptrdiff_t times)
{
    char *of[CN_N_PARAMS] = {params->hi, params->lo, params->scale, params->prescale};
    for (int k = 0; k < CN_N_PARAMS; k++)
        if (size == 4)
            CN_REPEAT(float, of[k])
        else
            CN_REPEAT(double, of[k])
}

#endif
