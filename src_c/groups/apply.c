/* apply.c: each element by the parameters of its group: positions in chunks, each a call of its own. */
#include <stdlib.h>
#include <string.h>

#include "cnorm.h"
#include "threads/threads.h"

/* Elements of a chunk: those of x, y and their parameters are in L2, and what a call costs beside them (1 us) is little.
 * A call of one thread is not cut any further. */
#define CHUNK 4096
/* Positions of more elements are taken one after the other, each by all threads. */
#define MOST_CHUNK (16 * 1024)

typedef struct {
    const cn_call *call;
    int axis;
    const ptrdiff_t *labels;
    ptrdiff_t n, positions;  /* along the axis; of a chunk */
    ptrdiff_t kept;          /* statistics of a group, together */
    double *scratch;         /* of each thread: three parameters of the positions of a chunk */
    cn_status *status;       /* of each thread */
} apply_job;

/* Parameters of a position: those of its group. */
static void put_position(const apply_job *job, ptrdiff_t position, double *const to[3], ptrdiff_t at)
{
    const cn_moments *of = &job->call->moments;
    const ptrdiff_t g = job->labels[position] > 0 ? job->labels[position] : 0;
    const double *from[3] = {of->center, of->center_lo, of->scale};
    for (int p = 0; p < 3; p++)
        memcpy(to[p] + at * job->kept, from[p] + g * job->kept, (size_t)job->kept * sizeof(double));
}

/* Do these positions have one label? */
static int are_alike(const ptrdiff_t *labels, ptrdiff_t n)
{
    for (ptrdiff_t i = 1; i < n; i++)
        if (labels[i] != labels[0]) return 0;
    return 1;
}

static cn_status apply_chunk(const apply_job *job, ptrdiff_t chunk, double *scratch)
{
    const int axis = job->axis;
    const ptrdiff_t first = chunk * job->positions, rest = job->n - first;
    const ptrdiff_t n = rest < job->positions ? rest : job->positions;
    const ptrdiff_t groups = are_alike(job->labels + first, n) ? 1 : n;
    double *const to[3] = {scratch, scratch + job->positions * job->kept, scratch + 2 * job->positions * job->kept};
    cn_call one = *job->call;
    for (ptrdiff_t i = 0; i < groups; i++) put_position(job, first + i, to, i);
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (one.op[o].data) one.op[o].data += first * one.op[o].strides[axis];
    one.shape[axis] = n;
    one.op[CN_STAT].strides[axis] = groups == 1 ? 0 : job->kept;
    one.n_stats = groups * job->kept;
    one.moments.center = to[0], one.moments.center_lo = to[1], one.moments.scale = to[2];
    return cn_run(&one);
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const apply_job *job = context;
    double *scratch = job->scratch + thread * 3 * job->positions * job->kept;
    for (ptrdiff_t i = begin; i < end; i++)
        if (apply_chunk(job, i, scratch) != CN_OK) job->status[thread] = CN_NO_MEMORY;
}

cn_status cn_group_apply(const cn_call *call, int axis, const ptrdiff_t *labels)
{
    apply_job job = {.call = call, .axis = axis, .labels = labels, .n = call->shape[axis]};
    ptrdiff_t each = 1; /* elements of a position */
    for (int a = 0; a < call->ndim; a++) each *= a == axis ? 1 : call->shape[a];
    job.kept = call->op[CN_STAT].strides[axis];
    job.positions = each < CHUNK ? CHUNK / each : 1;
    const int threads = each <= MOST_CHUNK ? cn_threads_for(job.n * each) : 1;
    const size_t params = (size_t)(3 * job.positions * job.kept) * sizeof(double);
    job.scratch = malloc((params + sizeof(cn_status)) * (size_t)threads);
    if (!job.scratch) return CN_NO_MEMORY;
    job.status = (cn_status *)((char *)job.scratch + params * (size_t)threads);
    for (int t = 0; t < threads; t++) job.status[t] = CN_OK;
    cn_parallel((job.n + job.positions - 1) / job.positions, threads, apply_task, &job);
    cn_status status = CN_OK;
    for (int t = 0; t < threads; t++) status = job.status[t] != CN_OK ? job.status[t] : status;
    free(job.scratch);
    return status;
}
