/* mixture.h: statistics of instances put together: over channels, over samples, and several kinds of them mixed. */
#ifndef CN_MIXTURE_H
#define CN_MIXTURE_H

#include <stddef.h>

#include "cnorm.h"

/* A mean in two words, the unbiased variance, 0 of less than two elements, and of how many they are. */
typedef struct {
    double mean, mean_lo, var, count;
} cn_stat;

void cn_stats_of(const cn_partial *states, ptrdiff_t n, cn_stat *to);

/* Statistics of n groups together, `step` apart: the variance within, averaged, and that between. Groups have equal shares
 * or, if `counted`, those of their elements. in_rows: n is the last axis. work: n doubles. */
void cn_join_stats(const cn_stat *of, ptrdiff_t step, ptrdiff_t n, int counted, int in_rows, cn_stat *to,
                   double *work);

/* Up to three kinds of statistics of (samples, channels), 0 steps where one is of all, and the shares of their means and of
 * their variances. */
typedef struct {
    ptrdiff_t samples, channels;
    int kinds;
    const cn_stat *of[3];
    ptrdiff_t sample[3], channel[3];
    double mean_share[3], var_share[3], eps;
} cn_mixture;

/* The softmax of n logits: they less the largest, and, of the powers of e of that, shares of their sum. */
void cn_lower_logits(const double *logits, ptrdiff_t n, double *to);
void cn_shares_of(const double *powers, ptrdiff_t n, double *to);

/* (x - center) * scale standardizes by the mixture; lacks: what the center lacks, times -scale. */
void cn_mix(const cn_mixture *m, double *center, double *scale, double *lacks);

/* Of states (samples, n) the means over the samples of their means and unbiased variances. 0, and what is written means
 * nothing, unless they have one count above 1, no prescale, and finite means. work: as many doubles as states. */
int cn_average_states(const cn_partial *states, ptrdiff_t samples, ptrdiff_t n, double *mean, double *var,
                      double *work);

#endif
