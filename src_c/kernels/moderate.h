/* moderate.h: numbers of which nothing special is to be said. */
#ifndef CN_MODERATE_H
#define CN_MODERATE_H

#include <math.h>

/* Is it 0, or so that no square, quotient or difference of a few leaves the floats it is computed in? NaN is not. */
static inline int cn_is_moderate(double value)
{
    const double large = 0x1p100, small = 0x1p-100;
    return (fabs(value) < large) & ((value == 0) | (fabs(value) > small));
}

#endif
