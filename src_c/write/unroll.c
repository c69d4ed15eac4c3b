/* unroll.c: parameters of rows of a group become one for each element: then the group is one row.
 *
 * A GroupNorm of small maps has a weight for each row of a few elements: applied row by row (32, 512, 4, 4) in 32 groups takes
 * three times as long as without weights, so 1.3 times. */
#include "write/unroll.h"

/* Elements of a row, at most: of 32 it takes 0.7 to 0.8 of the time, of 64 for few samples 1.3 (Emerald Rapids, AVX2 as well). */
#define UNROLLED_ROW 32
/* Bytes that are unrolled, at most: they are read for every sample, from L2. */
#define UNROLLED (256 * 1024)
/* Samples that share them, at least: to unroll them takes about as long as one. */
#define SAMPLES 2

/* Has a row of a group one of its own? */
static int varies(const cn_job *job, int o)
{
    return job->call->op[o].data && job->plan.spread.loop[0].stride[o] != 0;
}

/* One for each row, the same in all samples. */
static int is_by_row(const cn_job *job, int o)
{
    const cn_plan *plan = &job->plan;
    int same = plan->spread.loop[1].stride[o] == 0;
    for (int i = 0; i < plan->kept.n; i++) same &= plan->kept.loop[i].stride[o] == 0;
    return same || !job->call->op[o].data;
}

/* Of an operand, all groups side by side. */
static ptrdiff_t unrolled_bytes(const cn_job *job)
{
    return job->plan.columns.n * cn_count(&job->plan.spread) * job->k->param_size;
}

int cn_can_unroll(const cn_job *job)
{
    return job->plan.spread.loop[1].n <= UNROLLED_ROW && is_by_row(job, CN_W) && is_by_row(job, CN_B) &&
           cn_count(&job->plan.kept) >= SAMPLES &&
           unrolled_bytes(job) * (varies(job, CN_W) + varies(job, CN_B)) <= UNROLLED;
}

/* One parameter of each row of each group, n times. */
#define CN_UNROLL_OF(type)                                                                                        \
    static void unroll_##type(const cn_loop *groups, const cn_loop *rows, int o, const char *from, type *to)      \
    {                                                                                                             \
        const ptrdiff_t n = rows[1].n;                                                                            \
        for (ptrdiff_t g = 0; g < groups->n; g++)                                                                 \
            for (ptrdiff_t r = 0; r < rows->n; r++, to += n) {                                                    \
                const type value = *(const type *)(from + g * groups->stride[o] + r * rows->stride[o]);           \
                for (ptrdiff_t i = 0; i < n; i++) to[i] = value;                                                  \
            }                                                                                                     \
    }
CN_UNROLL_OF(float)
CN_UNROLL_OF(double)

static void unroll(const cn_job *job, int o, void *to)
{
    const cn_loop *groups = &job->plan.columns, *rows = &job->plan.spread.loop[0];
    const char *from = job->call->op[o].data + job->plan.start[o];
    if (job->k->param_size == sizeof(double))
        unroll_double(groups, rows, o, from, to);
    else
        unroll_float(groups, rows, o, from, to);
}

int cn_unroll(cn_job *job)
{
    if (job->plan.spread.n != 2 || !cn_can_unroll(job)) return 1;
    for (int i = 0; i < 2; i++) {
        const int o = i ? CN_B : CN_W;
        if (!varies(job, o)) continue;
        job->unrolled[i] = cn_job_alloc(job, (size_t)unrolled_bytes(job));
        if (!job->unrolled[i]) return 0;
        unroll(job, o, job->unrolled[i]);
    }
    return 1;
}

cn_param cn_unrolled_param(const cn_job *job, const cn_bundle *bundle, int o)
{
    const ptrdiff_t next = bundle->columns.stride[o], row = cn_count(&job->plan.spread) * job->k->param_size;
    const ptrdiff_t group = next ? (bundle->offset[o] - job->plan.start[o]) / next : 0;
    return (cn_param){job->unrolled[o == CN_B] + group * row, row, 1};
}

void cn_free_unrolled(const cn_job *job)
{
    for (int i = 0; i < 2; i++) cn_job_free(job, job->unrolled[i]);
}
