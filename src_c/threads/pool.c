/* pool.c: helper threads that join the caller's work while it lasts and sleep in between (POSIX).
 *
 * Unlike an OpenMP region the work never waits for a helper that the system has not run yet, a sleeping
 * helper costs nobody a core, and there is nothing that fork() could break: the helpers end before it.
 *
 * `state` counts the helpers at work, and has OPEN while new ones may join. The fields of the job are
 * written while it is 0 and read by those counted in it. A round is a job: helpers sleep until it changes.
 * All atomics are sequentially consistent: each side stores, then loads what the other stores. */
#include "cnorm.h"
#include "threads/borrowed.h"

#ifdef CN_POOL
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>

#define OPEN 0x40000000

/* Looks before sleep: about 100 us on Zen 3 (libgomp: 6 ms). A sleeper takes 5 to 50 us to wake, and some
 * 300 more on a virtual machine until its core is at speed; a fifth of the looks costs 5 % of calls in turn. */
#define LOOKS 5000

static struct {
    atomic_int taken, forks; /* one caller at a time; fork() goes first */
    atomic_uint round;
    atomic_int state, sleepers, caller_sleeps, ending;
    pthread_mutex_t lock; /* held by those about to sleep and those who wake them */
    pthread_cond_t work, done;
    cn_member member;
    void *context;
    int members;
    fenv_t floating; /* the caller's rounding and flushing: results must not depend on who computes them */
    int n_helpers;
    pthread_t helpers[CN_MAX_THREADS - 1];
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static void rest(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

static void await_round_after(unsigned seen)
{
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load(&pool.round) != seen) return;
        rest();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.round) == seen) pthread_cond_wait(&pool.work, &pool.lock);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
}

static void next_round(void)
{
    atomic_fetch_add(&pool.round, 1);
    if (atomic_load(&pool.sleepers) == 0) return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.work);
    pthread_mutex_unlock(&pool.lock);
}

static void help(int i)
{
    int state = atomic_load(&pool.state);
    do {
        if (!(state & OPEN)) return;
    } while (!atomic_compare_exchange_weak(&pool.state, &state, state + 1));
    if (i < pool.members) {
        fesetenv(&pool.floating);
        pool.member(pool.context, i);
    }
    if (atomic_fetch_sub(&pool.state, 1) == 1 && atomic_load(&pool.caller_sleeps)) {
        pthread_mutex_lock(&pool.lock);
        pthread_cond_signal(&pool.done);
        pthread_mutex_unlock(&pool.lock);
    }
}

static void *helper(void *i)
{
    while (!atomic_load(&pool.ending)) {
        unsigned seen = atomic_load(&pool.round);
        help((int)(intptr_t)i);
        await_round_after(seen);
    }
    return NULL;
}

/* Starts those that are missing, as far as the system lets it. Signals are for the program's own threads. */
static void start_helpers(int n)
{
    sigset_t all, before;
    if (pool.n_helpers >= n) return;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool.n_helpers < n) {
        pthread_t *thread = &pool.helpers[pool.n_helpers];
        if (pthread_create(thread, NULL, helper, (void *)(intptr_t)(pool.n_helpers + 1)) != 0) break;
        pool.n_helpers++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Nobody joins any more; waits for those at work. */
static void close_job(void)
{
    atomic_fetch_and(&pool.state, ~OPEN);
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load(&pool.state) == 0) return;
        rest();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.caller_sleeps, 1);
    while (atomic_load(&pool.state) != 0) pthread_cond_wait(&pool.done, &pool.lock);
    atomic_store(&pool.caller_sleeps, 0);
    pthread_mutex_unlock(&pool.lock);
}

void cn_team(int members, cn_member member, void *context)
{
    if (members < 2 || atomic_load(&pool.forks) || atomic_exchange(&pool.taken, 1)) {
        member(context, 0);
        return;
    }
    if (cn_borrowed_team(members, member, context)) {
        atomic_store(&pool.taken, 0);
        return;
    }
    pool.member = member, pool.context = context;
    pool.members = members < CN_MAX_THREADS ? members : CN_MAX_THREADS;
    fegetenv(&pool.floating);
    start_helpers(pool.members - 1);
    atomic_store(&pool.state, OPEN);
    next_round();
    member(context, 0);
    close_job();
    atomic_store(&pool.taken, 0);
}

/* fork() copies the calling thread alone. So the helpers end first (a call of another thread is waited
 * for, later ones do without helpers) and either side starts new ones when it needs them. */
static void before_fork(void)
{
    atomic_fetch_add(&pool.forks, 1);
    while (atomic_exchange(&pool.taken, 1)) sched_yield();
    atomic_store(&pool.ending, 1);
    next_round();
    while (pool.n_helpers > 0) pthread_join(pool.helpers[--pool.n_helpers], NULL);
    atomic_store(&pool.ending, 0);
}

static void after_fork(void)
{
    atomic_store(&pool.taken, 0);
    atomic_fetch_sub(&pool.forks, 1);
}

static void after_fork_in_child(void)
{
    cn_borrow_team(NULL); /* a runtime whose threads are not in the child hangs */
    atomic_store(&pool.taken, 0);
    atomic_store(&pool.forks, 0);
}

__attribute__((constructor)) static void watch_fork(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

const char *cn_team_name(void) { return "pool"; }

#else
typedef int cn_nothing_here; /* openmp.c */
#endif
