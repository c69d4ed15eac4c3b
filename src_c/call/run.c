/* run.c: a call: which blocks of the plan meet the kernels in which order, and on which thread.
 *
 * Schedules. Fused: each thread takes bundles; moments, parameters, y while the bundle is in cache. Two
 * phases: segments over all threads, merge, then y over all of x in memory order. Where y becomes bytes: those of
 * a bundle follow it, those of all rows are a phase more. */
#include <stdatomic.h>
#include <stdlib.h>

#include "call/open.h"
#include "call/watch.h"
#include "job/brief.h"
#include "job/finish.h"
#include "read/read.h"
#include "read/residual.h"
#include "simd/ticks.h"
#include "threads/threads.h"
#include "write/quantize.h"
#include "write/unroll.h"
#include "write/write.h"

/* Groups that a kernel leaves of a bundle are taken by steps, so many together, and twice as many each time: what is left once is
 * left often. */
#define LEFT 16

/* Bytes of sums that are made before they are normalized, two rows at least: (2048, 768) takes 0.82 to 0.85 of the time by 4 to 8
 * KiB, 0.9 by 12, 0.93 by 24, from L2 and in rows of 4096 about as before (Emerald Rapids). */
#define SUMMED (8 * 1024)

static void write_blocks(const cn_job *job, const cn_writing *how, ptrdiff_t begin, ptrdiff_t end, int backwards)
{
    const cn_tiling *tiling = how->tiling;
    void (*const write)(const cn_writing *, const cn_block *) = job->write ? job->write : how->write;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_block block = cn_tiling_block(tiling, backwards ? tiling->n_blocks - 1 - i : i);
        write(how, &block);
    }
}

/* Before others read what was stored past the cache. Once for all blocks of a task: it waits for the memory. */
static void fence_nontemporal(const cn_job *job)
{
    if (job->nontemporal || job->nontemporal_sum) atomic_thread_fence(memory_order_seq_cst);
}

/* What is needed for a bundle: opened anew where its width is another one. */
typedef struct {
    cn_scratch scratch;
    cn_params params;
    cn_tiling reading, tiling;
    cn_writing how;
    ptrdiff_t width;
    int cold; /* what comes next is fetched */
} fused_bundle;

static void open_bundle(const cn_job *job, const cn_bundle *bundle, fused_bundle *f)
{
    if (f->width == bundle->columns.n) return;
    cn_tile_reading(job, &bundle->columns, &f->reading);
    cn_tile_writing(job, &bundle->columns, &f->tiling);
    cn_open_writing(job, &f->tiling, &f->how);
    f->width = bundle->columns.n;
}

/* Moments, parameters, y of a bundle. */
static void run_bundle(const cn_job *job, const cn_bundle *bundle, fused_bundle *f)
{
    open_bundle(job, bundle, f);
    cn_read_bundle(job, &f->reading, bundle, &f->scratch);
    f->params.prescaled = 0;
    cn_finish_bundle(job, f->scratch.bundle, bundle, f->scratch.factors, &f->params);
    cn_place_writing(job, bundle->offset, &f->params, &f->scratch, &f->how);
    f->how.beyond_cache = f->cold;
    write_blocks(job, &f->how, 0, f->tiling.n_blocks, 0);
    if (f->scratch.y) cn_quantize_bundle(job, bundle, f->scratch.y);
}

/* Statistics of a bundle, or of a segment of it, which others are merged with. */
static void read_bundle(const cn_job *job, const cn_bundle *bundle, ptrdiff_t i, const cn_scratch *s)
{
    cn_tiling tiling;
    cn_tile_reading(job, &bundle->columns, &tiling);
    double *partials = job->partials ? job->partials + i * cn_partials_size(job->each, job->width) : s->bundle;
    cn_read_segment(job, &tiling, bundle, i % job->segments, partials, s);
    if (!job->partials) cn_finish_bundle(job, partials, bundle, NULL, NULL);
}

