/* cpu.c: CPU features and the pure choice of an instruction set. Compiled for the baseline. */
#include "dispatch/cpu.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "kernels/elements.h"

#define DECLARE(tag, word, set) extern const cn_kernels cn_##set##_##word;
#define POINT(tag, word, set) [tag] = &cn_##set##_##word,
#define KERNELS(set) {CN_ELEMENTS(POINT, set)}

CN_ELEMENTS(DECLARE, base)
#if defined(__x86_64__)
CN_ELEMENTS(DECLARE, x86_v3)
CN_ELEMENTS(DECLARE, x86_v4)
#define BASE_NAME "x86-64"
#else
#define BASE_NAME "neon"
#endif

const cn_isa cn_isas[] = {
#if defined(__x86_64__)
    {"x86-64-v4-bf16", CN_X86_V4 | CN_X86_BF16, KERNELS(x86_v4), 1},
    {"x86-64-v4", CN_X86_V4, KERNELS(x86_v4), 0},
    {"x86-64-v3", CN_X86_V3, KERNELS(x86_v3), 0},
#endif
    {BASE_NAME, 0, KERNELS(base), 0},
};
const int cn_n_isas = sizeof cn_isas / sizeof *cn_isas;

#if defined(__x86_64__)
/* CPUID itself: __builtin_cpu_supports needs a library that clang-cl does not link, and clang before 19 knows
 * neither the levels nor all names. XCR0 tells which registers the operating system saves. */
enum { LEAF_1_C, LEAF_7_B, LEAF_7_1_A, EXTENDED_C, XCR0, N_WORDS };

static const struct {
    const char *name;
    unsigned level, word, bits;
} known[] = {
    {"sse3", CN_X86_V3, LEAF_1_C, 1u << 0},           {"ssse3", CN_X86_V3, LEAF_1_C, 1u << 9},
    {"fma", CN_X86_V3, LEAF_1_C, 1u << 12},           {"cx16", CN_X86_V3, LEAF_1_C, 1u << 13},
    {"sse4.1", CN_X86_V3, LEAF_1_C, 1u << 19},        {"sse4.2", CN_X86_V3, LEAF_1_C, 1u << 20},
    {"movbe", CN_X86_V3, LEAF_1_C, 1u << 22},         {"popcnt", CN_X86_V3, LEAF_1_C, 1u << 23},
    {"xsave", CN_X86_V3, LEAF_1_C, 1u << 27},         {"avx", CN_X86_V3, LEAF_1_C, 1u << 28},
    {"f16c", CN_X86_V3, LEAF_1_C, 1u << 29},          {"bmi1", CN_X86_V3, LEAF_7_B, 1u << 3},
    {"avx2", CN_X86_V3, LEAF_7_B, 1u << 5},           {"bmi2", CN_X86_V3, LEAF_7_B, 1u << 8},
    {"lzcnt", CN_X86_V3, EXTENDED_C, 1u << 5},        {"ymm-saved", CN_X86_V3, XCR0, 0x6},
    {"avx512f", CN_X86_V4, LEAF_7_B, 1u << 16},       {"avx512dq", CN_X86_V4, LEAF_7_B, 1u << 17},
    {"avx512cd", CN_X86_V4, LEAF_7_B, 1u << 28},      {"avx512bw", CN_X86_V4, LEAF_7_B, 1u << 30},
    {"avx512vl", CN_X86_V4, LEAF_7_B, 1u << 31},      {"zmm-saved", CN_X86_V4, XCR0, 0xe6},
    {"avx512bf16", CN_X86_BF16, LEAF_7_1_A, 1u << 5},
};

static void ask(unsigned words[N_WORDS])
{
    unsigned a, b, c, d;
    memset(words, 0, N_WORDS * sizeof words[0]);
    if (__get_cpuid(1, &a, &b, &c, &d)) words[LEAF_1_C] = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) words[LEAF_7_B] = b;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) words[LEAF_7_1_A] = a;
    if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) words[EXTENDED_C] = c;
    if (words[LEAF_1_C] & (1u << 27)) __asm__("xgetbv" : "=a"(words[XCR0]), "=d"(d) : "c"(0));
}

/* Levels of which a feature is absent; levels in `of` name theirs in text, apart by spaces. */
static unsigned absent(unsigned of, char *text, size_t size)
{
    unsigned levels = 0, words[N_WORDS];
    size_t at = 0;
    if (size) text[0] = 0;
    ask(words);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if ((words[known[i].word] & known[i].bits) == known[i].bits) continue;
        levels |= known[i].level;
        if ((of & known[i].level) && at < size)
            at += (size_t)snprintf(text + at, size - at, at ? " %s" : "%s", known[i].name);
    }
    return levels;
}

static unsigned find_features(void)
{
    const unsigned lacks = absent(0, NULL, 0);
    if (lacks & CN_X86_V3) return 0;
    if (lacks & CN_X86_V4) return CN_X86_V3;
    return CN_X86_V3 | CN_X86_V4 | (~lacks & CN_X86_BF16);
}

/* Asked for once: a virtual machine leaves its guest for every word, 16 us each (Emerald Rapids), which was a third of the time of
 * the C tests. */
unsigned cn_cpu_features(void)
{
    static atomic_uint features, found;
    if (!atomic_load(&found)) atomic_store(&features, find_features()), atomic_store(&found, 1);
    return atomic_load(&features);
}

void cn_cpu_missing(unsigned needs, char *text, size_t size)
{
    absent(needs & CN_X86_V4 ? needs | CN_X86_V3 : needs, text, size);
}
#else
unsigned cn_cpu_features(void) { return 0; }

void cn_cpu_missing(unsigned needs, char *text, size_t size)
{
    (void)needs;
    if (size) text[0] = 0;
}
#endif

const cn_isa *cn_select(unsigned features, const char *cap)
{
    int below = cap == NULL;
    for (int i = 0; i < cn_n_isas; i++) {
        int named = cap && strcmp(cap, cn_isas[i].name) == 0;
        int runs = (cn_isas[i].needs & ~features) == 0;
        if (named && !runs) return NULL;
        below |= named;
        if (below && runs) return &cn_isas[i];
    }
    return NULL;
}
