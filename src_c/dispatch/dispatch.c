/* dispatch.c: the instruction set this process uses, and what the build can tell of itself. */
#include "dispatch/cpu.h"

/* Input and output above this share of the last-level cache come from memory, as that is shared with other
 * cores: the next rows are fetched while these are written, and those past the cache, as an ordinary store
 * reads its line first. layer_norm (rows, 768) on Zen 3 with 32 MiB, medians in us, neither / both: 1024 rows
 * (6.3 MB) 310 / 400, 1300 390 / 530, 1600 610 / 620, 2048 1380 / 630, 2700 1930 / 1070. Fetching alone:
 * 2048 970; a plain sweep that fetches what comes next anyway only loses by it (2 x 5.7 MB: 167, 300). Two
 * threads wait for less of it: ordinary stores win by 2 to 25 % at 12.6 MB, at 21 and 32 MB nothing does.
 * Lost: calls of 12 to 16 MB that time their first bundle and store past the cache only where x was cold. In a loop of
 * their own they took 0.75 of the time (batch_norm (8, 64, 56, 56) 147 us to 111, Zen 5), but the second and third call
 * after a cold one up to twice as long (layer_norm (2048, 768) 250 us to 510). */
#define CACHE_SHARE 0.3
#define CACHE_SHARE_OF_THREADS 0.6

/* Input and output of so many bytes are in no L2; where the output is but written, it goes past a last-level cache, too, which may
 * hold both. Of the time take, from L3, then with one that reads the output behind it, then both from memory (Emerald Rapids,
 * 260 MiB of L3): batch_norm eval (32, 64, 56, 56) 0.65, 0.97, 0.98, (4096, 1024) 0.75, 1.12, 1.05, training 0.65, 0.9, 0.8;
 * images (64, 224, 224, 3) 0.62, 0.83, 0.85, of 30 MB 0.9, 1.33, 1.1; groups of rows (20000, 256) 0.75 to 1, 0.93, 0.9. */
#define SPREAD (32 << 20)

static const cn_isa *isa;
int cn_rounds_to_bf16;

int cn_init(const char *cap)
{
    isa = cn_select(cn_cpu_features(), cap);
    cn_rounds_to_bf16 = isa && isa->rounds_to_bf16;
    cn_cache_bytes(); /* now: a call opens no files */
    return isa != NULL;
}

const cn_kernels *cn_kernels_of(int element) { return isa->kernels[element]; }

int cn_beyond_cache(double bytes, int threads)
{
    return bytes > (threads > 1 ? CACHE_SHARE_OF_THREADS : CACHE_SHARE) * (double)cn_cache_bytes();
}

int cn_goes_past(double bytes, int threads) { return bytes >= SPREAD || cn_beyond_cache(bytes, threads); }

const char *cn_isa_name(void) { return isa->name; }
int cn_isa_count(void) { return cn_n_isas; }

const char *cn_isa_describe(int i, int *available)
{
    *available = (cn_isas[i].needs & ~cn_cpu_features()) == 0;
    return cn_isas[i].name;
}

void cn_isa_missing(int i, char *text, size_t size) { cn_cpu_missing(cn_isas[i].needs, text, size); }

const char *cn_activation_name(cn_activation activation)
{
#define CN_NAME_OF(NAME, name) #name,
    static const char *const names[] = {"", CN_ACTIVATIONS(CN_NAME_OF)};
    return names[activation];
}

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
