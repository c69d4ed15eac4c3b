/* job.c: how a call falls into bundles, blocks and segments, and the moments of a bundle.
 *
 * Blocks are merged in order within segments of CN_SEGMENT blocks, the segments in order into the bundle: this
 * tree depends on the shape of a group alone, never on threads, schedule or how many groups there are. */
#include "call/job.h"

#include <string.h>

#include "call/extreme.h"
#include "call/mask.h"
#include "call/masked.h"
#include "kernels/moments.h"
#include "call/residual.h"

#define CN_SEGMENT 16

/* Short groups taken together: at most so many groups and elements. A bundle costs 90 ns beside its elements;
 * those, read twice, should be in L1 or L2 still (layer_norm (128, 768): 2048 elements 30.4 us, 4096 26.5,
 * 8192 26.0 on Zen 3). */
#define CN_BATCH 128
#define CN_BATCH_ELEMENTS 8192
/* Columns with masks of their own are taken one by one, from blocks that stay in L2. */
#define CN_OWN_MASKS 32

/* A block of apply costs 60 ns beside its elements. */
#define CN_APPLIED 16384

static cn_moments_view open_partials(double *partials, ptrdiff_t width)
{
    return (cn_moments_view){partials[0], partials + 1, partials + 1 + width, partials + 1 + 2 * width};
}

/* n groups of from, first ones at offset, merge into n groups of to (Chan, Golub & LeVeque). */
static void merge_groups(cn_moments_view *to, const cn_moments_view *from, ptrdiff_t offset, ptrdiff_t n)
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

void cn_merge_partials(const cn_job *job, double *to, const double *from)
{
    if (job->mask_per_group) {
        for (ptrdiff_t c = 0; c < job->width; c++) cn_merge((cn_partial *)to + c, (const cn_partial *)from + c);
        return;
    }
    cn_moments_view a = open_partials(to, job->width), b = open_partials((double *)from, job->width);
    merge_groups(&a, &b, 0, job->width);
    to[0] = a.count;
}

cn_scratch cn_open_scratch(const cn_job *job, int thread)
{
    double *partials = (double *)(job->scratch + (size_t)thread * job->scratch_size);
    ptrdiff_t size = cn_partials_size(job),
              joined = job->joined_rows > 1 ? 1 + 3 * job->joined_rows * job->width : 0;
    double *factors = partials + 2 * size + joined;
    char *params = (char *)(factors + job->width);
    char *x = params + CN_N_PARAMS * job->width * job->rows_as_groups * (ptrdiff_t)sizeof(double);
    char *packed = x + cn_sum_bytes(job);
    return (cn_scratch){partials, partials + size, partials + 2 * size, factors, params, packed > x ? x : NULL,
                        packed};
}

void cn_locate_bundle(const cn_job *job, ptrdiff_t u, cn_bundle *bundle)
{
    cn_loop columns = job->plan.columns;
    ptrdiff_t tiles = (columns.n + job->width - 1) / job->width, outer = u, first = 0;
    for (int o = 0; o < CN_NOPERANDS; o++) bundle->offset[o] = job->plan.start[o];
    if (tiles > 1) {
        outer = u / tiles, first = u % tiles * job->width;
        for (int o = 0; o < CN_NOPERANDS; o++) bundle->offset[o] += first * columns.stride[o];
    }
    cn_locate(&job->plan.kept, outer, bundle->offset);
    columns.n = columns.n - first < job->width ? columns.n - first : job->width;
    bundle->columns = columns;
}

/* Are columns read side by side? */
static int reads_columns(const cn_job *job) { return job->plan.cols && !job->mask_per_group; }

void cn_tiling_of_moments(const cn_job *job, const cn_loop *columns, cn_tiling *tiling)
{
    if (reads_columns(job))
        cn_make_tiling(&job->plan.reduced, columns, CN_BLOCK_ROWS * job->joined_rows, CN_MAX_GROUPS, tiling);
    else
        cn_make_tiling(&job->plan.reduced, NULL, 0, CN_BLOCK, tiling);
}

