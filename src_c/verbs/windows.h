/* windows.h: statistics of windows along an axis. */
#ifndef CN_WINDOWS_H
#define CN_WINDOWS_H

#include "cnorm.h"

/* What windows along an axis are reduced to: one result, or, of moments, the mean and the spread; or each element less the mean
 * of its window, times the spread, which is a scale; or how many positions before the end the last of the least, or greatest,
 * elements stands (forward is 0 then). */
typedef enum {
    CN_WINDOW_SUM,
    CN_WINDOW_MEAN,
    CN_WINDOW_MOMENTS,
    CN_WINDOW_LEAST,
    CN_WINDOW_GREATEST,
    CN_WINDOW_LEAST_AT,
    CN_WINDOW_GREATEST_AT,
    CN_WINDOW_STANDARD
} cn_window_kind;

/* A variance, its root, or a scale as cn_eps_mode says, 0 where it has none. */
typedef enum { CN_SPREAD_VAR, CN_SPREAD_STD, CN_SPREAD_SCALE } cn_spread;

/* The result of position i is that of the elements i + forward - window + 1 ... i + forward that there are and that are not
 * NaN; NaN if these are fewer than `least`, which is at least 1. */
typedef struct {
    cn_number x;
    int floats; /* the results are float, else double */
    cn_window_kind kind;
    ptrdiff_t window, forward, least; /* 0 <= forward < window */
    cn_spread spread;
    double correction, eps;
    cn_eps_mode eps_mode;
} cn_window;

/* Reads the operand X of the call, of numbers `how->x`, and writes Y and, of moments, W; these lie apart from x. */
cn_status cn_windows(const cn_call *call, int axis, const cn_window *how);

/* Exponentially weighted mean Y and variance W up to each position: what is k positions older has (1 - alpha)^k of the
 * weight; adjust: weights are divided by their sum, else the first value stands for all before it. NaN and infinities have
 * no weight; NaN where fewer than `least` others came. */
typedef struct {
    cn_number x;
    int floats, adjust;
    double alpha;
    ptrdiff_t least;
} cn_decay;
cn_status cn_decayed(const cn_call *call, int axis, const cn_decay *how);

#endif
