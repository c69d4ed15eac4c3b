/* numbers.c: sizes of numbers; doubles of them, by a kernel where they lie without gaps. */
#include "dispatch/numbers.h"

#include <string.h>

#include "dispatch/cpu.h"

ptrdiff_t cn_number_size(cn_number of)
{
#define CN_SIZE_OF(NAME, type) [CN_NUMBER_##NAME] = sizeof(type),
    static const ptrdiff_t sizes[CN_N_NUMBERS] = {CN_NUMBERS(CN_SIZE_OF)};
    return sizes[of];
}

/* One by one: put side by side first, for the kernel, int64 takes twice as long. */
static void to_doubles_apart(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, double *to)
{
#define CN_CONVERT_APART(NAME, type)                                                                              \
    case CN_NUMBER_##NAME:                                                                                        \
        for (ptrdiff_t i = 0; i < n; i++) {                                                                       \
            type v;                                                                                               \
            memcpy(&v, from + i * step, sizeof v);                                                                \
            to[i] = (double)v * by;                                                                               \
        }                                                                                                         \
        break;
    switch (of) {
        CN_NUMBERS(CN_CONVERT_APART)
    default: break;
    }
}

void cn_to_doubles(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, double *to)
{
    if (step == cn_number_size(of))
        cn_kernels_of(CN_F64)->to_doubles(of, from, n, by, to);
    else
        to_doubles_apart(of, from, step, n, by, to);
}
