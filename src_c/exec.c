/* exec.c: the three verbs: which blocks of the plan meet the kernels in which order, and on which thread.
 *
 * A unit is one group (rows) or up to CN_MAX_COLS neighbouring groups (cols). Its blocks are merged in
 * order within spans of CN_SPAN blocks, the spans in order into the unit: this tree depends on the shape of
 * a group alone, never on threads, schedule or how many groups there are.
 *
 * Schedules. Fused: each thread takes units; moments, finalize, apply while the unit is in cache. Two
 * phases: spans over all threads, merge, then apply over all of x in memory order. */
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "moments.h"
#include "threads.h"
#include "tile.h"

#define CN_SPAN 16

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

typedef struct {
    const cn_call *call;
    const cn_kernels *k;
    cn_plan plan;
    cn_walk spread; /* of apply: over one unit's loops (fused) or over all */
    cn_kind kind;
    double eps;
    ptrdiff_t width, units, spans; /* columns of a unit (1 for rows); spans of a unit */
    ptrdiff_t elements;            /* of a unit */
    cn_partial *stats;             /* by stat element, or NULL */
    double *slots;                 /* [units][spans] slots, two phases only */
    char *params;                  /* hi, lo, scale by stat element; NULL when fused */
    char *scratch;                 /* [threads] of scratch_size */
    size_t scratch_size;
} cn_job;

/* A slot holds moments of one unit: count, then mean, mean_lo, m2 of width columns (cn_partial if 1). */
static ptrdiff_t slot_size(const cn_job *job) { return 1 + 3 * job->width; }

static cn_columns open_slot(const cn_job *job, double *slot)
{
    ptrdiff_t w = job->width;
    return (cn_columns){slot[0], slot + 1, slot + 1 + w, slot + 1 + 2 * w};
}

static void merge_slot(const cn_job *job, double *to, const double *from)
{
    ptrdiff_t w = job->width;
    double count = to[0];
    for (ptrdiff_t c = 0; c < w; c++) {
        cn_partial a = {count, to[1 + c], to[1 + w + c], to[1 + 2 * w + c]};
        cn_partial b = {from[0], from[1 + c], from[1 + w + c], from[1 + 2 * w + c]};
        cn_merge(&a, &b);
        to[0] = a.count, to[1 + c] = a.mean, to[1 + w + c] = a.mean_lo, to[1 + 2 * w + c] = a.m2;
    }
}

/* Scratch of a thread: two slots, parameters of a unit, packed blocks. */
typedef struct {
    double *unit, *span;
    char *params, *packed;
} cn_scratch;

static cn_scratch open_scratch(const cn_job *job, int thread)
{
    char *p = job->scratch + (size_t)thread * job->scratch_size;
    double *slot = (double *)p;
    ptrdiff_t size = slot_size(job);
    char *params = (char *)(slot + 2 * size);
    return (cn_scratch){slot, slot + size, params, params + 3 * job->width * (ptrdiff_t)sizeof(double)};
}

static int strided(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    if (all->n == 0) return 0;
    const ptrdiff_t *in = all->loop[all->n - 1].stride, size = job->k->param_size;
    return in[CN_X] != job->k->size || (job->call->op[CN_Y].data && in[CN_Y] != job->k->size) ||
           (in[CN_W] && in[CN_W] != size) || (in[CN_B] && in[CN_B] != size) || (in[CN_STAT] && in[CN_STAT] != 1);
}

static cn_status allocate(cn_job *job, int threads)
{
    size_t packed = strided(job) ? (size_t)CN_PACKED * sizeof(double) * 2 : 0;
    size_t bytes = (size_t)(2 * slot_size(job) + 3 * job->width) * sizeof(double) + packed;
    job->scratch_size = (bytes + 63) / 64 * 64 + 64; /* no cache line is shared */
    job->scratch = malloc(job->scratch_size * (size_t)threads);
    return job->scratch ? CN_OK : CN_NO_MEMORY;
}

/* Unit u: its first element and its columns. */
static cn_loop locate_unit(const cn_job *job, ptrdiff_t u, ptrdiff_t offset[CN_NOPERANDS])
{
    cn_loop columns = job->plan.columns;
    memcpy(offset, job->plan.start, sizeof job->plan.start);
    if (!job->plan.cols) {
        cn_locate(&job->plan.kept, u, offset);
        return columns;
    }
    ptrdiff_t tiles = (columns.n + job->width - 1) / job->width, first = u % tiles * job->width;
    cn_locate(&job->plan.kept, u / tiles, offset);
    for (int o = 0; o < CN_NOPERANDS; o++) offset[o] += first * columns.stride[o];
    columns.n = columns.n - first < job->width ? columns.n - first : job->width;
    return columns;
}

