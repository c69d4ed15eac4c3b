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

/* Levels of which a feature is absent; levels in `of` name theirs in text, apart by spaces. Features one by one:
 * clang before 19 does not know the levels. The builtin asks XCR0, so a register file the operating system does not
 * save counts as absent. */
static unsigned absent(unsigned of, char *text, size_t size)
{
    unsigned levels = 0;
    size_t at = 0;
    if (size) text[0] = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
#define HAS(level, name)                                                                                          \
    if (!__builtin_cpu_supports(name)) {                                                                          \
        levels |= level;                                                                                          \
        if ((of & level) && at < size) at += (size_t)snprintf(text + at, size - at, at ? " %s" : "%s", name);     \
    }
    HAS(CN_X86_V3, "avx")
    HAS(CN_X86_V3, "avx2")
    HAS(CN_X86_V3, "fma")
    HAS(CN_X86_V3, "bmi")
    HAS(CN_X86_V3, "bmi2")
    HAS(CN_X86_V3, "f16c")
    HAS(CN_X86_V3, "popcnt")
    HAS(CN_X86_V3, "sse4.2")
    HAS(CN_X86_V3, "lzcnt")
    HAS(CN_X86_V3, "movbe")
    HAS(CN_X86_V4, "avx512f")
    HAS(CN_X86_V4, "avx512bw")
    HAS(CN_X86_V4, "avx512cd")
    HAS(CN_X86_V4, "avx512dq")
    HAS(CN_X86_V4, "avx512vl")
#undef HAS
#else
    (void)of, (void)at, (void)text;
#endif
    return levels;
}

unsigned cn_cpu_features(void)
{
#if defined(__x86_64__)
    const unsigned lacks = absent(0, NULL, 0);
    return lacks & CN_X86_V3 ? 0 : lacks & CN_X86_V4 ? CN_X86_V3 : CN_X86_V3 | CN_X86_V4;
#else
    return 0;
#endif
}

void cn_cpu_missing(unsigned needs, char *text, size_t size)
{
    absent(needs & CN_X86_V4 ? needs | CN_X86_V3 : needs, text, size);
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
