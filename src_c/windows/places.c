/* places.c: how many positions before the end of a window the last of its least, or greatest, elements stands.
 *
 * Bottleneck's rule: NaN is the worst of all, so it is found where nothing else is better. The best of a window is the better of
 * what stands in the block before and what in its own, blocks as long as a window (van Herk): without a branch, of which a
 * queue of candidates takes one or two wrong for each element (9 ns instead of 2, Zen 5). */
#include "windows/places.h"

#include <math.h>
#include <stdlib.h>

#include "memory/numbers.h"
#include "plan/plan.h"
#include "threads/threads.h"

/* The elements of a block: what they are worth, the less the better; whether they count; of each of its ends the best and where. */
typedef struct {
    double *value, *counts, *best, *at;
} block;

typedef struct {
    const cn_call *call;
    const cn_window *how;
    cn_plan plan;
    int axis;
    double *scratch; /* of each thread that of a block */
} place_job;

typedef struct {
    const char *x;
    char *to;
    ptrdiff_t step, to_step, length;
} line;

static void put(const place_job *job, const line *l, ptrdiff_t i, double place)
{
    if (job->how->floats)
        *(float *)(l->to + i * l->to_step) = (float)place;
    else
        *(double *)(l->to + i * l->to_step) = place;
}

/* Elements from ... from + n - 1 of a line. */
static void take(const place_job *job, const line *l, ptrdiff_t from, ptrdiff_t n, double *restrict value,
                 double *restrict counts)
{
    const double sign = job->how->kind == CN_WINDOW_GREATEST_AT ? -1 : 1;
    cn_to_doubles(job->how->x, l->x + from * l->step, l->step, n, sign, value);
    for (ptrdiff_t i = 0; i < n; i++) counts[i] = value[i] == value[i] ? 1 : 0;
    for (ptrdiff_t i = 0; i < n; i++) value[i] = value[i] == value[i] ? value[i] : INFINITY;
}

/* Ends in a block that begins at `first`; old: the block before, of which each end has the best of what follows. */
static double end_in(const place_job *job, const line *l, ptrdiff_t first, ptrdiff_t n, const block *own,
                     const block *old, double count)
{
    const ptrdiff_t window = job->how->window;
    double best = INFINITY, at = (double)first;
    for (ptrdiff_t i = 0; i < n; i++) {
        const double v = own->value[i];
        at = v <= best ? (double)(first + i) : at, best = v <= best ? v : best;
        const int older = first > 0 && i + 1 < window && old->best[i + 1] < best;
        const double from = older ? old->at[i + 1] : at;
        count += own->counts[i] - (first > 0 ? old->counts[i] : 0);
        put(job, l, first + i, count >= (double)job->how->least ? (double)(first + i) - from : NAN);
    }
    return count;
}

/* Of each element of a block the best from there on: a later one stays unless it is worse. */
static void look_back(const block *own, ptrdiff_t first, ptrdiff_t n)
{
    double best = INFINITY, at = (double)(first + n - 1);
    for (ptrdiff_t i = n - 1; i >= 0; i--) {
        const double v = own->value[i];
        at = v < best ? (double)(first + i) : at, best = v < best ? v : best;
        own->best[i] = best, own->at[i] = at;
    }
}

static void run_line(const place_job *job, const line *l, double *scratch)
{
    const ptrdiff_t window = job->how->window;
    block own, old;
    double count = 0;
    double **parts[] = {&own.value, &own.counts, &own.best, &own.at, &old.value, &old.counts, &old.best, &old.at};
    for (int i = 0; i < 8; i++) *parts[i] = scratch + i * window;
    for (ptrdiff_t first = 0, n; first < l->length; first += n) {
        n = l->length - first < window ? l->length - first : window;
        take(job, l, first, n, own.value, own.counts);
        count = end_in(job, l, first, n, &own, &old, count);
        look_back(&own, first, n);
        const block swapped = own;
        own = old, old = swapped;
    }
}

static void place_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const place_job *job = context;
    const cn_operand *op = job->call->op;
    for (ptrdiff_t i = begin; i < end; i++) {
        ptrdiff_t offset[CN_NOPERANDS];
        for (int o = 0; o < CN_NOPERANDS; o++) offset[o] = job->plan.start[o];
        cn_locate(&job->plan.all, i, offset);
        const line l = {op[CN_X].data + offset[CN_X], op[CN_Y].data + offset[CN_Y], op[CN_X].strides[job->axis],
                        op[CN_Y].strides[job->axis], job->call->shape[job->axis]};
        run_line(job, &l, job->scratch + thread * 8 * job->how->window);
    }
}

cn_status cn_window_places(const cn_call *call, int axis, const cn_window *how)
{
    place_job job = {.call = call, .how = how, .axis = axis};
    cn_call positions = *call;
    positions.shape[axis] = 1;
    cn_make_plan(&positions, &job.plan);
    const ptrdiff_t lines = cn_count(&job.plan.all);
    const int threads = cn_threads_for(lines * call->shape[axis]);
    job.scratch = malloc((size_t)(8 * threads * how->window) * sizeof *job.scratch);
    if (!job.scratch) return CN_NO_MEMORY;
    cn_parallel(lines, threads, place_task, &job);
    free(job.scratch);
    return CN_OK;
}
