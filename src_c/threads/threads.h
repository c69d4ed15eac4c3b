/* threads.h: one parallel loop over a range; how many threads it may use. */
#ifndef CN_THREADS_H
#define CN_THREADS_H

#include <stddef.h>

/* Runs task over [0, n) in ranges, each on one of n_threads threads (numbered from 0). */
typedef void (*cn_task)(void *context, int thread, ptrdiff_t begin, ptrdiff_t end);
void cn_parallel(ptrdiff_t n, int n_threads, cn_task task, void *context);

/* Threads worth their start for so many element visits: 1 below two grains. */
int cn_threads_for(ptrdiff_t elements);

#endif