static void walk_unit(const cn_job *job, const cn_loop *columns, cn_walk *walk)
{
    if (job->plan.cols)
        cn_make_walk(&job->plan.reduced, columns, CN_BLOCK_ROWS, CN_MAX_COLS, walk);
    else
        cn_make_walk(&job->plan.reduced, NULL, 0, CN_BLOCK, walk);
}

static void span_moments(const cn_job *job, const cn_walk *walk, const char *x, ptrdiff_t span, double *slot,
                         char *packed)
{
    ptrdiff_t from = span * CN_SPAN, to = from + CN_SPAN < walk->n_blocks ? from + CN_SPAN : walk->n_blocks;
    memset(slot, 0, (size_t)slot_size(job) * sizeof *slot);
    cn_columns acc = open_slot(job, slot);
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_tile_moments(job->k, walk, &block, x, job->plan.cols, job->kind == CN_VAR, &acc, packed);
    }
    slot[0] = acc.count;
}

static void unit_moments(const cn_job *job, const cn_walk *walk, const char *x, const cn_scratch *s)
{
    span_moments(job, walk, x, 0, s->unit, s->packed);
    for (ptrdiff_t i = 1; i < job->spans; i++) {
        span_moments(job, walk, x, i, s->span, s->packed);
        merge_slot(job, s->unit, s->span);
    }
}

/* Statistics as apply wants them, element i of hi, lo, scale: the mean in two words of the compute type. */
static void put_params(const cn_job *job, char *hi, char *lo, char *scale, ptrdiff_t i, double mean,
                       double mean_lo, double factor)
{
    if (job->k->param_size == 8) {
        ((double *)hi)[i] = mean, ((double *)lo)[i] = mean_lo, ((double *)scale)[i] = factor;
    } else {
        float h = (float)mean;
        ((float *)hi)[i] = h, ((float *)lo)[i] = (float)((mean - h) + mean_lo);
        ((float *)scale)[i] = (float)factor;
    }
}

/* Writes a finished unit to stats and, for the fused schedule, to its own parameters. */
static void finish_unit(const cn_job *job, const double *slot, const cn_loop *columns, ptrdiff_t stat,
                        char *params)
{
    ptrdiff_t w = job->width, n = job->plan.cols ? columns->n : 1, each = w * job->k->param_size;
    for (ptrdiff_t c = 0; c < n; c++) {
        cn_partial p = {slot[0], slot[1 + c], slot[1 + w + c], slot[1 + 2 * w + c]};
        if (job->stats) job->stats[stat + c * columns->stride[CN_STAT]] = p;
        if (params)
            put_params(job, params, params + each, params + 2 * each, c, p.mean, p.mean_lo,
                       cn_scale(&p, job->kind, job->eps));
    }
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
    cn_scratch s = open_scratch(job, thread);
    cn_walk walk, spread = job->spread;
    ptrdiff_t offset[CN_NOPERANDS], each = job->width * job->k->param_size, width = -1;
    cn_params params = {s.params, s.params + each, s.params + 2 * each};
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_loop columns = locate_unit(job, u, offset);
        if (width != columns.n) {
            walk_unit(job, &columns, &walk);
            if (job->plan.cols) {
                cn_loop own = columns;
                own.stride[CN_STAT] = 1; /* the unit's parameters lie side by side */
                cn_make_walk(&job->plan.spread, &own, 0, CN_BLOCK, &spread);
            }
            width = columns.n;
        }
        unit_moments(job, &walk, job->call->op[CN_X].data + offset[CN_X], &s);
        finish_unit(job, s.unit, &columns, offset[CN_STAT], s.params);
        apply_blocks(job, &spread, offset, &params, s.packed, 0, spread.n_blocks);
    }
}

static void span_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = open_scratch(job, thread);
    ptrdiff_t offset[CN_NOPERANDS];
    cn_walk walk;
    for (ptrdiff_t i = begin; i < end; i++) {
        cn_loop columns = locate_unit(job, i / job->spans, offset);
        walk_unit(job, &columns, &walk);
        double *slot = job->slots ? job->slots + i * slot_size(job) : s.unit;
        span_moments(job, &walk, job->call->op[CN_X].data + offset[CN_X], i % job->spans, slot, s.packed);
        if (!job->slots) finish_unit(job, slot, &columns, offset[CN_STAT], NULL);
    }
}

static void merge_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    ptrdiff_t offset[CN_NOPERANDS];
    (void)thread;
    for (ptrdiff_t u = begin; u < end; u++) {
        cn_loop columns = locate_unit(job, u, offset);
        double *slots = job->slots + u * job->spans * slot_size(job);
        for (ptrdiff_t i = 1; i < job->spans; i++) merge_slot(job, slots, slots + i * slot_size(job));
        finish_unit(job, slots, &columns, offset[CN_STAT], NULL);
    }
}

