/* cpu.c: CPU features and the pure choice of an instruction set. Compiled for the baseline. */
#include "cpu.h"

#include <stdio.h>
#include <string.h>

extern const cn_isa cn_isa_base;
#if defined(__x86_64__)
extern const cn_isa cn_isa_x86_v3, cn_isa_x86_v4;
#endif

const cn_isa *const cn_isas[] = {
#if defined(__x86_64__)
    &cn_isa_x86_v4,
    &cn_isa_x86_v3,
#endif
    &cn_isa_base,
};
const int cn_n_isas = sizeof cn_isas / sizeof *cn_isas;

unsigned cn_cpu_features(void)
{
    unsigned features = 0;
#if defined(__x86_64__)
    /* The features by name: clang before 19 does not know the levels. The builtin asks XCR0, so a
     * register file the operating system does not save counts as absent. */
#define HAS(name) __builtin_cpu_supports(name)
    __builtin_cpu_init();
    if (HAS("avx") && HAS("avx2") && HAS("fma") && HAS("bmi") && HAS("bmi2") && HAS("f16c") && HAS("popcnt") &&
        HAS("sse4.2") && HAS("lzcnt") && HAS("movbe"))
        features |= CN_X86_V3;
    if ((features & CN_X86_V3) && HAS("avx512f") && HAS("avx512bw") && HAS("avx512cd") && HAS("avx512dq") &&
        HAS("avx512vl"))
        features |= CN_X86_V4;
#undef HAS
#endif
    return features;
}

size_t cn_cache_bytes(void)
{
    size_t kib = 0;
#if defined(__linux__)
    /* sysconf(_SC_LEVEL3_CACHE_SIZE) adds up the caches of all sockets: 256 MiB where a core has 32. */
    FILE *file = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    if (!file) file = fopen("/sys/devices/system/cpu/cpu0/cache/index2/size", "r");
    if (file) {
        if (fscanf(file, "%zuK", &kib) != 1) kib = 0;
        fclose(file);
    }
#endif
    return (kib ? kib : (size_t)32 << 10) << 10;
}

const cn_isa *cn_select(unsigned features, const char *cap)
{
    int below = cap == NULL;
    for (int i = 0; i < cn_n_isas; i++) {
        int named = cap && strcmp(cap, cn_isas[i]->name) == 0;
        int runs = (cn_isas[i]->needs & ~features) == 0;
        if (named && !runs) return NULL;
        below |= named;
        if (below && runs) return cn_isas[i];
    }
    return NULL;
}
