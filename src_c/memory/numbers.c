/* numbers.c: numbers of any type, packed as doubles or floats. */
#include "memory/numbers.h"

#include <string.h>

ptrdiff_t cn_number_size(cn_number of)
{
#define CN_SIZE_OF(NAME, type) [CN_NUMBER_##NAME] = sizeof(type),
    static const ptrdiff_t sizes[CN_N_NUMBERS] = {CN_NUMBERS(CN_SIZE_OF)};
    return sizes[of];
}

/* What lies without gaps is left to the compiler to take several at a time. */
#define CN_CONVERT(type, lane)                                                                                    \
    for (ptrdiff_t i = 0; i < n && step == (ptrdiff_t)sizeof(type); i++) {                                        \
        type v;                                                                                                   \
        memcpy(&v, from + i * (ptrdiff_t)sizeof v, sizeof v);                                                     \
        to[i] = (lane)((double)v * by);                                                                           \
    }                                                                                                             \
    for (ptrdiff_t i = 0; i < n && step != (ptrdiff_t)sizeof(type); i++) {                                        \
        type v;                                                                                                   \
        memcpy(&v, from + i * step, sizeof v);                                                                    \
        to[i] = (lane)((double)v * by);                                                                           \
    }

void cn_to_doubles(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, double *to)
{
#define CN_DOUBLES_OF(NAME, type)                                                                                 \
    case CN_NUMBER_##NAME: {                                                                                      \
        CN_CONVERT(type, double)                                                                                  \
        break;                                                                                                    \
    }
    switch (of) {
        CN_NUMBERS(CN_DOUBLES_OF)
    default: break;
    }
}

void cn_to_floats(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, float *to)
{
#define CN_FLOATS_OF(NAME, type)                                                                                  \
    case CN_NUMBER_##NAME: {                                                                                      \
        CN_CONVERT(type, float)                                                                                   \
        break;                                                                                                    \
    }
    switch (of) {
        CN_NUMBERS(CN_FLOATS_OF)
    default: break;
    }
}
