/* callers.c: many callers at once, changing numbers of threads, none to be had, lent ones; fork during calls. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define ROWS 700
#define COLUMNS 768
#define CALLERS 4
#define CALLS 60
#define FORKS 40
#define SECONDS 60

static float x[ROWS][COLUMNS], rows[ROWS][COLUMNS], columns[ROWS][COLUMNS];
static atomic_int busy;

static void call(float (*y)[COLUMNS], int axis)
{
    cn_call c = {.ndim = 2, .shape = {ROWS, COLUMNS}, .dtype = CN_F32, .n_stats = axis ? ROWS : COLUMNS};
    c.op[CN_X] = (cn_operand){(char *)x, {sizeof x[0], sizeof(float)}};
    c.op[CN_Y] = (cn_operand){(char *)y, {sizeof x[0], sizeof(float)}};
    c.op[CN_STAT].strides[1 - axis] = 1;
    c.moments.eps = 1e-5;
    cn_run(&c);
}

/* One call on each axis: the bits of one thread? */
static int right(float (*y)[COLUMNS])
{
    memset(y, 0, sizeof x);
    call(y, 1);
    int good = memcmp(y, rows, sizeof x) == 0;
    call(y, 0);
    return good && memcmp(y, columns, sizeof x) == 0;
}

static void *caller(void *number)
{
    float (*y)[COLUMNS] = malloc(sizeof x);
    int good = y != NULL;
    for (int i = 0; good && i < CALLS; i++) {
        if (number) cn_set_num_threads(1 + (i + *(int *)number) % 6);
        good &= right(y);
    }
    free(y);
    atomic_fetch_sub(&busy, 1);
    return good ? x : NULL;
}

static int start(pthread_t *threads, int n, int *numbers)
{
    int started = 0;
    atomic_store(&busy, n);
    for (int i = 0; i < n; i++)
        started += pthread_create(&threads[i], NULL, caller, numbers ? &numbers[i] : NULL) == 0;
    check(started == n, "%d callers began", started);
    return started;
}

static int all_good(pthread_t *threads, int n)
{
    int good = 1;
    void *result;
    for (int i = 0; i < n; i++) good &= pthread_join(threads[i], &result) == 0 && result != NULL;
    return good;
}

/* A child of a child, too, computes the same bits and ends. */
static int child_right(int generations)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
#ifdef SERIAL_CHILDREN /* the thread sanitizer can't follow a thread of a child of several threads */
        cn_set_num_threads(1);
#endif
        float (*y)[COLUMNS] = malloc(sizeof x);
        int good = y && right(y) && (generations == 1 || child_right(generations - 1)) && right(y);
        free(y);
        _exit(!good);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void prepare(void)
{
    uint64_t seed = 3;
    for (int i = 0; i < ROWS; i++)
        for (int j = 0; j < COLUMNS; j++) x[i][j] = (float)(random_bits(&seed) >> 40);
    cn_set_num_threads(1);
    call(rows, 1);
    call(columns, 0);
}

void test_forks(void)
{
    pthread_t threads[2];
    int good = 1, during = 0;
    prepare();
    cn_set_num_threads(2);
    for (int i = 0; i < FORKS; i++) {
        int n = i % 2 ? start(threads, 2, NULL) : 0;
        during += atomic_load(&busy) > 0;
        good &= child_right(1 + i % 2);
        good &= all_good(threads, n);
    }
    check(good, "a forked child hangs or errs");
    check(during > 0, "no fork was during a call");
}

/* No thread, then one of three, then all: as many helpers as there are. */
static void test_no_threads(float (*y)[COLUMNS])
{
    static const int left[] = {0, 1, -1};
    cn_set_num_threads(4);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork(); /* the helpers end before it */
        if (child == 0) _exit(0);
        check(child > 0 && waitpid(child, NULL, 0) == child, "fork");
        atomic_store(&threads_left, left[i]);
        check(right(y), "%d threads to be had", left[i]);
        atomic_store(&threads_left, -1);
    }
}

/* What stands for an OpenMP runtime: a team of LENT threads, the caller among them. */
#define LENT 3
typedef struct {
    void (*function)(void *);
    void *data;
} region;
static atomic_int regions;

static void *in_region(void *r)
{
    ((region *)r)->function(((region *)r)->data);
    return NULL;
}

static void lender(void (*function)(void *), void *data, unsigned threads, unsigned flags)
{
    region r = {function, data};
    pthread_t others[LENT - 1];
    int begun = 0;
    atomic_fetch_add(&regions, threads == 0 && flags == 0);
    for (int i = 0; i < LENT - 1; i++) begun += pthread_create(&others[begun], NULL, in_region, &r) == 0;
    function(data);
    for (int i = 0; i < begun; i++) pthread_join(others[i], NULL);
}

/* Fewer members than the team has, as many, more; several callers; not in a child. */
static void test_lent(float (*y)[COLUMNS])
{
    pthread_t threads[2];
    cn_borrow_team(lender);
    for (int n = 1; n <= LENT + 2; n++) {
        int before = atomic_load(&regions);
        cn_set_num_threads(n);
        check(right(y), "%d members of a lent team", n);
        check((atomic_load(&regions) > before) == (n > 1), "the team of the lender, for %d", n);
    }
    cn_set_num_threads(2);
    check(all_good(threads, start(threads, 2, NULL)), "two callers with lent threads");
    int before = atomic_load(&regions);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS);
        _exit(!(right(y) && atomic_load(&regions) == before));
    }
    int status = 1;
    check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child uses lent threads");
    cn_borrow_team(NULL);
    before = atomic_load(&regions);
    check(right(y) && atomic_load(&regions) == before, "threads that are no longer lent");
}

void test_callers(void)
{
    int numbers[CALLERS] = {0, 1, 2, 3};
    pthread_t threads[CALLERS];
    float (*y)[COLUMNS] = malloc(sizeof x);
    prepare();
    check(all_good(threads, start(threads, CALLERS, numbers)), "several callers, changing numbers of threads");
    test_no_threads(y);
    test_lent(y);
    free(y);
}
