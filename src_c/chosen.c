/* chosen.c: the instruction set this process uses, and what the build can tell of itself. */
#include "cpu.h"

static const cn_isa *isa;

int cn_init(const char *cap)
{
    isa = cn_select(cn_cpu_features(), cap);
    cn_cache_bytes(); /* now: a call opens no files */
    return isa != NULL;
}

const cn_kernels *cn_kernels_of(cn_dtype dtype) { return &isa->kernels[dtype]; }

const char *cn_isa_name(void) { return isa->name; }
int cn_isa_count(void) { return cn_n_isas; }

const char *cn_isa_describe(int i, int *available)
{
    *available = (cn_isas[i]->needs & ~cn_cpu_features()) == 0;
    return cn_isas[i]->name;
}

void cn_isa_missing(int i, char *text, size_t size) { cn_cpu_missing(cn_isas[i]->needs, text, size); }

const char *cn_compiler(void)
{
#if defined(__clang__)
    return __VERSION__; /* "Clang 16.0.6 ..." */
#elif defined(__GNUC__)
    return "GCC " __VERSION__;
#else
    return "an unknown compiler";
#endif
}
