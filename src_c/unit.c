/* unit.c: how a call falls into units, blocks and spans, and the moments of a unit.
 *
 * Blocks are merged in order within spans of CN_SPAN blocks, the spans in order into the unit: this tree
 * depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "unit.h"

#include <string.h>

#include "moments.h"
#include "tile.h"

#define CN_SPAN 16

/* Short groups taken together: at most so many groups and elements. A unit costs 90 ns beside its elements;
 * those, read twice, should be in L1 or L2 still (layer_norm (128, 768): 2048 elements 30.4 us, 4096 26.5,
 * 8192 26.0 on Zen 3). */
#define CN_BATCH 128
#define CN_BATCH_ELEMENTS 8192

/* A block of apply costs 60 ns beside its elements. */
#define CN_APPLIED 16384

static cn_acc open_slot(double *slot, ptrdiff_t width)
{
    return (cn_acc){slot[0], slot + 1, slot + 1 + width, slot + 1 + 2 * width};
}

/* n groups of from, first ones at offset, merge into n groups of to (Chan, Golub & LeVeque). */
static void merge_groups(cn_acc *to, const cn_acc *from, ptrdiff_t offset, ptrdiff_t n)
{
    double *restrict mean = to->mean, *restrict lo = to->mean_lo, *restrict m2 = to->m2;
    const double *restrict mean2 = from->mean + offset, *restrict lo2 = from->mean_lo + offset;
    const double *restrict m22 = from->m2 + offset;
    if (from->count == 0) return;
    double count = to->count + from->count, part = from->count / count, weight = to->count * part;
    for (ptrdiff_t c = 0; c < n && to->count == 0; c++) mean[c] = mean2[c], lo[c] = lo2[c], m2[c] = m22[c];
    for (ptrdiff_t c = 0; c < n && to->count != 0; c++) {
        double delta = (mean2[c] - mean[c]) + (lo2[c] - lo[c]), hi, rest;
        cn_two_sum(mean[c], lo[c] + delta * part, &hi, &rest);
        mean[c] = hi == hi ? hi : mean[c] + mean2[c]; /* infinities */
        lo[c] = hi - hi == 0 ? rest : 0;
        m2[c] += m22[c] + delta * delta * weight;
    }
    to->count = count;
}

void cn_merge_slot(const cn_job *job, double *to, const double *from)
{
    cn_acc a = open_slot(to, job->width), b = open_slot((double *)from, job->width);
    merge_groups(&a, &b, 0, job->width);
    to[0] = a.count;
}

cn_scratch cn_open_scratch(const cn_job *job, int thread)
{
    double *slot = (double *)(job->scratch + (size_t)thread * job->scratch_size);
    ptrdiff_t size = cn_slot_size(job), folded = job->fold > 1 ? 1 + 3 * job->fold * job->width : 0;
    double *factors = slot + 2 * size + folded;
    char *params = (char *)(factors + job->width);
    return (cn_scratch){
        slot,    slot + size, slot + 2 * size,
        factors, params,      params + CN_N_PARAMS * job->width * job->repeat * (ptrdiff_t)sizeof(double)};
}

cn_loop cn_locate_unit(const cn_job *job, ptrdiff_t u, ptrdiff_t offset[CN_NOPERANDS])
{
    cn_loop columns = job->plan.columns;
    ptrdiff_t tiles = (columns.n + job->width - 1) / job->width, outer = u, first = 0;
    for (int o = 0; o < CN_NOPERANDS; o++) offset[o] = job->plan.start[o];
    if (tiles > 1) {
        outer = u / tiles, first = u % tiles * job->width;
        for (int o = 0; o < CN_NOPERANDS; o++) offset[o] += first * columns.stride[o];
    }
    cn_locate(&job->plan.kept, outer, offset);
    columns.n = columns.n - first < job->width ? columns.n - first : job->width;
    return columns;
}

void cn_walk_moments(const cn_job *job, const cn_loop *columns, cn_walk *walk)
{
    if (job->plan.cols)
        cn_make_walk(&job->plan.reduced, columns, CN_BLOCK_ROWS * job->fold, CN_MAX_GROUPS, walk);
    else
        cn_make_walk(&job->plan.reduced, NULL, 0, CN_BLOCK, walk);
}

