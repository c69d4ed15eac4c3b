/* moments.h: the partial (count, mean, M2): merge and finalize, static inline. */
#ifndef CN_MOMENTS_H
#define CN_MOMENTS_H

#include <float.h>
#include <math.h>

#include "cnorm.h"

/* Of a loop of constant length that is to become vectors: GCC makes a list of it, branches and all, if it may. */
#define CN_LOOP _Pragma("GCC unroll 1")

/* hi + lo = a + b exactly (Knuth). */
static inline void cn_two_sum(double a, double b, double *hi, double *lo)
{
    double s = a + b, t = s - a;
    *lo = (a - (s - t)) + (b - t);
    *hi = s;
}

/* hi + lo = a * b exactly (Dekker), where nothing leaves the range. */
static inline void cn_two_product(double a, double b, double *hi, double *lo)
{
    const double half = 0x1p27 + 1, a1 = a * half - (a * half - a), b1 = b * half - (b * half - b);
    const double a2 = a - a1, b2 = b - b1, p = a * b;
    *lo = ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
    *hi = p;
}

/* A sum in two words, and another one. */
static inline void cn_add_sums(double *sum, double *sum_lo, double more, double more_lo)
{
    double hi, lo;
    cn_two_sum(*sum, more, &hi, &lo);
    lo += *sum_lo + more_lo;
    *sum = hi;
    *sum_lo = 0;
    if (hi - hi == 0) cn_two_sum(hi, lo, sum, sum_lo);
}

/* A block read about a pivot: mean = pivot + s1/n, M2 = s2 - s1^2/n, where s1 = sum(x - pivot) is
 * only the rounding of the pivot, so nothing cancels (Chan, Golub & LeVeque 1983, eq. 1.7). */
static inline cn_partial cn_from_sums(double n, double pivot, double s1, double s2)
{
    cn_partial p = {n, 0, 0, 0, 1};
    double shift = s1 / n, m2 = s2 - s1 * shift;
    cn_two_sum(pivot, shift, &p.mean, &p.mean_lo);
    p.mean += 0.0; /* of zeros +0, whatever their signs: these depend on the pivot */
    if (!isfinite(p.mean)) p.mean_lo = 0;
    p.m2 = m2 < 0 ? 0 : m2; /* NaN stays */
    return p;
}

/* The moments of a group and of another, whose part of both is `part`; weight: the group's count times part (Chan
 * et al.). The mean is carried in two words: otherwise rounding the block means leaves 1e-10 standard deviations at
 * mean/std = 1e6. */
static inline void cn_merge_one(double *mean, double *mean_lo, double *m2, double mean2, double mean2_lo,
                                double m22, double part, double weight)
{
    double delta = (mean2 - *mean) + (mean2_lo - *mean_lo), hi, rest;
    cn_two_sum(*mean, *mean_lo + delta * part, &hi, &rest);
    *mean = hi == hi ? hi : *mean + (mean2 + mean2_lo); /* infinities */
    *mean_lo = hi - hi == 0 ? rest : 0;
    *m2 += m22 + delta * delta * weight;
}

/* a <- a and b together. */
static inline void cn_merge(cn_partial *a, const cn_partial *b)
{
    if (b->count == 0) return;
    if (a->count == 0) {
        *a = *b;
        return;
    }
    double n = a->count + b->count, part = b->count / n;
    cn_merge_one(&a->mean, &a->mean_lo, &a->m2, b->mean, b->mean_lo, b->m2, part, a->count * part);
    a->count = n;
}

/* m2 over what is left of the count, in the unit of the data, or the root of that. */
static inline double cn_spread_of(const cn_partial *p, const cn_results *to)
{
    const double left = p->count - to->correction;
    if (!(p->count > 0) || (to->omit && !(left > 0))) return NAN;
    const double square = p->m2 / (left > 0 ? left : 0);
    return to->root ? sqrt(square) / p->prescale : square / p->prescale / p->prescale;
}

