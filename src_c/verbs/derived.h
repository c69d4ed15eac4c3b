/* derived.h: factors and shifts that follow from a few statistics of each channel, and arrays times factors. */
#ifndef CN_DERIVED_H
#define CN_DERIVED_H

#include "cnorm.h"

/* The larger magnitude of both ends, 1 in place of 0, and 1 / that. 0, and what is written means nothing, unless all
 * are moderate. */
int cn_largest(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor);

/* What a norm of running statistics has for each channel, all of one dtype without gaps; NULL: as 1 and 0. before: the bias of
 * the layer whose results it takes. */
typedef struct {
    cn_dtype dtype;
    const char *mean, *var, *weight, *bias, *before;
    double eps;
} cn_channels;

/* x * scale + shift = (x + before - mean) / sqrt(var + eps) * weight + bias; scale is 0 where there is no root. */
void cn_affine_form(const cn_channels *of, ptrdiff_t n, double *scale, double *shift);

/* scale = 1 + weight * norm / (mean of the sample's norms + eps), 1 where that is 0; eps of each sample. */
void cn_compare_norms(const double *norms, ptrdiff_t samples, ptrdiff_t n, const double *eps, const double *weight,
                      double *scale);

/* y = x * by of its channel, in doubles, rounded once; x and y lie as (outer, channels, inner), without gaps, apart. */
typedef struct {
    cn_dtype dtype;
    const char *x;
    char *y;
    const double *by;
    ptrdiff_t outer, channels, inner;
} cn_product;

void cn_multiply(const cn_product *of);

/* A weight times the scale of its channel, in doubles, and the shift in elements of a dtype, each rounded once. scales: as
 * many doubles as channels, or NULL if outer is 1; they are what the weight is multiplied with, whatever its `by`. */
typedef struct {
    cn_channels norm;
    cn_product weight;
    cn_dtype dtype;
    char *shift;
    double *scales;
} cn_absorption;

void cn_absorb(const cn_absorption *of);

#endif