/* Elements of a block of apply: what is packed first should stay in L1. */
static ptrdiff_t applied(const cn_job *job, ptrdiff_t columns)
{
    if (job->plan.cols && cn_joined_rows_of(columns) > 1)
        return cn_curved(job->call->activation) ? 4 * CN_BLOCK : CN_PACKED / 2;
    return job->needs_packing || cn_curved(job->call->activation) ? CN_BLOCK : CN_APPLIED;
}

void cn_tiling_of_apply(const cn_job *job, const cn_loop *columns, cn_tiling *tiling)
{
    cn_loop own = *columns;
    own.stride[CN_STAT] = 1;
    if (job->plan.cols) {
        cn_make_tiling(&job->plan.spread, &own, 0, applied(job, own.n), tiling);
        return;
    }
    cn_loops loops;
    const int merged = job->rows_as_groups > 1;
    if (merged) { /* every row of a group has statistics of its own then */
        own.n *= job->rows_as_groups;
        memcpy(own.stride, job->plan.spread.loop[0].stride, sizeof own.stride);
        own.stride[CN_STAT] = 1;
    }
    loops.n = 1 + job->plan.spread.n - merged;
    loops.loop[0] = own;
    memcpy(loops.loop + 1, job->plan.spread.loop + merged, (size_t)(loops.n - 1) * sizeof(cn_loop));
    if (loops.n == 1) loops.loop[loops.n++] = (cn_loop){.n = 1}; /* groups of one element */
    cn_make_tiling(&loops, NULL, 0, applied(job, 0), tiling);
}

void cn_tiling_of_all(const cn_job *job, cn_tiling *tiling)
{
    cn_make_tiling(&job->plan.all, NULL, 0, applied(job, job->plan.columns.n), tiling);
}

/* The joined accumulators join the plain ones, in order. */
static void merge_joined(const cn_job *job, cn_moments_view *acc, const cn_moments_view *joined)
{
    for (ptrdiff_t i = 0; i < job->joined_rows; i++) merge_groups(acc, joined, i * job->width, job->width);
}

/* A segment of groups with masks of their own: block by block, so that columns find theirs in the cache. */
static void masked_segment(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t from,
                           ptrdiff_t to, cn_partial *partials, const cn_scratch *s)
{
    const cn_loop *columns = &bundle->columns, one = {.n = 1};
    const char *x = s->x ? s->x : job->call->op[CN_X].data + bundle->offset[CN_X];
    const cn_reading how = {job->k, tiling, &one, 1, 0, job->kind == CN_VAR, s->packed};
    memset(partials, 0, (size_t)columns->n * sizeof *partials);
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_tiling_block(tiling, i);
        cn_add_block(job, tiling, bundle, &block, s->x);
        for (ptrdiff_t c = 0; c < columns->n; c++) {
            const char *mask = job->mask;
            if (mask) mask += bundle->offset[CN_M] + c * columns->stride[CN_M];
            cn_moments_view acc = {partials[c].count, &partials[c].mean, &partials[c].mean_lo, &partials[c].m2};
            cn_masked_moments(&how, mask, &block, x + c * columns->stride[CN_X], &acc, NULL);
            partials[c].count = acc.count;
        }
    }
}

void cn_segment_moments(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, ptrdiff_t segment,
                        double *partials, const cn_scratch *s)
{
    ptrdiff_t from = segment * CN_SEGMENT,
              to = from + CN_SEGMENT < tiling->n_blocks ? from + CN_SEGMENT : tiling->n_blocks;
    if (job->mask_per_group) {
        masked_segment(job, tiling, bundle, from, to, (cn_partial *)partials, s);
        return;
    }
    partials[0] = 0;
    cn_moments_view acc = open_partials(partials, job->width),
                    joined = open_partials(s->joined, job->joined_rows * job->width);
    joined.count = 0;
    const int cols = job->plan.cols;
    const cn_reading how = {job->k,   tiling, &bundle->columns, job->joined_rows, cols, job->kind == CN_VAR,
                            s->packed};
    const char *x = s->x ? s->x : job->call->op[CN_X].data + bundle->offset[CN_X];
    const char *mask = job->mask ? job->mask + bundle->offset[CN_M] : NULL;
    for (ptrdiff_t i = from; i < to; i++) {
        cn_block block = cn_tiling_block(tiling, i);
        cn_add_block(job, tiling, bundle, &block, s->x);
        cn_masked_moments(&how, mask, &block, x, &acc, &joined);
    }
    if (job->joined_rows > 1) merge_joined(job, &acc, &joined);
    partials[0] = acc.count;
}

