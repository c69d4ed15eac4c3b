/* base.c: kernels for every CPU of the platform (SSE2 on x86-64, NEON on aarch64). */
#define CN_ISA base
#define CN_VB 16
#include "isa/isa.inc"
