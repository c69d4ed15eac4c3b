/* threads.c: the parallel loop: how many threads a call is worth, and who takes which range. */
#include "threads/threads.h"

#include <stdatomic.h>

#include "cnorm.h"
#include "threads/borrowed.h"

/* A share below this many elements (about 30 us of layer_norm in cache on Zen 3) costs more to hand out
 * than it saves: a helper that looks for work takes 1 us to come, one that sleeps 5 to 50, with cold
 * caches. Two threads on 196608 elements: 54 to 33 us in a tight loop, but 100 to 146 us after a pause. */
#define GRAIN (128 * 1024)

/* Threads that are lent spin, ready to begin. */
#define BORROWED_GRAIN (32 * 1024)

/* Ranges of a share: a thread that others disturb leaves the rest of its own to them. */
#define RANGES 8

static atomic_int wanted_threads = 1;

void cn_set_num_threads(int n) { atomic_store(&wanted_threads, n < CN_MAX_THREADS ? n : CN_MAX_THREADS); }
int cn_get_num_threads(void) { return atomic_load(&wanted_threads); }

int cn_threads_for(ptrdiff_t elements)
{
    int most = cn_get_num_threads();
    ptrdiff_t shares = most < 2 ? 1 : elements / (cn_has_borrowed_team() ? BORROWED_GRAIN : GRAIN);
    return shares < 2 ? 1 : shares < most ? (int)shares : most;
}

/* The part of [0, n) that a thread begins with; a cache line each, as all threads count in them. */
typedef struct {
    _Alignas(64) atomic_ptrdiff_t next;
    ptrdiff_t end;
} cn_share;

typedef struct {
    cn_task task;
    void *context;
    ptrdiff_t range;
    int n_shares;
    cn_share *shares;
} cn_loop_over;

/* First the thread's own share, from its beginning (a call after this one finds it in the same core's
 * cache), then what is left of the others'. */
static void take_ranges(void *context, int thread)
{
    const cn_loop_over *loop = context;
    for (int k = 0; k < loop->n_shares; k++) {
        cn_share *share = &loop->shares[(thread + k) % loop->n_shares];
        ptrdiff_t begin;
        while ((begin = atomic_fetch_add(&share->next, loop->range)) < share->end) {
            ptrdiff_t end = begin + loop->range;
            loop->task(loop->context, thread, begin, end < share->end ? end : share->end);
        }
    }
}

void cn_parallel(ptrdiff_t n, int n_threads, cn_task task, void *context)
{
    if (n_threads > n) n_threads = (int)n;
    if (n_threads < 2) {
        if (n > 0) task(context, 0, 0, n);
        return;
    }
    cn_share shares[CN_MAX_THREADS];
    for (int i = 0; i < n_threads; i++) {
        atomic_init(&shares[i].next, n * i / n_threads);
        shares[i].end = n * (i + 1) / n_threads;
    }
    cn_loop_over loop = {task, context, n / (RANGES * n_threads) + 1, n_threads, shares};
    cn_team(n_threads, take_ranges, &loop);
}
