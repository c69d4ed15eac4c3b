/* x86_v4.c: kernels for x86-64-v4 (AVX-512 F, BW, CD, DQ, VL). */
#define CN_ISA cn_isa_x86_v4
#define CN_ISA_NAME "x86-64-v4"
#define CN_NEEDS CN_X86_V4
#define CN_VB 64
#define CN_AVX512
#if defined(__x86_64__)
#include "isa/isa.inc"
#endif
