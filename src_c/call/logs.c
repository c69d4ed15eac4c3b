/* logs.c: logarithms of arrays and what is made of them, rounded, by pieces, to threads. */
#include "verbs/logs.h"

#include <stdatomic.h>

#include "dispatch/cpu.h"
#include "threads/threads.h"

/* Elements of a piece; of 16-bit floats that are made floats at a time. */
#define PIECE 4096
#define AT_ONCE 512

typedef struct {
    cn_dtype dtype;
    const char *x;
    char *y;
    ptrdiff_t n;
    atomic_int seen;
} of_array;

static int logs_of_piece(cn_dtype dtype, const char *x, double *y, ptrdiff_t n)
{
    const cn_kernels *k = cn_kernels_of(dtype), *of_doubles = cn_kernels_of(CN_F64);
    float lanes[AT_ONCE];
    int seen = 0;
    if (!k->widen) return of_doubles->logs(x, dtype == CN_F32, y, n);
    for (ptrdiff_t i = 0, some; i < n; i += some) {
        some = n - i < AT_ONCE ? n - i : AT_ONCE;
        k->widen(x + i * k->size, (char *)lanes, some);
        seen |= of_doubles->logs((const char *)lanes, 1, y + i, some);
    }
    return seen;
}

static void logs_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    of_array *of = context;
    const ptrdiff_t first = begin * PIECE, last = end * PIECE < of->n ? end * PIECE : of->n;
    const int seen = logs_of_piece(of->dtype, of->x + first * cn_kernels_of(of->dtype)->size,
                                   (double *)of->y + first, last - first);
    if (seen) atomic_fetch_or(&of->seen, seen);
    (void)thread;
}

static void round_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const of_array *of = context;
    const cn_kernels *k = cn_kernels_of(of->dtype);
    const ptrdiff_t first = begin * PIECE, last = end * PIECE < of->n ? end * PIECE : of->n;
    k->round_doubles((const double *)of->x + first, of->y + first * k->size, last - first);
    (void)thread;
}

int cn_logs(cn_dtype dtype, const char *x, double *y, ptrdiff_t n)
{
    of_array of = {dtype, x, (char *)y, n, 0};
    cn_parallel((n + PIECE - 1) / PIECE, cn_threads_for(4 * n), logs_task, &of); /* each takes as long as four */
    return atomic_load(&of.seen);
}

void cn_round_doubles(cn_dtype dtype, const double *x, char *y, ptrdiff_t n)
{
    of_array of = {dtype, (const char *)x, y, n, 0};
    cn_parallel((n + PIECE - 1) / PIECE, cn_threads_for(n), round_task, &of);
}
