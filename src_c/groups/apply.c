/* apply.c: each element by the parameters of its group: positions in chunks, each a call of its own, unless they go straight
 * to the kernel. */
#include <stdlib.h>

#include "dispatch/cpu.h"
#include "groups/groups.h"
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
    const cn_groups *groups;
    int prescaled;
    cn_loops others;        /* all axes but that of the groups, of Y */
    ptrdiff_t n, positions; /* along the axis; of a chunk */
    ptrdiff_t all, row;     /* bytes of one parameter of all groups, of one group */
    char *scratch;          /* of each thread: groups of the positions of a chunk, their parameters */
    size_t scratch_size;
    cn_status *status; /* of each thread */
} apply_job;

#define PUT(type)                                                                                                 \
    for (ptrdiff_t i = 0; i < n; i++) {                                                                           \
        if (i + FETCHED < n) __builtin_prefetch(from + place(groups[i + FETCHED], other, row));                   \
        memcpy(to + i * (ptrdiff_t)sizeof(type), from + place(groups[i], other, row), sizeof(type));              \
    }

/* The first of n positions that is in a group; n if none is. */
static ptrdiff_t first_in_group(const ptrdiff_t *groups, ptrdiff_t n)
{
    ptrdiff_t i = 0;
    while (i < n && groups[i] < 0) i++;
    return i;
}

/* Where the parameters of a group are; for none those of another one. */
static ptrdiff_t place(ptrdiff_t g, ptrdiff_t other, ptrdiff_t row) { return (g < 0 ? other : g) * row; }

/* Parameters of n positions, one of which is in a group: those of their groups. */
static void put_positions(const apply_job *job, const ptrdiff_t *groups, ptrdiff_t n, char *to)
{
    const char *from = job->call->moments.center;
    const ptrdiff_t row = job->row, other = groups[first_in_group(groups, n)];
    for (int p = 0; p < CN_N_PARAMS; p++, from += job->all, to += n * row) {
        if (p == CN_N_PARAMS - 1 && !job->prescaled) break;
        if (row == sizeof(double))
            PUT(double)
        else if (row == sizeof(float))
            PUT(float)
        else
            for (ptrdiff_t i = 0; i < n; i++) {
                if (i + FETCHED < n) __builtin_prefetch(from + place(groups[i + FETCHED], other, row));
                cn_copy_bytes(to + i * row, from + place(groups[i], other, row), row);
            }
    }
}

/* y is 0 at positions that are in no group. */
static void clear_none(const apply_job *job, const ptrdiff_t *groups, ptrdiff_t first, ptrdiff_t n)
{
    const cn_operand *y = &job->call->op[CN_Y];
    const ptrdiff_t along = y->strides[job->groups->axis], count = cn_count(&job->others);
    const size_t size = (size_t)cn_kernels_of(job->call->dtype)->size;
    for (ptrdiff_t i = 0; i < n; i++)
        for (ptrdiff_t e = 0; e < count && groups[i] < 0; e++) {
            ptrdiff_t offset[CN_NOPERANDS] = {0};
            cn_locate(&job->others, e, offset);
            memset(y->data + (first + i) * along + offset[CN_Y], 0, size);
        }
}

static cn_status apply_chunk(const apply_job *job, ptrdiff_t chunk, char *scratch)
{
    const int axis = job->groups->axis;
    const ptrdiff_t first = chunk * job->positions, rest = job->n - first;
    const ptrdiff_t n = rest < job->positions ? rest : job->positions, kept = job->call->op[CN_STAT].strides[axis];
    ptrdiff_t *groups = (ptrdiff_t *)scratch;
    char *params = scratch + job->positions * (ptrdiff_t)sizeof *groups;
    cn_groups_at(job->groups, first, n, groups);
    if (first_in_group(groups, n) == n) {
        clear_none(job, groups, first, n);
        return CN_OK;
    }
    const ptrdiff_t several = cn_are_alike(groups, n) ? 1 : n;
    cn_call one = *job->call;
    put_positions(job, groups, several, params);
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (one.op[o].data) one.op[o].data += first * one.op[o].strides[axis];
    one.shape[axis] = n;
    one.op[CN_STAT].strides[axis] = several == 1 ? 0 : kept;
    one.n_stats = several * kept;
    one.moments.center = params, one.moments.scale = job->prescaled ? params : NULL;
    const cn_status status = cn_run(&one);
    clear_none(job, groups, first, n);
    return status;
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const apply_job *job = context;
    for (ptrdiff_t i = begin; i < end; i++)
        if (apply_chunk(job, i, job->scratch + (size_t)thread * job->scratch_size) != CN_OK)
            job->status[thread] = CN_NO_MEMORY;
}

/* Is a prescale of n not 1? */
static int has_prescale(const char *of, ptrdiff_t size, ptrdiff_t n)
{
    int found = 0;
    for (ptrdiff_t i = 0; i < n; i++)
        found |= size == 8 ? ((const double *)of)[i] != 1 : ((const float *)of)[i] != 1;
    return found;
}

/* Is one that has a position? Others have no parameters. */
static int is_prescaled(const apply_job *job, ptrdiff_t size)
{
    const cn_params of = cn_params_in((char *)job->call->moments.center, job->call->n_stats, size);
    const ptrdiff_t *starts = job->groups->starts;
    for (ptrdiff_t g = 0; g < job->groups->n; g++)
        if (starts[g + 1] > starts[g] && has_prescale(of.prescale + g * job->row, size, job->row / size)) return 1;
    return 0;
}

static cn_status apply_in_chunks(apply_job *job, ptrdiff_t each)
{
    job->positions = each < CHUNK ? CHUNK / each : 1;
    const int threads = each <= MOST_CHUNK ? cn_threads_for(job->n * each) : 1;
    const ptrdiff_t bytes = job->positions * (CN_N_PARAMS * job->row + (ptrdiff_t)sizeof(ptrdiff_t));
    job->scratch_size = (size_t)((bytes + 63) / 64 * 64 + 64);
    job->scratch = malloc((job->scratch_size + sizeof(cn_status)) * (size_t)threads);
    if (!job->scratch) return CN_NO_MEMORY;
    job->status = (cn_status *)(void *)(job->scratch + job->scratch_size * (size_t)threads);
    for (int t = 0; t < threads; t++) job->status[t] = CN_OK;
    cn_parallel((job->n + job->positions - 1) / job->positions, threads, apply_task, job);
    cn_status status = CN_OK;
    for (int t = 0; t < threads; t++) status = job->status[t] != CN_OK ? job->status[t] : status;
    free(job->scratch);
    return status;
}

cn_status cn_group_apply(const cn_call *call, const cn_groups *groups)
{
    const int axis = groups->axis;
    const ptrdiff_t size = cn_kernels_of(call->dtype)->param_size;
    apply_job job = {.call = call, .groups = groups, .n = call->shape[axis]};
    ptrdiff_t each = 1; /* elements of a position */
    for (int a = 0; a < call->ndim; a++) each *= a == axis ? 1 : call->shape[a];
    job.row = call->op[CN_STAT].strides[axis] * size, job.all = call->n_stats * size;
    job.prescaled = is_prescaled(&job, size);
    if (!job.prescaled && cn_apply_direct(call, groups)) return CN_OK;
    cn_loops inner;
    cn_group_loops(call, axis, &job.others, &inner);
    for (int i = 0; i < inner.n; i++) job.others.loop[job.others.n++] = inner.loop[i];
    return apply_in_chunks(&job, each);
}
