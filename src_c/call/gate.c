/* gate.c: an array times the activation of another, element by element: pieces to threads. */
#include "dispatch/cpu.h"
#include "threads/threads.h"

/* Elements of a piece: a page of memory at least. */
#define PIECE 4096

static void gate_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_gating *of = context;
    const cn_kernels *k = cn_kernels_of(of->dtype);
    const ptrdiff_t first = begin * PIECE, rest = of->n - first, at = first * k->size;
    ptrdiff_t n = (end - begin) * PIECE;
    n = n < rest ? n : rest;
    k->activate(of->activation, of->slope, of->gate + at, of->x + at, of->y + at, n, 0);
    (void)thread;
}

void cn_gate(const cn_gating *of)
{
    cn_gating own = *of;
    cn_parallel((of->n + PIECE - 1) / PIECE, cn_threads_for(of->n), gate_task, &own);
}
