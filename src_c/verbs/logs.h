/* logs.h: logarithms of arrays as doubles, and doubles rounded to any float. */
#ifndef CN_LOGS_H
#define CN_LOGS_H

#include "cnorm.h"

/* What has no logarithm: 0, whose is minus infinity, and what is below, whose is NaN. */
enum { CN_LOG_OF_ZERO = 1, CN_LOG_OF_NEGATIVE = 2 };

/* The natural logarithms of n elements without gaps; y: apart, or x if that is of doubles. What was seen of the two above. */
int cn_logs(cn_dtype dtype, const char *x, double *y, ptrdiff_t n);

/* n doubles without gaps, each rounded once; y: apart. */
void cn_round_doubles(cn_dtype dtype, const double *x, char *y, ptrdiff_t n);

#endif
