/* run.c: the three verbs: which blocks of the plan meet the kernels in which order, and on which thread.
 *
 * Schedules. Fused: each thread takes bundles; moments, finalize, apply while the bundle is in cache. Two
 * phases: segments over all threads, merge, then apply over all of x in memory order. */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "dispatch/cpu.h"
#include "call/extreme.h"
#include "call/masked.h"
#include "kernels/moments.h"
#include "call/residual.h"
#include "threads/threads.h"
#include "call/job.h"

/* A bundle up to this size is normalized while it is in L2 (512 KiB on Zen 3). */
#define FUSE_BYTES (384 * 1024)
/* Where there are bundles for all threads, the last-level cache will do: re-reading 8 MiB from it beats
 * memory. */
#define FUSE_BYTES_SHARED (8 * 1024 * 1024)

/* Memory of the job, from malloc when its own is used up; NULL if there is none. */
static void *job_alloc(cn_job *job, size_t bytes)
{
    bytes = (bytes + 63) / 64 * 64;
    if (bytes > CN_JOB_MEMORY - job->memory_used) return malloc(bytes);
    job->memory_used += bytes;
    return job->memory + job->memory_used - bytes;
}

static void job_free(const cn_job *job, char *memory)
{
    if ((size_t)((uintptr_t)memory - (uintptr_t)job->memory) >= CN_JOB_MEMORY) free(memory);
}

static cn_status allocate(cn_job *job, int threads)
{
    job->scratch_size = cn_scratch_size(job);
    job->scratch = job_alloc(job, job->scratch_size * (size_t)threads);
    return job->scratch ? CN_OK : CN_NO_MEMORY;
}

static void apply_blocks(const cn_job *job, const cn_tiling *tiling, const ptrdiff_t *offset,
                         const cn_params *params, const cn_scratch *s, ptrdiff_t begin, ptrdiff_t end,
                         int backwards)
{
    cn_writing how = {job->k,           tiling,        {0},
                      params,           s->packed,     job->beyond_cache,
                      job->nontemporal, job->prefetch, job->call->activation};
    for (int o = 0; o < CN_NOPERANDS; o++)
        how.base[o] = job->call->op[o].data ? job->call->op[o].data + offset[o] : NULL;
    if (!job->mask) how.base[CN_M] = NULL;
    if (s->x) { /* what is fetched while the sum is applied is the second of what the next one is of */
        how.base[CN_X] = s->x;
        how.prefetch += (ptrdiff_t)((uintptr_t)(job->call->add[1] + offset[CN_X]) - (uintptr_t)s->x);
    }
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_block block = cn_tiling_block(tiling, backwards ? tiling->n_blocks - 1 - i : i);
        cn_masked_apply(&how, &block);
    }
}

/* Before others read what was stored past the cache. Once for all blocks of a task: it waits for the memory. */
static void fence_nontemporal(const cn_job *job)
{
    if (job->nontemporal || job->nontemporal_sum) atomic_thread_fence(memory_order_seq_cst);
}

static void fused_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    cn_tiling moments, apply;
    cn_bundle bundle;
    ptrdiff_t width = -1;
    cn_params params = cn_params_in(s.params, job->width * job->rows_as_groups, job->k->param_size);
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_locate_bundle(job, u, &bundle);
        if (width != bundle.columns.n) {
            cn_tiling_of_moments(job, &bundle.columns, &moments);
            cn_tiling_of_apply(job, &bundle.columns, &apply);
            width = bundle.columns.n;
        }
        cn_bundle_moments(job, &moments, &bundle, &s);
        params.prescaled = 0;
        cn_finish_bundle(job, s.bundle, &bundle, s.factors, &params);
        if (job->rows) bundle.offset[CN_Y] = thread * job->rows->y_bytes;
        apply_blocks(job, &apply, bundle.offset, &params, &s, 0, apply.n_blocks, 0);
        if (job->rows)
            cn_quantize_rows(job->rows, bundle.offset[CN_STAT], bundle.columns.n,
                             job->rows->y + thread * job->rows->y_bytes);
    }
    fence_nontemporal(job);
}

