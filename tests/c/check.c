/* check.c: counting, the hash of results, guarded arrays, planted failures. */
#include "check.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOLD 20 /* failures told of */
#define SLOT_BYTES ((size_t)8 << 20)

static atomic_long passed, failed;
static uint64_t sum = 0xcbf29ce484222325u;

void check(int good, const char *format, ...)
{
    if (good) {
        atomic_fetch_add(&passed, 1);
        return;
    }
    if (atomic_fetch_add(&failed, 1) >= TOLD) return;
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

int conclude(void)
{
    printf("%ld passed, %ld failed\n", atomic_load(&passed), atomic_load(&failed));
    return atomic_load(&failed) != 0 || atomic_load(&passed) == 0;
}

void hash(const void *data, size_t bytes)
{
    const char *p = data;
    for (size_t i = 0; i < bytes; i += sizeof sum) {
        uint64_t word = 0;
        memcpy(&word, p + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        sum = (sum ^ word) * 0x100000001b3u;
        sum ^= sum >> 32;
    }
}

uint64_t hashed(void) { return sum; }

int all_bytes(const char *memory, ptrdiff_t bytes, int value)
{
    return bytes == 0 || (memory[0] == (char)value && memcmp(memory, memory + 1, (size_t)bytes - 1) == 0);
}

uint64_t random_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

char *guarded(int slot, size_t bytes, int at_end)
{
    static char *slots[N_SLOTS];
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (!slots[slot]) {
        char *all = mmap(NULL, SLOT_BYTES + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (all == MAP_FAILED || mprotect(all, page, PROT_NONE) ||
            mprotect(all + page + SLOT_BYTES, page, PROT_NONE)) {
            printf("no memory for guarded arrays\n");
            exit(2);
        }
        slots[slot] = all + page;
    }
    if (bytes > SLOT_BYTES) {
        printf("SLOT_BYTES are too few for %zu\n", bytes);
        exit(2);
    }
    return at_end ? slots[slot] + SLOT_BYTES - bytes : slots[slot];
}

int available(const char *names[], int most)
{
    const char *only = getenv("C_TEST_SET"); /* a name, or the best */
    const int best = only && strcmp(only, "best") == 0;
    int n = 0, runs;
    for (int i = cn_isa_count() - 1; i >= 0 && n < most; i--) {
        const char *name = cn_isa_describe(i, &runs);
        if (runs && best) n = 0; /* for the one that comes last */
        if (runs && (best || !only || strcmp(only, name) == 0)) names[n++] = name;
    }
    return n;
}

/* A positive number from the environment. */
static int setting(const char *name, int otherwise)
{
    const char *text = getenv(name);
    const int n = text ? atoi(text) : 0;
    return n > 0 ? n : otherwise;
}

int ways_tried(int most)
{
    const int n = setting("C_TEST_WAYS", most);
    return n < most ? n : most;
}

int has_turn(void)
{
    static int every, turns;
    if (!every) every = setting("C_TEST_EVERY", 1);
    return turns++ % every == 0;
}

_Atomic int mallocs_left = -1, mallocs_alive, threads_left = -1;
_Atomic size_t cache_bytes;

/* One of those that succeed? */
static int allowed(_Atomic int *left)
{
    int n = atomic_load(left);
    while (n > 0 && !atomic_compare_exchange_weak(left, &n, n - 1)) {}
    return n != 0;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes)
{
    if (!allowed(&mallocs_left)) return NULL;
    atomic_fetch_add(&mallocs_alive, 1);
    return __real_malloc(bytes);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    if (!allowed(&mallocs_left)) return NULL;
    atomic_fetch_add(&mallocs_alive, 1);
    return __real_calloc(n, size);
}

void __real_free(void *memory);
void __wrap_free(void *memory)
{
    if (memory) atomic_fetch_sub(&mallocs_alive, 1);
    __real_free(memory);
}

typedef void *(*thread_body)(void *);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *how, thread_body body, void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, thread_body body, void *context)
{
    return allowed(&threads_left) ? __real_pthread_create(thread, how, body, context) : 11; /* EAGAIN */
}

size_t __real_cn_cache_bytes(void);
size_t __wrap_cn_cache_bytes(void)
{
    size_t told = atomic_load(&cache_bytes);
    return told ? told : __real_cn_cache_bytes();
}
