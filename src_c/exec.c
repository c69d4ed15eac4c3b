/* exec.c: the three verbs: which blocks of the plan meet the kernels in which order, and on which thread.
 *
 * Schedules. Fused: each thread takes units; moments, finalize, apply while the unit is in cache. Two
 * phases: spans over all threads, merge, then apply over all of x in memory order. */
#include <stdlib.h>

#include "cpu.h"
#include "moments.h"
#include "threads.h"
#include "tile.h"
#include "unit.h"

/* A unit up to this size is normalized while it is in L2 (512 KiB on Zen 3). */
#define FUSE_BYTES (384 * 1024)
/* Where there are units for all threads, the last-level cache will do: re-reading 8 MiB from it beats
 * memory. */
#define FUSE_BYTES_SHARED (8 * 1024 * 1024)

static const cn_isa *isa;

int cn_init(const char *cap)
{
    isa = cn_select(cn_cpu_features(), cap);
    return isa != NULL;
}

const char *cn_isa_name(void) { return isa->name; }
int cn_isa_count(void) { return cn_n_isas; }

const char *cn_isa_describe(int i, int *available)
{
    *available = (cn_isas[i]->needs & ~cn_cpu_features()) == 0;
    return cn_isas[i]->name;
}

static cn_status allocate(cn_job *job, int threads)
{
    job->scratch_size = cn_scratch_size(job);
    job->scratch = malloc(job->scratch_size * (size_t)threads);
    return job->scratch ? CN_OK : CN_NO_MEMORY;
}

static void apply_blocks(const cn_job *job, const cn_walk *walk, const ptrdiff_t *offset, const cn_params *params,
                         char *packed, ptrdiff_t begin, ptrdiff_t end)
{
    char *base[CN_NOPERANDS];
    for (int o = 0; o < CN_NOPERANDS; o++)
        base[o] = job->call->op[o].data ? job->call->op[o].data + offset[o] : NULL;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_tile_apply(job->k, walk, &block, base, params, packed);
    }
}

static void fused_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    cn_walk walk, spread = job->spread;
    ptrdiff_t offset[CN_NOPERANDS], width = -1;
    cn_params params = cn_params_in(s.params, job->width, job->k->param_size);
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_loop columns = cn_locate_unit(job, u, offset);
        if (width != columns.n) {
            cn_walk_unit(job, &columns, &walk);
            if (job->plan.cols) {
                cn_loop own = columns;
                own.stride[CN_STAT] = 1; /* the unit's parameters lie side by side */
                cn_make_walk(&job->plan.spread, &own, 0, CN_BLOCK, &spread);
            }
            width = columns.n;
        }
        cn_unit_moments(job, &walk, job->call->op[CN_X].data + offset[CN_X], &s);
        params.boosted = 0;
        cn_finish_unit(job, s.unit, &columns, offset[CN_STAT], &params);
        apply_blocks(job, &spread, offset, &params, s.packed, 0, spread.n_blocks);
    }
}

/* Fused, for groups that are one block of one run each: as fused_task without its walks, and apply is
 * called for job->batch neighbours at once while they are in L1. The same kernels on the same blocks. */
static void runs_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    const cn_loops *kept = &job->plan.kept;
    cn_scratch s = cn_open_scratch(job, thread);
    cn_params params = cn_params_in(s.params, job->batch, job->k->param_size);
    cn_loop next = kept->n ? kept->loop[kept->n - 1] : (cn_loop){.n = 1};
    cn_walk runs, spread = job->spread;
    cn_make_walk(&job->plan.reduced, NULL, 0, CN_BLOCK, &runs);
    spread.row = next;
    spread.row.stride[CN_STAT] = 1; /* the parameters lie side by side */
    const cn_block run = {{0}, 1, runs.col.n};
    for (ptrdiff_t u = begin, rows; u < end; u += rows) {
        ptrdiff_t offset[CN_NOPERANDS], left = next.n - u % next.n;
        cn_locate_unit(job, u, offset);
        rows = end - u < left ? end - u : left;
        rows = rows < job->batch ? rows : job->batch;
        params.boosted = 0;
        for (ptrdiff_t r = 0; r < rows; r++) {
            cn_partial p = {0, 0, 0, 0};
            const char *x = job->call->op[CN_X].data + offset[CN_X] + r * next.stride[CN_X];
            cn_tile_run(job->k, &runs, &run, x, job->kind == CN_VAR, &p, s.packed);
            if (job->stats) job->stats[offset[CN_STAT] + r * next.stride[CN_STAT]] = p;
            cn_put_params(&params, job->k->param_size, r, p.mean, p.mean_lo, cn_scale(&p, job->kind, job->eps));
        }
        spread.n_blocks = 1, spread.row.n = rows;
        apply_blocks(job, &spread, offset, &params, s.packed, 0, 1);
    }
}