static void segment_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    cn_bundle bundle;
    cn_tiling tiling;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_locate_bundle(job, i / job->segments, &bundle);
        cn_tiling_of_moments(job, &bundle.columns, &tiling);
        double *partials = job->partials ? job->partials + i * cn_partials_size(job) : s.bundle;
        cn_segment_moments(job, &tiling, &bundle, i % job->segments, partials, &s);
        if (!job->partials) cn_finish_bundle(job, partials, &bundle, NULL, NULL);
    }
}

static void merge_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_bundle bundle;
    (void)thread;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_locate_bundle(job, u, &bundle);
        double *own = job->partials + u * job->segments * cn_partials_size(job);
        for (ptrdiff_t i = 1; i < job->segments; i++) cn_merge_partials(job, own, own + i * cn_partials_size(job));
        cn_finish_bundle(job, own, &bundle, NULL, NULL);
    }
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    const int backwards = job->stats != NULL; /* what moments read last is still in the cache */
    apply_blocks(job, &job->apply, job->plan.start, &job->params, &s, begin, end, backwards);
    fence_nontemporal(job);
}

static cn_status close_job(cn_job *job, cn_status status)
{
    free(job->partials);
    job_free(job, job->params_memory);
    job_free(job, job->scratch);
    return status;
}

/* Phase one: stats of every bundle. Needs job->stats and scratch. */
static cn_status all_moments(cn_job *job, int threads)
{
    if (job->segments > 1) {
        job->partials = malloc((size_t)(job->bundles * job->segments * cn_partials_size(job)) * sizeof(double));
        if (!job->partials) return CN_NO_MEMORY;
    }
    cn_parallel(job->bundles * job->segments, threads, segment_task, job);
    if (job->partials) cn_parallel(job->bundles, threads, merge_task, job);
    return CN_OK;
}

static cn_status allocate_params(cn_job *job)
{
    ptrdiff_t n = job->call->n_stats * job->plan.refined, size = job->k->param_size;
    job->params_memory = job_alloc(job, (size_t)(CN_N_PARAMS * n * size));
    return job->params_memory ? CN_OK : CN_NO_MEMORY;
}

/* Parameters of n groups, each for all the statistics it was refined to. */
static void make_params(cn_job *job, const double *mean, const double *mean_lo, const double *factor)
{
    ptrdiff_t n = job->call->n_stats, refined = job->plan.refined, size = job->k->param_size;
    job->params = cn_params_in(job->params_memory, n * refined, size);
    if (refined == 1)
        cn_put_params(&job->params, job->k, 0, n, mean, mean_lo, factor);
    else
        for (ptrdiff_t i = 0; i < n * refined; i++)
            cn_put_param(&job->params, job->k, i, mean[i / refined], mean_lo[i / refined], factor[i / refined]);
}

/* Phase two: y from params. */
static void all_apply(cn_job *job, int threads)
{
    ptrdiff_t first = job->plan.start[CN_STAT] * job->k->param_size;
    job->params.hi += first, job->params.lo += first, job->params.scale += first, job->params.prescale += first;
    cn_tiling_of_all(job, &job->apply);
    const cn_tiling *tiling = &job->apply;
    ptrdiff_t block = tiling->pieces > 1 ? tiling->piece : tiling->block_rows * tiling->col.n;
    if (job->stats) job->prefetch = -block * job->k->size; /* apply_task goes backwards */
    cn_parallel(job->apply.n_blocks, threads, apply_task, job);
}

cn_status cn_moments(const cn_call *call, cn_partial *stats)
{
    cn_job job;
    cn_open_job(&job, call, cn_kernels_of(call->dtype), CN_VAR, 0, stats);
    int threads = cn_threads_for(job.bundles * job.elements);
    if (allocate(&job, threads) != CN_OK) return CN_NO_MEMORY;
    return close_job(&job, all_moments(&job, threads));
}

