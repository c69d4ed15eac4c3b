/* unit.c: how a call falls into units, blocks and spans, and the moments of a unit.
 *
 * Blocks are merged in order within spans of CN_SPAN blocks, the spans in order into the unit: this tree
 * depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "unit.h"

#include <string.h>

#include "extreme.h"
#include "mask.h"
#include "masked.h"
#include "moments.h"
#include "residual.h"

#define CN_SPAN 16

/* Short groups taken together: at most so many groups and elements. A unit costs 90 ns beside its elements;
 * those, read twice, should be in L1 or L2 still (layer_norm (128, 768): 2048 elements 30.4 us, 4096 26.5,
 * 8192 26.0 on Zen 3). */
#define CN_BATCH 128
#define CN_BATCH_ELEMENTS 8192
/* Columns with masks of their own are taken one by one, from blocks that stay in L2. */
#define CN_OWN_MASKS 32

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
    if (job->each) {
        for (ptrdiff_t c = 0; c < job->width; c++) cn_merge((cn_partial *)to + c, (const cn_partial *)from + c);
        return;
    }
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
    char *x = params + CN_N_PARAMS * job->width * job->repeat * (ptrdiff_t)sizeof(double);
    char *packed = x + cn_passing_bytes(job);
    return (cn_scratch){slot, slot + size, slot + 2 * size, factors, params, packed > x ? x : NULL, packed};
}

void cn_locate_unit(const cn_job *job, ptrdiff_t u, cn_unit *unit)
{
    cn_loop columns = job->plan.columns;
    ptrdiff_t tiles = (columns.n + job->width - 1) / job->width, outer = u, first = 0;
    for (int o = 0; o < CN_NOPERANDS; o++) unit->offset[o] = job->plan.start[o];
    if (tiles > 1) {
        outer = u / tiles, first = u % tiles * job->width;
        for (int o = 0; o < CN_NOPERANDS; o++) unit->offset[o] += first * columns.stride[o];
    }
    cn_locate(&job->plan.kept, outer, unit->offset);
    columns.n = columns.n - first < job->width ? columns.n - first : job->width;
    unit->columns = columns;
}

/* Are columns read side by side? */
static int reads_columns(const cn_job *job) { return job->plan.cols && !job->each; }

void cn_walk_moments(const cn_job *job, const cn_loop *columns, cn_walk *walk)
{
    if (reads_columns(job))
        cn_make_walk(&job->plan.reduced, columns, CN_BLOCK_ROWS * job->fold, CN_MAX_GROUPS, walk);
    else
        cn_make_walk(&job->plan.reduced, NULL, 0, CN_BLOCK, walk);
}

/* Elements of a block of apply: what is packed first should stay in L1. */
static ptrdiff_t applied(const cn_job *job, ptrdiff_t columns)
{
    if (job->plan.cols && cn_rows_in_one(columns) > 1)
        return cn_curved(job->call->activation) ? 4 * CN_BLOCK : CN_PACKED / 2;
    return job->packs || cn_curved(job->call->activation) ? CN_BLOCK : CN_APPLIED;
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

/* A span of groups with masks of their own: block by block, so that columns find theirs in the cache. */
static void own_span(const cn_job *job, const cn_walk *walk, const cn_unit *unit, ptrdiff_t from, ptrdiff_t to,
                     cn_partial *slot, const cn_scratch *s)
{
    const cn_loop *columns = &unit->columns, one = {.n = 1};
    const char *x = s->x ? s->x : job->call->op[CN_X].data + unit->offset[CN_X];
    const cn_reading how = {job->k, walk, &one, 1, 0, job->kind == CN_VAR, s->packed};
    memset(slot, 0, (size_t)columns->n * sizeof *slot);
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_add_block(job, walk, unit, &block, s->x);
        for (ptrdiff_t c = 0; c < columns->n; c++) {
            const char *mask = job->mask;
            if (mask) mask += unit->offset[CN_M] + c * columns->stride[CN_M];
            cn_acc acc = {slot[c].count, &slot[c].mean, &slot[c].mean_lo, &slot[c].m2};
            cn_masked_moments(&how, mask, &block, x + c * columns->stride[CN_X], &acc, NULL);
            slot[c].count = acc.count;
        }
    }
}