/* The two numbers a group gives, whatever it is. */
static inline void cn_take_result(cn_kind kind, const cn_results *to, const cn_partial *p, double *first,
                                  double *second)
{
    const int nothing = p->mean > p->mean_lo || (!to->omit && p->m2 != 0);
    *first = p->count > 0 || kind == CN_SUMS ? (p->mean + p->mean_lo) / p->prescale : NAN;
    *second = kind == CN_VAR ? cn_spread_of(p, to) : p->m2 / p->prescale / p->prescale;
    if (kind == CN_EXTREMES) *first = nothing ? NAN : p->mean, *second = nothing ? NAN : p->mean_lo;
    if (to->reach) *first = *second - *first;
    if (to->shared) *first = p->count > 0 ? *first / p->count : 0;
}

/* Of extremes: was there NaN or, if it is left out, nothing else? */
static inline int cn_flag_of(const cn_results *to, double low, double high, double nan)
{
    return to->omit ? low > high : nan != 0;
}

/* 1 / max(norm, eps); 0 for 1 / 0. */
static inline double cn_inverse(double norm, double eps)
{
    norm = norm < eps ? eps : norm;
    return norm == 0 ? 0 : 1 / norm;
}

/* Is eps a length, not the square of one? */
static inline int cn_eps_is_root(const cn_moments *how)
{
    return how->kind == CN_L2 || how->kind == CN_LP || how->eps_mode != CN_EPS_INSIDE;
}

/* What eps is added to, and what it is the least of. */
typedef struct {
    double inside, outside, least;
} cn_eps_places;

static inline cn_eps_places cn_places_of_eps(const cn_moments *how, double eps)
{
    const cn_eps_mode mode = how->kind == CN_L2 ? CN_EPS_MAX : how->eps_mode;
    return (cn_eps_places){mode == CN_EPS_INSIDE ? eps : 0, mode == CN_EPS_OUTSIDE ? eps : 0,
                           mode == CN_EPS_MAX ? eps : 0};
}

/* The factor apply multiplies with, share: of m2, 1 / count or all of it. A group without spread and eps = 0 gives 0, not
 * inf * 0. */
static inline double cn_scale_of(double m2, double share, cn_eps_places eps)
{
    double norm = sqrt(m2 * share + eps.inside) + eps.outside;
    norm = norm < eps.least ? eps.least : norm;
    return norm == 0 ? 0 : 1 / norm;
}

/* Those of n groups of one count; eps: that of `how`, in the units of m2. */
static inline void cn_scales(double *restrict scale, const double *restrict m2, ptrdiff_t n, double count,
                             const cn_moments *how, double eps)
{
    const cn_eps_places at = cn_places_of_eps(how, eps);
    const double share = how->kind == CN_L2 ? 1 : 1 / count;
    CN_LOOP
    for (ptrdiff_t c = 0; c < n; c++) scale[c] = cn_scale_of(m2[c], share, at);
}

/* Sums of squares below this may have lost digits, if the mean is memory enough for such squares. */
#define CN_LEAST_SQUARE 0x1p-900
#define CN_LEAST_ROOT 0x1p-450
#define CN_LEAST_MEAN 0x1p-400

/* Do squares of these doubles leave the range, so that neither m2 nor a factor made of it can be right? Also
 * yes for NaN and infinities, which only another read tells from overflow. */
static inline int cn_is_extreme(const cn_partial *of, const cn_moments *how)
{
    const int root = cn_eps_is_root(how);
    const double own = how->kind == CN_L2 ? of->m2 : of->m2 / of->count, square = own + (root ? 0 : how->eps);
    return !(of->m2 <= DBL_MAX && square <= DBL_MAX) ||
           (square < CN_LEAST_SQUARE && fabs(of->mean) < CN_LEAST_MEAN && !(root && how->eps >= CN_LEAST_ROOT));
}

/* Is eps so large that nothing is extreme for being small? */
static inline int cn_eps_is_large(const cn_moments *how)
{
    return how->eps >= (cn_eps_is_root(how) ? CN_LEAST_ROOT : CN_LEAST_SQUARE);
}

/* Surely not extreme, without a division or a branch; eps is below 2^1000. */
static inline int cn_is_ordinary(double m2, double mean, double count, int eps_is_large)
{
    return (m2 <= 0x1p1000) &
           (eps_is_large | (m2 >= count * (2 * CN_LEAST_SQUARE)) | (fabs(mean) >= CN_LEAST_MEAN));
}

#endif
