/* lrn.h: local response norm. */
#ifndef CN_LRN_H
#define CN_LRN_H

#include "cnorm.h"

/* The window of channel c is c - below ... c + above; anchored: and channel 0. Both below C. */
typedef struct {
    ptrdiff_t below, above;
    int anchored;
    double alpha, beta, k;
} cn_lrn_window;

/* y = x / (k + alpha * sum of x^2 over the window)^beta along an axis; 0 / 0 is 0 where k is 0. y is x
 * itself or apart from it. Reads the operands X and Y of the call. */
cn_status cn_lrn(const cn_call *call, int axis, const cn_lrn_window *how);

#endif