/* Elements of a block of apply: what is packed first should stay in L1. */
static ptrdiff_t applied(const cn_job *job, ptrdiff_t columns)
{
    if (job->plan.cols && cn_rows_in_one(columns) > 1) return CN_PACKED / 2;
    return job->packs ? CN_BLOCK : CN_APPLIED;
}

void cn_walk_apply(const cn_job *job, const cn_loop *columns, cn_walk *walk)
{
    cn_loop own = *columns;
    own.stride[CN_STAT] = 1;
    if (job->plan.cols) {
        cn_make_walk(&job->plan.spread, &own, 0, applied(job, own.n), walk);
        return;
    }
    cn_loops loops;
    const int merged = job->repeat > 1;
    if (merged) { /* every row of a group has statistics of its own then */
        own.n *= job->repeat;
        memcpy(own.stride, job->plan.spread.loop[0].stride, sizeof own.stride);
        own.stride[CN_STAT] = 1;
    }
    loops.n = 1 + job->plan.spread.n - merged;
    loops.loop[0] = own;
    memcpy(loops.loop + 1, job->plan.spread.loop + merged, (size_t)(loops.n - 1) * sizeof(cn_loop));
    if (loops.n == 1) loops.loop[loops.n++] = (cn_loop){.n = 1}; /* groups of one element */
    cn_make_walk(&loops, NULL, 0, applied(job, 0), walk);
}

void cn_walk_all(const cn_job *job, cn_walk *walk)
{
    cn_make_walk(&job->plan.all, NULL, 0, applied(job, job->plan.columns.n), walk);
}

/* The folded accumulators join the plain ones, in order. */
static void unfold(const cn_job *job, cn_acc *acc, const cn_acc *folded)
{
    for (ptrdiff_t i = 0; i < job->fold; i++) merge_groups(acc, folded, i * job->width, job->width);
}

void cn_span_moments(const cn_job *job, const cn_walk *walk, const cn_loop *columns, const char *x, ptrdiff_t span,
                     double *slot, const cn_scratch *s)
{
    ptrdiff_t from = span * CN_SPAN, to = from + CN_SPAN < walk->n_blocks ? from + CN_SPAN : walk->n_blocks;
    slot[0] = 0;
    cn_acc acc = open_slot(slot, job->width), folded = open_slot(s->folded, job->fold * job->width);
    folded.count = 0;
    const cn_reading how = {job->k, walk, columns, job->fold, job->plan.cols, job->kind == CN_VAR, s->packed};
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_tile_moments(&how, &block, x, &acc, &folded);
    }
    if (job->fold > 1) unfold(job, &acc, &folded);
    slot[0] = acc.count;
}

void cn_unit_moments(const cn_job *job, const cn_walk *walk, const cn_loop *columns, const char *x,
                     const cn_scratch *s)
{
    cn_span_moments(job, walk, columns, x, 0, s->unit, s);
    for (ptrdiff_t i = 1; i < job->spans; i++) {
        cn_span_moments(job, walk, columns, x, i, s->span, s);
        cn_merge_slot(job, s->unit, s->span);
    }
}

/* Merges each refined group and gives all its columns the result. */
static void coarsen(ptrdiff_t refined, cn_acc *acc, ptrdiff_t n)
{
    for (ptrdiff_t g = 0; g < n; g += refined) {
        cn_partial p = {0, 0, 0, 0};
        for (ptrdiff_t c = g; c < g + refined; c++) {
            cn_partial one = {acc->count, acc->mean[c], acc->mean_lo[c], acc->m2[c]};
            cn_merge(&p, &one);
        }
        for (ptrdiff_t c = g; c < g + refined; c++)
            acc->mean[c] = p.mean, acc->mean_lo[c] = p.mean_lo, acc->m2[c] = p.m2;
    }
    acc->count *= (double)refined;
}

