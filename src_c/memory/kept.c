/* kept.c: large blocks of memory, the last few freed ones kept for requests of about their size. */
#define _DEFAULT_SOURCE /* madvise */
#include "memory/kept.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef _WIN32
#include <malloc.h>
#endif

/* From here on huge pages are asked for, as NumPy does: a fault for 2 MiB instead of 4 KiB. */
#define HUGE_FROM ((size_t)4 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE 4096
#define SLOTS 32

/* Before the data. Half a page from where the large arrays of malloc begin (16 bytes into a page): a store
 * to the place modulo 4096 that is read next makes that read wait. */
typedef struct {
    size_t capacity; /* of the data */
    char pad[56];
} cn_kept_header;

/* Whoever finds it in use does without: nobody waits, no fork can leave it locked for good. */
static struct {
    atomic_flag in_use;
    atomic_size_t limit;
    size_t bytes;
    int n;
    cn_kept_header *block[SLOTS]; /* oldest first */
} kept = {.in_use = ATOMIC_FLAG_INIT};

static int enter(void) { return !atomic_flag_test_and_set(&kept.in_use); }
static void leave(void) { atomic_flag_clear(&kept.in_use); }

/* Sizes are rounded up by at most an eighth, so that those of about the same size fit each other's. */
static size_t capacity_for(size_t size)
{
    size_t step = PAGE;
    while (step * 16 < size) step *= 2;
    return (size + step - 1) / step * step;
}

static cn_kept_header *from_system(size_t capacity)
{
    if (capacity > SIZE_MAX / 2) return NULL;
    size_t align = capacity >= HUGE_FROM ? HUGE_PAGE : PAGE, total = capacity + PAGE;
    char *base;
#ifdef _WIN32
    base = _aligned_malloc(total, align);
#else
    void *memory;
    base = posix_memalign(&memory, align, total) == 0 ? memory : NULL;
#endif
    if (!base) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (capacity >= HUGE_FROM) madvise(base, total, MADV_HUGEPAGE); /* advice: if refused, small pages */
#endif
    cn_kept_header *header = (cn_kept_header *)(base + PAGE / 2);
    header->capacity = capacity;
    return header;
}

static void to_system(cn_kept_header *header)
{
    char *base = (char *)header - PAGE / 2;
#ifdef _WIN32
    _aligned_free(base);
#else
    free(base);
#endif
}

static cn_kept_header *take_out(int i)
{
    cn_kept_header *header = kept.block[i];
    kept.bytes -= header->capacity;
    memmove(&kept.block[i], &kept.block[i + 1], (size_t)(kept.n - i - 1) * sizeof(kept.block[0]));
    kept.n--;
    return header;
}

/* The last freed one of that capacity: it is the likeliest to be in the cache still. */
static cn_kept_header *reuse(size_t capacity)
{
    cn_kept_header *found = NULL;
    if (!enter()) return NULL;
    for (int i = kept.n - 1; i >= 0 && !found; i--)
        if (kept.block[i]->capacity == capacity) found = take_out(i);
    leave();
    return found;
}

static void shrink_to(size_t bytes)
{
    while (kept.n > 0 && kept.bytes > bytes) to_system(take_out(0));
}

size_t cn_kept_limit(void) { return atomic_load(&kept.limit); }

void cn_kept_set_limit(size_t bytes)
{
    atomic_store(&kept.limit, bytes);
    if (!enter()) return; /* the next block that is freed finds the new limit */
    shrink_to(bytes);
    leave();
}

size_t cn_kept_bytes(void)
{
    if (!enter()) return 0;
    size_t bytes = kept.bytes;
    leave();
    return bytes;
}

void *cn_kept_new(size_t size)
{
    size_t capacity = capacity_for(size);
    cn_kept_header *header = reuse(capacity);
    if (!header) header = from_system(capacity);
    return header ? (char *)header + sizeof(cn_kept_header) : NULL;
}

void cn_kept_free(void *block)
{
    if (!block) return;
    cn_kept_header *header = (cn_kept_header *)((char *)block - sizeof(cn_kept_header));
    size_t limit = atomic_load(&kept.limit);
    if (header->capacity > limit || !enter()) {
        to_system(header);
        return;
    }
    if (kept.n == SLOTS) to_system(take_out(0));
    shrink_to(limit - header->capacity);
    kept.block[kept.n++] = header;
    kept.bytes += header->capacity;
    leave();
}

void *cn_kept_resize(void *block, size_t size)
{
    void *larger = cn_kept_new(size);
    if (!larger || !block) return larger;
    size_t before = ((cn_kept_header *)((char *)block - sizeof(cn_kept_header)))->capacity;
    memcpy(larger, block, before < size ? before : size);
    cn_kept_free(block);
    return larger;
}