void cn_bundle_moments(const cn_job *job, const cn_tiling *tiling, const cn_bundle *bundle, const cn_scratch *s)
{
    cn_segment_moments(job, tiling, bundle, 0, s->bundle, s);
    for (ptrdiff_t i = 1; i < job->segments; i++) {
        cn_segment_moments(job, tiling, bundle, i, s->segment, s);
        cn_merge_partials(job, s->bundle, s->segment);
    }
}

/* Merges each refined group and gives all its columns the result. */
static void merge_refined(ptrdiff_t refined, cn_moments_view *acc, ptrdiff_t n)
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

/* Is column c of the bundle hidden as a whole? */
static int hidden(const cn_job *job, const cn_bundle *bundle, ptrdiff_t c)
{
    const ptrdiff_t step = bundle->columns.stride[CN_M];
    return job->mask && step && !job->mask[bundle->offset[CN_M] + c * step];
}

/* Zeros for groups of which nothing is shown; their apply is skipped. */
static void blank(const cn_job *job, const cn_bundle *bundle, cn_moments_view *acc)
{
    for (ptrdiff_t c = 0; c < bundle->columns.n; c++)
        if (acc->count == 0 || hidden(job, bundle, c)) acc->mean[c] = acc->mean_lo[c] = acc->m2[c] = 0;
}

/* The parameters from c on of a group of doubles, made anew if its squares leave float64. */
static void check_extreme(const cn_job *job, const cn_partial *of, ptrdiff_t stat, cn_params *params, ptrdiff_t c,
                          ptrdiff_t times)
{
    if (of->count > 0 && cn_is_extreme(of->mean, of->m2, of->count, job->kind, job->eps))
        cn_read_extreme(job->call, stat, job->kind, job->eps, params, c, times);
}

/* As cn_finish_bundle, for groups with masks of their own. */
static void finish_masked(const cn_job *job, const cn_partial *partials, const cn_bundle *bundle,
                          cn_params *params)
{
    const ptrdiff_t n = bundle->columns.n, stat = bundle->offset[CN_STAT], step = bundle->columns.stride[CN_STAT];
    for (ptrdiff_t c = 0; c < n; c++) {
        double factor = 0;
        if (job->stats) job->stats[stat + c * step] = partials[c];
        if (!params) continue;
        if (partials[c].count > 0) cn_scales(&factor, &partials[c].m2, 1, partials[c].count, job->kind, job->eps);
        cn_put_param(params, job->k, c, partials[c].mean, partials[c].mean_lo, factor);
        if (job->k->param_size == sizeof(double)) check_extreme(job, &partials[c], stat + c * step, params, c, 1);
    }
    if (params && job->rows_as_groups > 1) cn_repeat_params(params, job->k->param_size, n, job->rows_as_groups);
}