static void span_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    ptrdiff_t offset[CN_NOPERANDS];
    cn_walk walk;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_loop columns = cn_locate_unit(job, i / job->spans, offset);
        cn_walk_unit(job, &columns, &walk);
        double *slot = job->slots ? job->slots + i * cn_slot_size(job) : s.unit;
        cn_span_moments(job, &walk, job->call->op[CN_X].data + offset[CN_X], i % job->spans, slot, s.packed);
        if (!job->slots) cn_finish_unit(job, slot, &columns, offset[CN_STAT], NULL);
    }
}

static void merge_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    ptrdiff_t offset[CN_NOPERANDS];
    (void)thread;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_loop columns = cn_locate_unit(job, u, offset);
        double *slots = job->slots + u * job->spans * cn_slot_size(job);
        for (ptrdiff_t i = 1; i < job->spans; i++) cn_merge_slot(job, slots, slots + i * cn_slot_size(job));
        cn_finish_unit(job, slots, &columns, offset[CN_STAT], NULL);
    }
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    apply_blocks(job, &job->spread, job->plan.start, &job->params, s.packed, begin, end);
}

static cn_status close_job(cn_job *job, cn_status status)
{
    free(job->slots);
    free(job->params_memory);
    free(job->scratch);
    return status;
}

/* Phase one: stats of every unit. Needs job->stats and scratch. */
static cn_status all_moments(cn_job *job, int threads)
{
    if (job->spans > 1) {
        job->slots = malloc((size_t)(job->units * job->spans * cn_slot_size(job)) * sizeof(double));
        if (!job->slots) return CN_NO_MEMORY;
    }
    cn_parallel(job->units * job->spans, threads, span_task, job);
    if (job->slots) cn_parallel(job->units, threads, merge_task, job);
    return CN_OK;
}

static cn_status allocate_params(cn_job *job)
{
    ptrdiff_t n = job->call->n_stats, size = job->k->param_size;
    job->params_memory = malloc((size_t)(CN_N_PARAMS * n * size));
    job->params = cn_params_in(job->params_memory, n, size);
    return job->params_memory ? CN_OK : CN_NO_MEMORY;
}

/* Phase two: y from params. */
static void all_apply(cn_job *job, int threads)
{
    ptrdiff_t first = job->plan.start[CN_STAT] * job->k->param_size;
    job->params.hi += first, job->params.lo += first, job->params.scale += first, job->params.boost += first;
    cn_make_walk(&job->plan.all, NULL, 0, CN_BLOCK, &job->spread);
    cn_parallel(job->spread.n_blocks, threads, apply_task, job);
}

cn_status cn_moments(const cn_call *call, cn_partial *stats)
{
    cn_job job;
    cn_open_job(&job, call, &isa->kernels[call->dtype], CN_VAR, 0, stats);
    int threads = cn_threads_for(job.units * job.elements);
    if (allocate(&job, threads) != CN_OK) return CN_NO_MEMORY;
    return close_job(&job, all_moments(&job, threads));
}

static int fuses(const cn_job *job, int threads)
{
    ptrdiff_t bytes = job->elements * job->k->size;
    return bytes <= FUSE_BYTES || (bytes <= FUSE_BYTES_SHARED && job->units >= 2 * threads);
}

cn_status cn_normalize(const cn_call *call, cn_kind kind, double eps, cn_partial *stats)
{
    cn_job job;
    cn_open_job(&job, call, &isa->kernels[call->dtype], kind, eps, stats);
    int threads = cn_threads_for(job.units * job.elements);
    if (allocate(&job, threads) != CN_OK) return CN_NO_MEMORY;
    if (fuses(&job, threads)) {
        if (!job.plan.cols) cn_make_walk(&job.plan.spread, NULL, 0, CN_BLOCK, &job.spread);
        cn_parallel(job.units, threads, job.batch ? runs_task : fused_task, &job);
        return close_job(&job, CN_OK);
    }
    cn_partial *own = NULL;
    if (!stats) job.stats = own = malloc((size_t)call->n_stats * sizeof *own);
    cn_status status = job.stats ? allocate_params(&job) : CN_NO_MEMORY;
    if (status == CN_OK) status = all_moments(&job, threads);
    if (status == CN_OK) {
        for (ptrdiff_t i = 0; i < call->n_stats; i++)
            cn_put_params(&job.params, job.k->param_size, i, job.stats[i].mean, job.stats[i].mean_lo,
                          cn_scale(&job.stats[i], kind, eps));
        all_apply(&job, threads);
    }
    free(own);
    return close_job(&job, status);
}

cn_status cn_apply(const cn_call *call, const double *center, const double *scale)
{
    cn_job job;
    cn_open_job(&job, call, &isa->kernels[call->dtype], CN_VAR, 0, NULL);
    int threads = cn_threads_for(job.units * job.elements);
    if (allocate(&job, threads) != CN_OK || allocate_params(&job) != CN_OK) return close_job(&job, CN_NO_MEMORY);
    for (ptrdiff_t i = 0; i < call->n_stats; i++)
        cn_put_params(&job.params, job.k->param_size, i, center[i], 0, scale[i]);
    all_apply(&job, threads);
    return close_job(&job, CN_OK);
}
