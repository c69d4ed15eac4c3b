/* x86_v3.c: kernels for x86-64-v3 (AVX2, F16C). */
#define CN_ISA x86_v3
#define CN_VB 32
#define CN_AVX2
#if defined(__x86_64__)
#include "isa/isa.inc"
#endif
