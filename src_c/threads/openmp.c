/* openmp.c: a team of OpenMP's, where it was asked for; the caller alone where there are no threads. */
#include "cnorm.h"
#include "threads/team.h"

#if defined(CN_OPENMP)
#include <omp.h>
#ifndef _WIN32
#include <pthread.h>

/* libgomp hangs in a child whose parent used a team; pausing drops this thread's team before fork, both
 * sides start a new one when they need it. Teams of other threads are not touched. */
static void before_fork(void) { omp_pause_resource_all(omp_pause_soft); }

__attribute__((constructor)) static void watch_fork(void) { pthread_atfork(before_fork, 0, 0); }
#endif

void cn_team(int members, cn_member member, void *context)
{
    if (members < 2 || omp_in_parallel()) {
        member(context, 0);
        return;
    }
#pragma omp parallel num_threads(members)
    member(context, omp_get_thread_num());
}

const char *cn_team_name(void) { return "OpenMP"; }

#elif !defined(CN_POOL)

void cn_team(int members, cn_member member, void *context)
{
    (void)members;
    member(context, 0);
}

const char *cn_team_name(void) { return "none"; }

#else
typedef int cn_nothing_here; /* pool.c */
#endif