static void apply_task(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const cn_job *job = context;
    cn_scratch s = open_scratch(job, thread);
    ptrdiff_t size = job->k->param_size, each = job->call->n_stats * size;
    const char *first = job->params + job->plan.start[CN_STAT] * size;
    cn_params params = {first, first + each, first + 2 * each};
    apply_blocks(job, &job->spread, job->plan.start, &params, s.packed, begin, end);
}

static void open_job(cn_job *job, const cn_call *call, cn_kind kind, double eps, cn_partial *stats)
{
    job->call = call, job->k = &isa->kernels[call->dtype], job->kind = kind, job->eps = eps, job->stats = stats;
    job->slots = NULL, job->params = NULL, job->scratch = NULL;
    cn_make_plan(call, &job->plan);
    cn_walk walk;
    cn_loop columns = job->plan.columns;
    job->width = 1, job->units = cn_count(&job->plan.kept);
    if (job->plan.cols) {
        job->width = columns.n < CN_MAX_COLS ? columns.n : CN_MAX_COLS;
        job->units *= (columns.n + job->width - 1) / job->width;
        columns.n = job->width;
    } else {
        memset(&job->plan.columns, 0, sizeof job->plan.columns);
    }
    walk_unit(job, &columns, &walk);
    job->spans = (walk.n_blocks + CN_SPAN - 1) / CN_SPAN;
    job->elements = cn_count(&job->plan.reduced) * job->width;
}

static cn_status close_job(cn_job *job, cn_status status)
{
    free(job->slots);
    free(job->params);
    free(job->scratch);
    return status;
}

/* Phase one: stats of every unit. Needs job->stats and scratch. */
static cn_status all_moments(cn_job *job, int threads)
{
    if (job->spans > 1) {
        job->slots = malloc((size_t)(job->units * job->spans * slot_size(job)) * sizeof(double));
        if (!job->slots) return CN_NO_MEMORY;
    }
    cn_parallel(job->units * job->spans, threads, span_task, job);
    if (job->slots) cn_parallel(job->units, threads, merge_task, job);
    return CN_OK;
}

/* Phase two: y from params. */
static void all_apply(cn_job *job, int threads)
{
    cn_make_walk(&job->plan.all, NULL, 0, CN_BLOCK, &job->spread);
    cn_parallel(job->spread.n_blocks, threads, apply_task, job);
}

cn_status cn_moments(const cn_call *call, cn_partial *stats)
{
    cn_job job;
    open_job(&job, call, CN_VAR, 0, stats);
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
    open_job(&job, call, kind, eps, stats);
    int threads = cn_threads_for(job.units * job.elements);
    if (allocate(&job, threads) != CN_OK) return CN_NO_MEMORY;
    if (fuses(&job, threads)) {
        if (!job.plan.cols) cn_make_walk(&job.plan.spread, NULL, 0, CN_BLOCK, &job.spread);
        cn_parallel(job.units, threads, fused_task, &job);
        return close_job(&job, CN_OK);
    }
    cn_partial *own = NULL;
    if (!stats) job.stats = own = malloc((size_t)call->n_stats * sizeof *own);
    ptrdiff_t each = call->n_stats * job.k->param_size;
    job.params = malloc((size_t)(3 * each));
    cn_status status = job.stats && job.params ? all_moments(&job, threads) : CN_NO_MEMORY;
    if (status == CN_OK) {
        for (ptrdiff_t i = 0; i < call->n_stats; i++)
            put_params(&job, job.params, job.params + each, job.params + 2 * each, i, job.stats[i].mean,
                       job.stats[i].mean_lo, cn_scale(&job.stats[i], kind, eps));
        all_apply(&job, threads);
    }
    free(own);
    return close_job(&job, status);
}

cn_status cn_apply(const cn_call *call, const double *center, const double *scale)
{
    cn_job job;
    open_job(&job, call, CN_VAR, 0, NULL);
    int threads = cn_threads_for(job.units * job.elements);
    ptrdiff_t each = call->n_stats * job.k->param_size;
    job.params = malloc((size_t)(3 * each));
    if (allocate(&job, threads) != CN_OK || !job.params) return close_job(&job, CN_NO_MEMORY);
    for (ptrdiff_t i = 0; i < call->n_stats; i++)
        put_params(&job, job.params, job.params + each, job.params + 2 * each, i, center[i], 0, scale[i]);
    all_apply(&job, threads);
    return close_job(&job, CN_OK);
}
