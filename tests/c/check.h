/* check.h: what the tests of the C core share: counting, the hash of results, guarded arrays, planted failures. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>

#include "cnorm.h"

/* Counts; tells of a failure what the format says. Safe from several threads. */
__attribute__((format(printf, 2, 3))) void check(int good, const char *format, ...);
int conclude(void); /* prints the counts; the exit status */

/* Of all bytes given so far: FNV-1a, eight bytes at a time. */
void hash(const void *data, size_t bytes);
uint64_t hashed(void);

/* Does every byte have this value? */
int all_bytes(const char *memory, ptrdiff_t bytes, int value);

uint64_t random_bits(uint64_t *state);

/* Memory between two pages that fault, its first byte behind the one or its last before the other. The
 * memory of a slot comes back whenever it is asked for. */
enum { SLOT_X, SLOT_Y, SLOT_W, SLOT_B, SLOT_FIRST, SLOT_SECOND, SLOT_M, SLOT_Q, SLOT_R, SLOT_H, N_SLOTS };
char *guarded(int slot, size_t bytes, int at_end);

/* The instruction sets of this CPU, best last; the one in C_TEST_SET, if it is set. */
int available(const char *names[], int most);

/* In how many of its ways a case is tried: all, or the first C_TEST_WAYS, on emulators. */
int ways_tried(int most);

/* Is the next case one to try? Each is, or one of C_TEST_EVERY; the hash is another one then. */
int has_turn(void);

/* The linker puts functions of ours before malloc, calloc, free, pthread_create and cn_cache_bytes. */
extern _Atomic int mallocs_left;   /* this many succeed, then none; -1: all do */
extern _Atomic int mallocs_alive;  /* given and not taken back */
extern _Atomic int threads_left;   /* the same for pthread_create */
extern _Atomic size_t cache_bytes; /* what the core is told at cn_init; 0: the truth */

/* The tests, each in a file of its name. */
void test_sweep(void);
void test_far_apart(void);
void test_pictures(void);
void test_int8(void);
void test_memory(void);
void test_callers(void);
void test_forks(void);
void test_streams(void);
void test_extremes(void);
void test_matrices(void);
void test_counted(void);
void test_windows(void);
void test_windows_memory(void);
void test_groups(void);
void test_products(void);
void test_logs(void);
void test_roots(void);
void test_touched(void);

#endif