void cn_finish_bundle(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                      cn_params *params)
{
    const ptrdiff_t n = bundle->columns.n, refined = job->plan.refined, stat = bundle->offset[CN_STAT];
    if (job->mask_per_group) {
        finish_masked(job, (cn_partial *)partials, bundle, params);
        return;
    }
    cn_moments_view acc = open_partials(partials, job->width);
    if (job->mask) blank(job, bundle, &acc);
    if (refined > 1) merge_refined(refined, &acc, n);
    if (job->stats)
        for (ptrdiff_t c = 0; c < n; c += refined)
            job->stats[(stat + c * bundle->columns.stride[CN_STAT]) / refined] =
                (cn_partial){hidden(job, bundle, c) ? 0 : acc.count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
    if (!params) return;
    cn_scales(factors, acc.m2, n, acc.count > 0 ? acc.count : 1, job->kind, job->eps);
    cn_put_params(params, job->k, 0, n, acc.mean, acc.mean_lo, factors);
    if (job->k->param_size == sizeof(double))
        for (ptrdiff_t c = 0; c < n; c += refined) {
            const cn_partial of = {hidden(job, bundle, c) ? 0 : acc.count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
            const ptrdiff_t i = (stat + c * bundle->columns.stride[CN_STAT]) / refined;
            check_extreme(job, &of, i, params, c, refined);
        }
    if (job->rows_as_groups > 1) cn_repeat_params(params, job->k->param_size, n, job->rows_as_groups);
}

size_t cn_scratch_size(const cn_job *job)
{
    ptrdiff_t joined = job->joined_rows > 1 ? 1 + 3 * job->joined_rows * job->width : 0;
    size_t rows = job->plan.cols ? 5 * CN_MAX_GROUPS : 0;
    size_t packed = (job->needs_packing || job->mask ? rows + 2 * CN_PACKED : rows) * sizeof(double);
    if (cn_curved(job->call->activation)) packed += (size_t)((job->plan.cols ? 4 : 1) * CN_BLOCK * job->k->size);
    size_t doubles =
        (size_t)(2 * cn_partials_size(job) + joined + (1 + CN_N_PARAMS * job->rows_as_groups) * job->width);
    packed += (size_t)cn_sum_bytes(job);
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
static int masks_differ(const cn_plan *plan)
{
    int varies = 0;
    for (int i = 0; i < plan->reduced.n; i++) varies |= plan->reduced.loop[i].stride[CN_M] != 0;
    return varies && plan->columns.stride[CN_M] != 0;
}

/* Rows of a group that can be applied as rows of all groups of a bundle (few channels of a GroupNorm): a
 * block for each group would cost more than its elements. */
static ptrdiff_t count_rows_as_groups(const cn_plan *plan, ptrdiff_t width)
{
    if (plan->cols || plan->spread.n < 2 || width < 2) return 1;
    const cn_loop *rows = &plan->spread.loop[0];
    for (int o = 0; o < CN_NOPERANDS; o++)
        if (o != CN_STAT && plan->columns.stride[o] != rows->stride[o] * rows->n) return 1;
    return rows->n;
}

static ptrdiff_t count_joined_rows(const cn_job *job)
{
    const cn_plan *plan = &job->plan;
    const cn_loop *columns = &plan->columns;
    if (!reads_columns(job) || columns->n > CN_NARROW_MOMENTS || plan->reduced.n == 0) return 1;
    const cn_loop *rows = &plan->reduced.loop[plan->reduced.n - 1];
    ptrdiff_t joined_rows = CN_JOINED_ROW / columns->n;
    int contiguous = columns->stride[CN_X] == job->k->size && rows->stride[CN_X] == columns->n * job->k->size;
    return contiguous && rows->n >= CN_BLOCK_ROWS * joined_rows ? joined_rows : 1;
}

void cn_open_job(cn_job *job, const cn_call *call, const cn_kernels *k, cn_kind kind, double eps,
                 cn_partial *stats)
{
    job->call = call, job->k = k, job->kind = kind, job->eps = eps, job->stats = stats;
    job->rows = NULL, job->partials = NULL, job->params_memory = NULL, job->scratch = NULL;
    job->memory_used = 0, job->nontemporal_sum = 0;
    cn_make_plan(call, &job->plan);
    job->mask = cn_mask_of(call);
    job->mask_per_group = masks_differ(&job->plan);
    job->needs_packing = strided(job);
    cn_loop *columns = &job->plan.columns;
    ptrdiff_t group = cn_count(&job->plan.reduced), most = CN_MAX_GROUPS;
    if (job->mask_per_group && job->plan.cols) {
        most = CN_OWN_MASKS;
    } else if (!job->plan.cols) {
        ptrdiff_t batch = CN_BATCH_ELEMENTS / group;
        most = group >= CN_BLOCK || batch < 1 ? 1 : batch < CN_BATCH ? batch : CN_BATCH;
    }
    most -= most % job->plan.refined;
    job->width = columns->n < most ? columns->n : most;
    job->bundles = cn_count(&job->plan.kept) * ((columns->n + job->width - 1) / job->width);
    job->joined_rows = count_joined_rows(job);
    job->rows_as_groups = count_rows_as_groups(&job->plan, job->width);
    job->elements = group * job->width;
    cn_tiling tiling;
    cn_loop bundle = *columns;
    bundle.n = job->width;
    cn_tiling_of_moments(job, &bundle, &tiling);
    job->segments = (tiling.n_blocks + CN_SEGMENT - 1) / CN_SEGMENT;
}
