/* widen.c: parameters of 16 bits become those that kernels take. */
#include "dispatch/cpu.h"

void cn_widen(cn_dtype dtype, const char *x, ptrdiff_t n, float *to)
{
    cn_kernels_of(dtype)->widen(x, (char *)to, n);
}
