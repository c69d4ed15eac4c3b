/* ticks.h: the processor's own clock: read in 10 ns, 2 to 4 ticks a nanosecond. */
#include <stdint.h>

#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
#include <intrin.h>
#endif

/* 0 where there is no such clock. */
static inline uint64_t cn_ticks(void)
{
#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
    return __rdtsc();
#elif defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}