/* Of a brief bundle only groups that kernel few_moments leaves. */
static void read_brief(const cn_job *job, cn_bundle bundle, ptrdiff_t i, const cn_scratch *s)
{
    for (ptrdiff_t most = LEFT; cn_put_few(job, &bundle) > 0; most *= 2) {
        const cn_bundle left = cn_first_groups(&bundle, most);
        read_bundle(job, &left, i, s);
        cn_skip_groups(&bundle, left.columns.n);
    }
}

/* Of a direct bundle in these steps only groups that kernel normalize leaves, a few at a time. Statistics that are wanted are read
 * before y is made. */
static void run_direct(const cn_job *job, cn_bundle bundle, fused_bundle *f)
{
    if (job->brief)
        read_brief(job, bundle, 0, &f->scratch);
    else if (cn_keeps(job))
        read_bundle(job, &bundle, 0, &f->scratch);
    for (ptrdiff_t most = LEFT; cn_normalize_bundle(job, &bundle, job->y + bundle.offset[CN_Y], f->cold) > 0;
         most *= 2) {
        const cn_bundle left = cn_first_groups(&bundle, most);
        run_bundle(job, &left, f);
        cn_skip_groups(&bundle, left.columns.n);
    }
}

/* A direct bundle of sums: some are made, and normalized while they, and what they are made of, are in L1. */
static void run_direct_sums(const cn_job *job, cn_bundle bundle, fused_bundle *f)
{
    const ptrdiff_t group = job->elements / job->width * job->k->size, fit = SUMMED / group / 2 * 2;
    const ptrdiff_t most = fit < 2 ? 2 : fit;
    f->scratch.summed = 1;
    while (bundle.columns.n > 0) {
        const cn_bundle some = cn_first_groups(&bundle, most);
        cn_add_rows(job, &some);
        cn_skip_groups(&bundle, some.columns.n);
        run_direct(job, some, f);
    }
}

/* A direct bundle of rows that become bytes; in these steps if one of its groups is left. */
static void run_direct_bytes(const cn_job *job, const cn_bundle *bundle, fused_bundle *f)
{
    cn_bundle left = *bundle;
    if (cn_normalize_bundle(job, &left, f->scratch.y + job->plan.start[CN_Y], 0) > 0)
        run_bundle(job, bundle, f);
    else
        cn_quantize_bundle(job, bundle, f->scratch.y);
}

static void fused_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_bundle bundle;
    fused_bundle f; /* not cleared: that takes as long as a small call */
    f.scratch = cn_open_scratch(job, thread), f.width = -1;
    f.params = cn_params_in(f.scratch.params, job->width * job->rows_as_groups, job->k->param_size);
    f.cold = job->beyond_cache;
    const int watched = cn_is_watched(job, end - begin);
    const uint64_t start = watched ? cn_ticks() : 0;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_locate_bundle(job, u, &bundle);
        if (job->direct && job->row)
            run_direct_bytes(job, &bundle, &f);
        else if (job->direct && job->add)
            run_direct_sums(job, bundle, &f);
        else if (job->direct)
            run_direct(job, bundle, &f);
        else
            run_bundle(job, &bundle, &f);
        if (u > begin) continue;
        if (watched) f.cold = cn_took_long(job, cn_ticks() - start);
        f.scratch.to_fetch = cn_from_x_to_y(job, f.cold);
    }
    fence_nontemporal(job);
}

static void segment_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = cn_open_scratch(job, thread);
    cn_bundle bundle;
    s.to_fetch = cn_stream_early(job);
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_locate_bundle(job, i / job->segments, &bundle);
        if (job->brief)
            read_brief(job, bundle, i, &s);
        else
            read_bundle(job, &bundle, i, &s);
    }
}

/* Groups of one element each. */
static void alone_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_bundle bundle;
    (void)thread;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_locate_bundle(job, u, &bundle);
        cn_put_alone(job, &bundle);
    }
}

static void merge_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_bundle bundle;
    (void)thread;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_locate_bundle(job, u, &bundle);
        double *own = job->partials + u * job->segments * cn_partials_size(job->each, job->width);
        for (ptrdiff_t i = 1; i < job->segments; i++)
            cn_merge_partials(job, own, own + i * cn_partials_size(job->each, job->width));
        cn_finish_bundle(job, own, &bundle, NULL, NULL);
    }
}

