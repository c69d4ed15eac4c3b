/* numbers.h: numbers of any type, packed as doubles. */
#ifndef CN_NUMBERS_H
#define CN_NUMBERS_H

#include "cnorm.h"

ptrdiff_t cn_number_size(cn_number of);

/* n numbers, `step` bytes apart, times a power of two. */
void cn_to_doubles(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, double *to);

#endif