/* Does the call outgrow the cache? In place nothing is written past it: the lines are there already. */
static void decide_beyond_cache(cn_job *job, int threads)
{
    const cn_call *call = job->call;
    const char *x = call->op[CN_X].data, *y = call->op[CN_Y].data, *a = call->add[0], *b = call->add[1];
    const int apart = y != x && y != a && y != b, summed = a ? (a != x) + (b != x && b != a) : 0;
    double bytes = (1 + apart + summed) * (double)job->bundles * (double)job->elements * (double)job->k->size;
    job->beyond_cache = cn_beyond_cache(bytes, threads);
    job->nontemporal = apart && job->beyond_cache;
    job->prefetch = job->plan.cols ? 0 : job->width * job->plan.columns.stride[CN_X];
}

static int is_fused(const cn_job *job, int threads)
{
    ptrdiff_t bytes = job->elements * job->k->size;
    return !job->plan.split_by_affine && !(job->mask_per_group && job->plan.cols) &&
           (bytes <= FUSE_BYTES || (bytes <= FUSE_BYTES_SHARED && job->bundles >= 2 * threads));
}

/* Factors of all groups from job->stats. Without a mask they have one count. */
static void all_scales(const cn_job *job, const double *m2, double *factor)
{
    const ptrdiff_t n = job->call->n_stats;
    if (!job->mask) cn_scales(factor, m2, n, job->stats[0].count, job->kind, job->eps);
    for (ptrdiff_t i = 0; i < n && job->mask; i++) {
        factor[i] = 0;
        if (job->stats[i].count > 0) cn_scales(factor + i, m2 + i, 1, job->stats[i].count, job->kind, job->eps);
    }
}

/* Parameters of groups whose squares leave float64. */
static void read_extremes(cn_job *job)
{
    for (ptrdiff_t i = 0; i < job->call->n_stats; i++) {
        const cn_partial *p = &job->stats[i];
        if (p->count > 0 && cn_is_extreme(p->mean, p->m2, p->count, job->kind, job->eps))
            cn_read_extreme(job->call, i, job->kind, job->eps, &job->params, i * job->plan.refined,
                            job->plan.refined);
    }
}

/* Moments to stats, then apply. */
static cn_status two_phases(cn_job *job, int threads)
{
    ptrdiff_t n = job->call->n_stats, size = job->k->param_size;
    cn_partial *own = NULL;
    double *mean = malloc((size_t)(4 * n) * sizeof *mean);
    if (!job->stats) job->stats = own = malloc((size_t)n * sizeof *own);
    cn_status status = mean && job->stats ? allocate_params(job) : CN_NO_MEMORY;
    if (status == CN_OK) status = all_moments(job, threads); /* its own memory first, then stats */
    if (status == CN_OK) {
        double *lo = mean + n, *m2 = lo + n, *factor = m2 + n;
        for (ptrdiff_t i = 0; i < n; i++)
            mean[i] = job->stats[i].mean, lo[i] = job->stats[i].mean_lo, m2[i] = job->stats[i].m2;
        all_scales(job, m2, factor);
        make_params(job, mean, lo, factor);
        if (size == sizeof(double)) read_extremes(job);
    }
    if (status == CN_OK) all_apply(job, threads);
    free(mean);
    free(own);
    return status;
}

/* Is x, a sum, written past the cache? If it outgrows the cache by itself. */
static int sum_is_nontemporal(const cn_job *job, int threads)
{
    const double bundle = (double)job->elements * (double)job->k->size;
    return bundle <= FUSE_BYTES && cn_beyond_cache(bundle * (double)job->bundles, threads) &&
           cn_sum_can_be_nontemporal(job);
}

cn_status cn_normalize(const cn_call *call, cn_kind kind, double eps, cn_partial *stats)
{
    cn_job job;
    cn_open_job(&job, call, cn_kernels_of(call->dtype), kind, eps, stats);
    int threads = cn_threads_for(job.bundles * job.elements);
    decide_beyond_cache(&job, threads);
    const int fused = is_fused(&job, threads);
    job.nontemporal_sum = fused && call->add[0] && sum_is_nontemporal(&job, threads);
    if (allocate(&job, threads) != CN_OK) return CN_NO_MEMORY;
    if (!fused) return close_job(&job, two_phases(&job, threads));
    cn_parallel(job.bundles, threads, fused_task, &job);
    return close_job(&job, CN_OK);
}