static void write_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    const int backwards = cn_was_read(job->call); /* what moments read last is still in the cache */
    cn_scratch s = cn_open_scratch(job, thread);
    cn_writing how;
    cn_open_writing(job, &job->all, &how);
    cn_place_writing(job, job->plan.start, &job->params, &s, &how);
    if (!backwards && cn_is_write_watched(job, end - begin)) {
        write_blocks(job, &how, begin, begin + 1, 0);
        const uint64_t start = cn_ticks();
        write_blocks(job, &how, begin + 1, begin + 2, 0);
        how.beyond_cache = how.fetches_y = cn_is_cold_block(job, begin + 1, cn_ticks() - start);
        begin += 2;
    }
    write_blocks(job, &how, begin, end, backwards);
    fence_nontemporal(job);
}

/* Phase one: stats of every bundle. */
static cn_status read_all(cn_job *job)
{
    if (job->segments > 1) {
        job->partials = malloc((size_t)(job->bundles * job->segments * cn_partials_size(job->each, job->width)) *
                               sizeof(double));
        if (!job->partials) return CN_NO_MEMORY;
    }
    cn_parallel(job->bundles * job->segments, job->threads, segment_task, job);
    if (job->partials) cn_parallel(job->bundles, job->threads, merge_task, job);
    return CN_OK;
}

/* Phase two: y from parameters of all groups. */
static void write_all(cn_job *job)
{
    if (job->plan.refined > 1 && cn_was_read(job->call) && !job->row &&
        cn_make_written_plan(job->call, &job->plan))
        cn_open_output(job); /* these rows may begin anywhere */
    const ptrdiff_t first = job->plan.start[CN_STAT] * job->k->param_size;
    cn_finish_all(job);
    job->params.hi += first, job->params.lo += first, job->params.scale += first, job->params.prescale += first;
    cn_tile_writing(job, NULL, &job->all);
    const cn_tiling *tiling = &job->all;
    ptrdiff_t block = tiling->pieces > 1 ? tiling->piece : tiling->block_rows * tiling->col.n;
    if (cn_was_read(job->call)) job->prefetch = -block * job->k->size; /* write_task goes backwards */
    cn_parallel(tiling->n_blocks, job->threads, write_task, job);
}

/* Statistics of all groups, own ones or given, then y. */
static cn_status two_phases(cn_job *job)
{
    const ptrdiff_t n = job->call->n_stats;
    const int own = job->call->moments.source == CN_OWN;
    cn_partial *stats = NULL;
    if (own && !job->stats) job->stats = stats = malloc((size_t)n * sizeof *stats);
    const int ready = job->call->moments.source == CN_READY;
    if (!ready)
        job->params_memory = cn_job_alloc(job, (size_t)(CN_N_PARAMS * n * job->plan.refined * job->k->param_size));
    cn_status status = (job->params_memory || ready) && (job->stats || !own) ? CN_OK : CN_NO_MEMORY;
    if (status == CN_OK && own) status = read_all(job); /* its own memory first, then stats */
    if (status == CN_OK) write_all(job);
    if (status == CN_OK && job->row) status = cn_quantize_all(job);
    cn_job_free(job, job->params_memory);
    free(stats);
    return status;
}

static cn_status run_job(cn_job *job)
{
    if (job->alone) {
        cn_parallel(job->bundles, job->threads, alone_task, job);
        return CN_OK;
    }
    cn_status status = cn_alloc_scratch(job);
    if (status != CN_OK) return status;
    if (job->fused)
        cn_parallel(job->bundles, job->threads, fused_task, job);
    else
        status = cn_writes(job->call) ? two_phases(job) : read_all(job);
    free(job->partials);
    cn_job_free(job, job->scratch);
    return status;
}

cn_status cn_run(const cn_call *call)
{
    cn_job job;
    cn_open_job(&job, call);
    cn_status status = job.row && !job.fused ? cn_alloc_rows(&job) : CN_OK;
    if (status != CN_OK) return status;
    if (cn_writes(call)) cn_open_output(&job);
    status = run_job(&job);
    if (job.row) cn_job_free(&job, job.y);
    cn_free_unrolled(&job);
    return status;
}
