/* widen.c: floats of 16 bits become those that are computed with, and these become them. */
#include "dispatch/cpu.h"

void cn_widen(cn_dtype dtype, const char *x, ptrdiff_t n, float *to)
{
    cn_kernels_of(dtype)->widen(x, (char *)to, n);
}

void cn_round(cn_dtype dtype, const float *x, ptrdiff_t n, char *to) { cn_kernels_of(dtype)->round(x, to, n); }
