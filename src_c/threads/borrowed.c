/* borrowed.c: the threads another library's OpenMP keeps ready, for programs where the two take turns. */
#include "cnorm.h"
#include "threads/borrowed.h"

#ifdef CN_POOL
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>

static _Atomic cn_lender lender;

void cn_borrow_team(cn_lender parallel) { atomic_store(&lender, parallel); }
int cn_has_borrowed_team(void) { return atomic_load(&lender) != NULL; }

typedef struct {
    cn_member member;
    void *context;
    int members;
    atomic_int others; /* that came */
    pthread_t caller;
    fenv_t floating; /* the caller's */
} borrowed_job;

/* In each of the lender's threads, the caller among them; no more of them than members have work. */
static void join_in(void *data)
{
    borrowed_job *job = data;
    if (pthread_equal(pthread_self(), job->caller)) {
        job->member(job->context, 0);
        return;
    }
    int i = 1 + atomic_fetch_add(&job->others, 1);
    if (i >= job->members) return;
    fenv_t own;
    fegetenv(&own);
    fesetenv(&job->floating);
    job->member(job->context, i);
    fesetenv(&own);
}

int cn_borrowed_team(int members, cn_member member, void *context)
{
    cn_lender parallel = atomic_load(&lender);
    if (!parallel) return 0;
    borrowed_job job = {.member = member, .context = context, .members = members, .caller = pthread_self()};
    fegetenv(&job.floating);
    parallel(join_in, &job, 0, 0); /* as many as it has: another number would make it start and end threads */
    return 1;
}

#else
int cn_has_borrowed_team(void) { return 0; }
#endif