void cn_finish_unit(const cn_job *job, double *slot, const cn_loop *columns, ptrdiff_t stat, double *factors,
                    cn_params *params)
{
    const ptrdiff_t n = columns->n, refined = job->plan.refined;
    cn_acc acc = open_slot(slot, job->width);
    if (refined > 1) coarsen(refined, &acc, n);
    if (job->stats)
        for (ptrdiff_t c = 0; c < n; c += refined)
            job->stats[(stat + c * columns->stride[CN_STAT]) / refined] =
                (cn_partial){acc.count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
    if (!params) return;
    cn_scales(factors, acc.m2, n, acc.count, job->kind, job->eps);
    cn_put_params(params, job->k->param_size, 0, n, acc.mean, acc.mean_lo, factors);
    if (job->repeat > 1) cn_repeat_params(params, job->k->param_size, n, job->repeat);
}

size_t cn_scratch_size(const cn_job *job)
{
    ptrdiff_t folded = job->fold > 1 ? 1 + 3 * job->fold * job->width : 0;
    size_t rows = job->plan.cols ? 5 * CN_MAX_GROUPS : 0;
    size_t packed = (job->packs ? rows + 2 * CN_PACKED : rows) * sizeof(double);
    size_t doubles = (size_t)(2 * cn_slot_size(job) + folded + (1 + CN_N_PARAMS * job->repeat) * job->width);
    return (doubles * sizeof(double) + packed + 63) / 64 * 64 + 64; /* no cache line is shared */
}

/* Are elements, or parameters, of the innermost loop apart? */
static int strided(const cn_job *job)
{
    const cn_loops *all = &job->plan.all;
    if (all->n == 0) return 0;
    const ptrdiff_t *in = all->loop[all->n - 1].stride, size = job->k->param_size;
    return in[CN_X] != job->k->size || (job->call->op[CN_Y].data && in[CN_Y] != job->k->size) ||
           (in[CN_W] && in[CN_W] != size) || (in[CN_B] && in[CN_B] != size) || (in[CN_STAT] && in[CN_STAT] != 1);
}

/* Rows of a group that can be applied as rows of all groups of a unit (few channels of a GroupNorm): a
 * block for each group would cost more than its elements. */
static ptrdiff_t repeated(const cn_plan *plan, ptrdiff_t width)
{
    if (plan->cols || plan->spread.n < 2 || width < 2) return 1;
    const cn_loop *rows = &plan->spread.loop[0];
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (o != CN_STAT && plan->columns.stride[o] != rows->stride[o] * rows->n) return 1;
    return rows->n;
}

static ptrdiff_t folding(const cn_job *job)
{
    const cn_plan *plan = &job->plan;
    const cn_loop *columns = &plan->columns;
    if (!plan->cols || columns->n > CN_NARROW_MOMENTS || plan->reduced.n == 0) return 1;
    const cn_loop *rows = &plan->reduced.loop[plan->reduced.n - 1];
    ptrdiff_t fold = CN_FOLDED / columns->n;
    int contiguous = columns->stride[CN_X] == job->k->size && rows->stride[CN_X] == columns->n * job->k->size;
    return contiguous && rows->n >= CN_BLOCK_ROWS * fold ? fold : 1;
}

void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats)
{
    job->call = call, job->k = k, job->kind = kind, job->eps = eps, job->stats = stats;
    job->slots = NULL, job->params_memory = NULL, job->scratch = NULL, job->small_used = 0;
    cn_make_plan(call, &job->plan);
    job->packs = strided(job);
    cn_loop *columns = &job->plan.columns;
    ptrdiff_t group = cn_count(&job->plan.reduced), most = CN_MAX_GROUPS;
    if (!job->plan.cols) {
        ptrdiff_t batch = CN_BATCH_ELEMENTS / group;
        most = group >= CN_BLOCK || batch < 1 ? 1 : batch < CN_BATCH ? batch : CN_BATCH;
    }
    most -= most % job->plan.refined;
    job->width = columns->n < most ? columns->n : most;
    job->units = cn_count(&job->plan.kept) * ((columns->n + job->width - 1) / job->width);
    job->fold = folding(job);
    job->repeat = repeated(&job->plan, job->width);
    job->elements = group * job->width;
    cn_walk walk;
    cn_loop unit = *columns;
    unit.n = job->width;
    cn_walk_moments(job, &unit, &walk);
    job->spans = (walk.n_blocks + CN_SPAN - 1) / CN_SPAN;
}
