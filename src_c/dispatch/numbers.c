/* numbers.c: sizes of numbers; what makes doubles of them is a kernel. */
#include "dispatch/numbers.h"

#include "dispatch/cpu.h"

ptrdiff_t cn_number_size(cn_number of)
{
#define CN_SIZE_OF(NAME, type) [CN_NUMBER_##NAME] = sizeof(type),
    static const ptrdiff_t sizes[CN_N_NUMBERS] = {CN_NUMBERS(CN_SIZE_OF)};
    return sizes[of];
}

void cn_to_doubles(cn_number of, const char *from, ptrdiff_t step, ptrdiff_t n, double by, double *to)
{
    cn_kernels_of(CN_F64)->to_doubles(of, from, step, n, by, to);
}
