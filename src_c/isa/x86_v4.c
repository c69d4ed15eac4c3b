/* x86_v4.c: kernels for x86-64-v4 (AVX-512 F, BW, CD, DQ, VL) and x86-64-v4-bf16, which rounds by AVX512-BF16. */
#define CN_ISA x86_v4
#define CN_VB 64
#define CN_AVX512
#if defined(__x86_64__)
#include "isa/isa.inc"
#endif
