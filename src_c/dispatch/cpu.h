/* cpu.h: what the CPU and the operating system support, and the choice among instruction sets. */
#ifndef CN_CPU_H
#define CN_CPU_H

#include "kernels/kernels.h"

/* Psabi levels; the level below is part of each. And AVX512-BF16, of which no level tells. */
enum { CN_X86_V3 = 1, CN_X86_V4 = 2, CN_X86_BF16 = 4 };

unsigned cn_cpu_features(void);

/* Names of the features that needs ask for and this CPU lacks, apart by spaces; writes at most size bytes. */
void cn_cpu_missing(unsigned needs, char *text, size_t size);

/* Bytes of the last-level cache; 32 MiB where the system does not tell. */
size_t cn_cache_bytes(void);

/* Best first; the last accepts every CPU. */
extern const cn_isa cn_isas[];
extern const int cn_n_isas;

/* The best of cn_isas that features allow and that is not above cap (NULL: no cap); NULL if cap is
 * unknown or needs what features lack. */
const cn_isa *cn_select(unsigned features, const char *cap);

/* The row of an element of the set that cn_init chose. */
const cn_kernels *cn_kernels_of(int element);

/* Do so many bytes outgrow the part of the last-level cache that can be counted on? */
int cn_beyond_cache(double bytes, int threads);
/* Does an output that is but written, so many bytes with its input, go past the cache? */
int cn_goes_past(double bytes, int threads);

#endif