/* Do bundles write rows of y that follow each other, forwards? */
static int in_rows(const cn_job *job)
{
    const cn_loop *columns = &job->plan.columns;
    return !job->plan.cols && job->plan.start[CN_Y] == 0 && (columns->n == 1 || columns->stride[CN_STAT] == 1);
}

cn_status cn_normalize_int8(cn_call *call, cn_kind kind, double eps, const cn_int8 *to)
{
    cn_job job;
    cn_rows rows = cn_rows_of(call, to);
    cn_open_job(&job, call, cn_kernels_of(call->dtype), kind, eps, NULL);
    int threads = cn_threads_for(job.bundles * job.elements);
    const int fused = is_fused(&job, threads), by_bundle = fused && in_rows(&job);
    rows.y_bytes = ((by_bundle ? job.elements : call->n_stats * rows.n) * rows.size + 63) / 64 * 64;
    rows.y = job_alloc(&job, (size_t)rows.y_bytes * (size_t)(by_bundle ? threads : 1));
    cn_status status = rows.y ? allocate(&job, threads) : CN_NO_MEMORY;
    if (status == CN_OK) {
        call->op[CN_Y].data = rows.y;
        decide_beyond_cache(&job, threads);
        if (by_bundle) job.rows = &rows, job.nontemporal = 0;
        if (fused)
            cn_parallel(job.bundles, threads, fused_task, &job);
        else
            status = two_phases(&job, threads);
    }
    if (status == CN_OK && !by_bundle) status = cn_quantize_all(&rows, call->n_stats, threads);
    job_free(&job, rows.y);
    return close_job(&job, status);
}

/* y from statistics of the job's own: mean, mean_lo and factor of every group. */
static cn_status apply_given(cn_job *job, const double *mean, const double *mean_lo, const double *factor)
{
    int threads = cn_threads_for(job->bundles * job->elements);
    if (allocate(job, threads) != CN_OK || allocate_params(job) != CN_OK) return CN_NO_MEMORY;
    decide_beyond_cache(job, threads);
    make_params(job, mean, mean_lo, factor);
    all_apply(job, threads);
    return CN_OK;
}

cn_status cn_apply(const cn_call *call, const double *center, const double *scale)
{
    cn_job job;
    cn_open_job(&job, call, cn_kernels_of(call->dtype), CN_VAR, 0, NULL);
    ptrdiff_t n = call->n_stats;
    double *zeros = job_alloc(&job, (size_t)n * sizeof *zeros);
    for (ptrdiff_t i = 0; zeros && i < n; i++) zeros[i] = 0;
    cn_status status = zeros ? apply_given(&job, center, zeros, scale) : CN_NO_MEMORY;
    job_free(&job, (char *)zeros);
    return close_job(&job, status);
}

cn_status cn_apply_running(const cn_call *call, const char *mean, const char *var, double eps)
{
    cn_job job;
    cn_open_job(&job, call, cn_kernels_of(call->dtype), CN_VAR, 0, NULL);
    ptrdiff_t n = call->n_stats;
    const int wide = job.k->param_size == sizeof(double);
    double *center = job_alloc(&job, (size_t)(4 * n) * sizeof *center);
    if (!center) return close_job(&job, CN_NO_MEMORY);
    double *zeros = center + n, *m2 = zeros + n, *factor = m2 + n;
    for (ptrdiff_t i = 0; i < n; i++) {
        center[i] = wide ? ((const double *)mean)[i] : ((const float *)mean)[i];
        m2[i] = wide ? ((const double *)var)[i] : ((const float *)var)[i];
        zeros[i] = 0;
    }
    cn_scales(factor, m2, n, 1, CN_VAR, eps);
    cn_status status = apply_given(&job, center, zeros, factor);
    job_free(&job, (char *)center);
    return close_job(&job, status);
}