void cn_span_moments(const cn_job *job, const cn_walk *walk, const cn_unit *unit, ptrdiff_t span, double *slot,
                     const cn_scratch *s)
{
    ptrdiff_t from = span * CN_SPAN, to = from + CN_SPAN < walk->n_blocks ? from + CN_SPAN : walk->n_blocks;
    if (job->each) {
        own_span(job, walk, unit, from, to, (cn_partial *)slot, s);
        return;
    }
    slot[0] = 0;
    cn_acc acc = open_slot(slot, job->width), folded = open_slot(s->folded, job->fold * job->width);
    folded.count = 0;
    const int cols = job->plan.cols;
    const cn_reading how = {job->k, walk, &unit->columns, job->fold, cols, job->kind == CN_VAR, s->packed};
    const char *x = s->x ? s->x : job->call->op[CN_X].data + unit->offset[CN_X];
    const char *mask = job->mask ? job->mask + unit->offset[CN_M] : NULL;
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_walk_block(walk, i);
        cn_add_block(job, walk, unit, &block, s->x);
        cn_masked_moments(&how, mask, &block, x, &acc, &folded);
    }
    if (job->fold > 1) unfold(job, &acc, &folded);
    slot[0] = acc.count;
}

void cn_unit_moments(const cn_job *job, const cn_walk *walk, const cn_unit *unit, const cn_scratch *s)
{
    cn_span_moments(job, walk, unit, 0, s->unit, s);
    for (ptrdiff_t i = 1; i < job->spans; i++) {
        cn_span_moments(job, walk, unit, i, s->span, s);
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

/* Is column c of the unit hidden as a whole? */
static int hidden(const cn_job *job, const cn_unit *unit, ptrdiff_t c)
{
    const ptrdiff_t step = unit->columns.stride[CN_M];
    return job->mask && step && !job->mask[unit->offset[CN_M] + c * step];
}

/* Zeros for groups of which nothing is shown; their apply is skipped. */
static void blank(const cn_job *job, const cn_unit *unit, cn_acc *acc)
{
    for (ptrdiff_t c = 0; c < unit->columns.n; c++)
        if (acc->count == 0 || hidden(job, unit, c)) acc->mean[c] = acc->mean_lo[c] = acc->m2[c] = 0;
}

/* The parameters from c on of a group of doubles, made anew if its squares leave float64. */
static void check_extreme(const cn_job *job, const cn_partial *of, ptrdiff_t stat, cn_params *params, ptrdiff_t c,
                          ptrdiff_t times)
{
    if (of->count > 0 && cn_is_extreme(of->mean, of->m2, of->count, job->kind, job->eps))
        cn_read_extreme(job->call, stat, job->kind, job->eps, params, c, times);
}

/* As cn_finish_unit, for groups with masks of their own. */
static void finish_own(const cn_job *job, const cn_partial *slot, const cn_unit *unit, cn_params *params)
{
    const ptrdiff_t n = unit->columns.n, stat = unit->offset[CN_STAT], step = unit->columns.stride[CN_STAT];
    for (ptrdiff_t c = 0; c < n; c++) {
        double factor = 0;
        if (job->stats) job->stats[stat + c * step] = slot[c];
        if (!params) continue;
        if (slot[c].count > 0) cn_scales(&factor, &slot[c].m2, 1, slot[c].count, job->kind, job->eps);
        cn_put_param(params, job->k, c, slot[c].mean, slot[c].mean_lo, factor);
        if (job->k->param_size == sizeof(double)) check_extreme(job, &slot[c], stat + c * step, params, c, 1);
    }
    if (params && job->repeat > 1) cn_repeat_params(params, job->k->param_size, n, job->repeat);
}

void cn_finish_unit(const cn_job *job, double *slot, const cn_unit *unit, double *factors, cn_params *params)
{
    const ptrdiff_t n = unit->columns.n, refined = job->plan.refined, stat = unit->offset[CN_STAT];
    if (job->each) {
        finish_own(job, (cn_partial *)slot, unit, params);
        return;
    }
    cn_acc acc = open_slot(slot, job->width);
    if (job->mask) blank(job, unit, &acc);
    if (refined > 1) coarsen(refined, &acc, n);
    if (job->stats)
        for (ptrdiff_t c = 0; c < n; c += refined)
            job->stats[(stat + c * unit->columns.stride[CN_STAT]) / refined] =
                (cn_partial){hidden(job, unit, c) ? 0 : acc.count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
    if (!params) return;
    cn_scales(factors, acc.m2, n, acc.count > 0 ? acc.count : 1, job->kind, job->eps);
    cn_put_params(params, job->k, 0, n, acc.mean, acc.mean_lo, factors);
    if (job->k->param_size == sizeof(double))
        for (ptrdiff_t c = 0; c < n; c += refined) {
            const cn_partial of = {hidden(job, unit, c) ? 0 : acc.count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
            const ptrdiff_t i = (stat + c * unit->columns.stride[CN_STAT]) / refined;
            check_extreme(job, &of, i, params, c, refined);
        }
    if (job->repeat > 1) cn_repeat_params(params, job->k->param_size, n, job->repeat);
}

size_t cn_scratch_size(const cn_job *job)
{
    ptrdiff_t folded = job->fold > 1 ? 1 + 3 * job->fold * job->width : 0;
    size_t rows = job->plan.cols ? 5 * CN_MAX_GROUPS : 0;
    size_t packed = (job->packs || job->mask ? rows + 2 * CN_PACKED : rows) * sizeof(double);
    if (cn_curved(job->call->activation)) packed += (size_t)((job->plan.cols ? 4 : 1) * CN_BLOCK * job->k->size);
    size_t doubles = (size_t)(2 * cn_slot_size(job) + folded + (1 + CN_N_PARAMS * job->repeat) * job->width);
    packed += (size_t)cn_passing_bytes(job);
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

/* Do the masks of neighbouring groups differ in more than all or nothing? */
static int own_masks(const cn_plan *plan)
{
    int varies = 0;
    for (int i = 0; i < plan->reduced.n; i++) varies |= plan->reduced.loop[i].stride[CN_M] != 0;
    return varies && plan->columns.stride[CN_M] != 0;
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
    if (!reads_columns(job) || columns->n > CN_NARROW_MOMENTS || plan->reduced.n == 0) return 1;
    const cn_loop *rows = &plan->reduced.loop[plan->reduced.n - 1];
    ptrdiff_t fold = CN_FOLDED / columns->n;
    int contiguous = columns->stride[CN_X] == job->k->size && rows->stride[CN_X] == columns->n * job->k->size;
    return contiguous && rows->n >= CN_BLOCK_ROWS * fold ? fold : 1;
}

void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats)
{
    job->call = call, job->k = k, job->kind = kind, job->eps = eps, job->stats = stats;
    job->rows = NULL, job->slots = NULL, job->params_memory = NULL, job->scratch = NULL;
    job->small_used = 0, job->passing = 0;
    cn_make_plan(call, &job->plan);
    job->mask = cn_mask_of(call);
    job->each = own_masks(&job->plan);
    job->packs = strided(job);
    cn_loop *columns = &job->plan.columns;
    ptrdiff_t group = cn_count(&job->plan.reduced), most = CN_MAX_GROUPS;
    if (job->each && job->plan.cols) {
        most = CN_OWN_MASKS;
    } else if (!job->plan.cols) {
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
