/* threads.c: the parallel loop (OpenMP), the thread count, and what fork needs. */
#include "threads.h"

#include "cnorm.h"

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(_OPENMP) && !defined(_WIN32)
#include <pthread.h>
#define CN_FORK_HANDLER 1
#endif

/* A share below this many elements costs more to start than it saves: waking a sleeping OpenMP worker
 * takes 10 to 60 us, a float32 element of layer_norm about 0.4 ns (Zen 3). */
#define GRAIN (256 * 1024)

static int wanted_threads = 0; /* 0: what OpenMP says */

#ifdef CN_FORK_HANDLER
/* libgomp hangs in a child whose parent used a team; pausing drops this thread's team before fork,
 * both sides start a new one when they need it. Teams of other threads are not touched. */
static void before_fork(void) { omp_pause_resource_all(omp_pause_soft); }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(before_fork, NULL, NULL); }
#endif

void cn_set_num_threads(int n) { wanted_threads = n; }

int cn_get_num_threads(void)
{
#ifdef _OPENMP
    return wanted_threads > 0 ? wanted_threads : omp_get_max_threads();
#else
    return 1;
#endif
}

int cn_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

int cn_threads_for(ptrdiff_t elements)
{
    ptrdiff_t shares = elements / GRAIN;
    if (shares < 2) return 1;
#ifdef _OPENMP
    if (omp_in_parallel()) return 1;
#endif
    int most = cn_get_num_threads();
    return shares < most ? (int)shares : most;
}

void cn_parallel(ptrdiff_t n, int n_threads, cn_task task, void *context)
{
    if (n_threads > n) n_threads = (int)n;
#ifdef _OPENMP
    if (n_threads > 1) {
        /* Eight ranges a thread: a core that others disturb takes fewer. */
        ptrdiff_t range = n / (8 * n_threads) + 1, ranges = (n + range - 1) / range;
#pragma omp parallel for num_threads(n_threads) schedule(dynamic, 1)
        for (ptrdiff_t i = 0; i < ranges; i++) {
            ptrdiff_t begin = i * range, end = begin + range < n ? begin + range : n;
            task(context, omp_get_thread_num(), begin, end);
        }
        return;
    }
#endif
    if (n > 0) task(context, 0, 0, n);
}
