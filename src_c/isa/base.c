/* base.c: kernels for every CPU of the platform (SSE2 on x86-64, NEON on aarch64). */
#define CN_ISA cn_isa_base
#if defined(__aarch64__)
#define CN_ISA_NAME "neon"
#else
#define CN_ISA_NAME "x86-64"
#endif
#define CN_NEEDS 0
#define CN_VB 16
#include "isa/isa.inc"
