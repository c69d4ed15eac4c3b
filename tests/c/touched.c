/* touched.c: memory that is there is told from what is made once it is written to; both take the same bytes. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "check.h"
#include "memory/touched.h"

#define ROWS 64
#define COLUMNS 512
#define BYTES ((ptrdiff_t)(ROWS * COLUMNS * sizeof(float)))

static char *reserve(ptrdiff_t bytes)
{
    char *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* LayerNorm without parameters, as beyond the cache. */
static void standardize(const float *x, char *y)
{
    cn_call call = {.ndim = 2, .shape = {ROWS, COLUMNS}, .dtype = CN_F32, .n_stats = ROWS};
    call.op[CN_X] = (cn_operand){(char *)(uintptr_t)x, {COLUMNS * sizeof(float), sizeof(float)}};
    call.op[CN_Y] = (cn_operand){y, {COLUMNS * sizeof(float), sizeof(float)}};
    call.op[CN_STAT].strides[0] = 1;
    call.moments.eps = 1e-5;
    check(cn_run(&call) == CN_OK, "touched: no memory");
}

void test_touched(void)
{
    float *x = malloc((size_t)BYTES);
    char *old = reserve(BYTES), *new = reserve(BYTES), *gone = reserve(BYTES);
    check(x && old && new && gone, "touched: no memory");
    memset(old, 1, (size_t)BYTES);
    check(cn_is_touched(old, BYTES), "touched: written, and not there");
#ifdef __linux__
    check(!cn_is_touched(new, BYTES), "touched: new, and there");
#endif
    munmap(gone, (size_t)BYTES);
    check(cn_is_touched(gone, BYTES), "touched: what can't be told is taken for new");
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)(i * 7919 % 1009) / 8;
    atomic_store(&cache_bytes, 1);
    standardize(x, old), standardize(x, new);
    atomic_store(&cache_bytes, 0);
    check(cn_is_touched(new, BYTES), "touched: written by a call, and not there");
    check(memcmp(old, new, (size_t)BYTES) == 0, "touched: new memory has other bytes");
    munmap(old, (size_t)BYTES), munmap(new, (size_t)BYTES), free(x);
}
