/* apply.c: each element by the parameters of its group: positions in chunks, each a call of its own. */
#include <stdlib.h>

#include "dispatch/cpu.h"
#include "job/params.h"
#include "memory/copy.h"
#include "threads/threads.h"
#include "verbs/grouping.h"

/* Elements of a chunk: those of x, y and their parameters are in L2, and what a call costs beside them (1 us) is little.
 * A call of one thread is not cut any further. */
#define CHUNK 4096
/* Positions of more elements are taken one after the other, each by all threads. */
#define MOST_CHUNK (16 * 1024)

/* Positions to come whose parameters are fetched while those of one are copied. */
#define FETCHED 16

typedef struct {
    const cn_call *call;
    int axis, prescaled;
    cn_labels labels;
    ptrdiff_t n, positions; /* along the axis; of a chunk */
    ptrdiff_t all, row;     /* bytes of one parameter of all groups, of one group */
    char *scratch;          /* of each thread: parameters of the positions of a chunk */
    size_t scratch_size;
    cn_status *status; /* of each thread */
} apply_job;

static ptrdiff_t label(const apply_job *job, ptrdiff_t i)
{
    return job->labels.narrow ? ((const int32_t *)job->labels.at)[i] : ((const ptrdiff_t *)job->labels.at)[i];
}

/* Where the parameters of a position are; those of group 0 if it is in none. */
static ptrdiff_t place(const apply_job *job, ptrdiff_t i)
{
    const ptrdiff_t g = label(job, i);
    return (g > 0 ? g : 0) * job->row;
}

/* Parameters of n positions: those of their groups. */
static void put_positions(const apply_job *job, ptrdiff_t first, ptrdiff_t n, char *to)
{
    const char *from = job->call->moments.center;
    for (int p = 0; p < CN_N_PARAMS; p++, from += job->all) {
        if (p == CN_N_PARAMS - 1 && !job->prescaled) break;
        for (ptrdiff_t i = 0; i < n; i++, to += job->row) {
            if (i + FETCHED < n) __builtin_prefetch(from + place(job, first + i + FETCHED));
            cn_copy_bytes(to, from + place(job, first + i), job->row);
        }
    }
}

/* Do these positions have one label? */
static int are_alike(const apply_job *job, ptrdiff_t first, ptrdiff_t n)
{
    for (ptrdiff_t i = 1; i < n; i++)
        if (label(job, first + i) != label(job, first)) return 0;
    return 1;
}

static cn_status apply_chunk(const apply_job *job, ptrdiff_t chunk, char *scratch)
{
    const int axis = job->axis;
    const ptrdiff_t first = chunk * job->positions, rest = job->n - first;
    const ptrdiff_t n = rest < job->positions ? rest : job->positions;
    const ptrdiff_t groups = are_alike(job, first, n) ? 1 : n, kept = job->call->op[CN_STAT].strides[axis];
    cn_call one = *job->call;
    put_positions(job, first, groups, scratch);
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (one.op[o].data) one.op[o].data += first * one.op[o].strides[axis];
    one.shape[axis] = n;
    one.op[CN_STAT].strides[axis] = groups == 1 ? 0 : kept;
    one.n_stats = groups * kept;
    one.moments.center = scratch, one.moments.scale = job->prescaled ? scratch : NULL;
    return cn_run(&one);
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const apply_job *job = context;
    for (ptrdiff_t i = begin; i < end; i++)
        if (apply_chunk(job, i, job->scratch + (size_t)thread * job->scratch_size) != CN_OK)
            job->status[thread] = CN_NO_MEMORY;
}

/* Is a prescale not 1? */
static int is_prescaled(const cn_call *call, ptrdiff_t size)
{
    const cn_params of = cn_params_in((char *)call->moments.center, call->n_stats, size);
    int found = 0;
    for (ptrdiff_t i = 0; i < call->n_stats; i++)
        found |= size == 8 ? ((const double *)of.prescale)[i] != 1 : ((const float *)of.prescale)[i] != 1;
    return found;
}

cn_status cn_group_apply(const cn_call *call, int axis, cn_labels labels)
{
    const ptrdiff_t kept = call->op[CN_STAT].strides[axis], size = cn_kernels_of(call->dtype)->param_size;
    apply_job job = {.call = call, .axis = axis, .labels = labels, .n = call->shape[axis], .row = kept * size};
    ptrdiff_t each = 1; /* elements of a position */
    for (int a = 0; a < call->ndim; a++) each *= a == axis ? 1 : call->shape[a];
    job.all = call->n_stats * size, job.prescaled = is_prescaled(call, size);
    job.positions = each < CHUNK ? CHUNK / each : 1;
    const int threads = each <= MOST_CHUNK ? cn_threads_for(job.n * each) : 1;
    job.scratch_size = (size_t)((CN_N_PARAMS * job.positions * job.row + 63) / 64 * 64 + 64);
    job.scratch = malloc((job.scratch_size + sizeof(cn_status)) * (size_t)threads);
    if (!job.scratch) return CN_NO_MEMORY;
    job.status = (cn_status *)(job.scratch + job.scratch_size * (size_t)threads);
    for (int t = 0; t < threads; t++) job.status[t] = CN_OK;
    cn_parallel((job.n + job.positions - 1) / job.positions, threads, apply_task, &job);
    cn_status status = CN_OK;
    for (int t = 0; t < threads; t++) status = job.status[t] != CN_OK ? job.status[t] : status;
    free(job.scratch);
    return status;
}
