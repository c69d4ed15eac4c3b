/* gate.c: an array times the activation of another, element by element: pieces to threads; and rows with a norm. */
#include <stdatomic.h>
#include <stdlib.h>

#include "dispatch/cpu.h"
#include "memory/touched.h"
#include "threads/threads.h"

/* Elements of a piece: a page of memory at least. */
#define PIECE 4096
/* Elements of a block for each thread, with a norm before or behind. By blocks of 2^13 to 2^15 RMSNorm and SiLU of
 * (1024, 4096) float32, which come from memory, take a fifth longer; in the cache any of them does (Zen 5). */
#define BLOCK 131072

typedef struct {
    cn_gating of;
    int nontemporal;
} gating;

static void gate_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_gating *of = &((const gating *)context)->of;
    const int nontemporal = ((const gating *)context)->nontemporal;
    const cn_kernels *k = cn_kernels_of(of->dtype);
    const ptrdiff_t first = begin * PIECE, rest = of->n - first, at = first * k->size;
    ptrdiff_t n = (end - begin) * PIECE;
    n = n < rest ? n : rest;
    k->activate(of->activation, of->slope, of->gate + at, of->x + at, of->y + at, n, nontemporal);
    if (nontemporal) atomic_thread_fence(memory_order_seq_cst);
    (void)thread;
}

static void run_gate(const cn_gating *of, int nontemporal)
{
    gating own = {*of, nontemporal};
    cn_parallel((of->n + PIECE - 1) / PIECE, cn_threads_for(of->n), gate_task, &own);
}

void cn_gate(const cn_gating *of) { run_gate(of, 0); }

/* Scratch for a block, where y goes past the cache from there; NULL where it does not, or there is no memory. */
static char *scratch_for(const cn_gating *of, ptrdiff_t row, ptrdiff_t step)
{
    const ptrdiff_t bytes = of->n * cn_kernels_of(of->dtype)->size;
    if (((uintptr_t)of->y | (uintptr_t)row) % 16 || !cn_beyond_cache(3 * (double)bytes, cn_threads_for(of->n)))
        return NULL;
    if (!cn_is_touched(of->y, bytes)) return NULL;
    return malloc((size_t)(step * row));
}

cn_status cn_run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, int norm_first)
{
    const ptrdiff_t rows = call->shape[0], row = n * cn_kernels_of(call->dtype)->size,
                    stats = call->n_stats / rows;
    const ptrdiff_t most = BLOCK * cn_threads_for(of->n) / n, step = most < 1 ? 1 : most < rows ? most : rows;
    char *const scratch = norm_first ? scratch_for(of, row, step) : NULL;
    cn_status status = CN_OK;
    cn_call part = *call;
    cn_gating gate = *of;
    for (ptrdiff_t i = 0; i < rows && status == CN_OK; i += step) {
        part.shape[0] = rows - i < step ? rows - i : step;
        part.n_stats = part.shape[0] * stats, gate.n = part.shape[0] * n;
        gate.gate = of->gate + i * row, gate.y = of->y + i * row;
        part.op[CN_Y].data = scratch ? scratch : gate.y;
        part.op[CN_X].data = norm_first ? call->op[CN_X].data + i * row : gate.y;
        gate.x = norm_first ? part.op[CN_Y].data : call->op[CN_X].data + i * row;
        if (!norm_first) run_gate(&gate, 0);
        status = cn_run(&part);
        if (norm_first && status == CN_OK) run_gate(&gate, scratch != NULL);
    }
    free(scratch);
    return status;
}
