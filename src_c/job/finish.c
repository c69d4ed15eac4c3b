/* finish.c: moments merged, written, and made to parameters: the only place where any of that is done. */
#include "job/finish.h"

#include "job/extreme.h"
#include "kernels/moments.h"

/* Parameters of so many groups are made at once. */
#define AT_ONCE 64

/* The lesser and the greater of two; the count of both. */
static void merge_extremes(cn_partial *a, const cn_partial *b)
{
    if (b->count == 0) return;
    if (a->count == 0 || b->mean < a->mean) a->mean = b->mean;
    if (a->count == 0 || b->mean_lo > a->mean_lo) a->mean_lo = b->mean_lo;
    a->count += b->count, a->m2 = 0;
}

static void merge_sums(cn_partial *a, const cn_partial *b)
{
    const cn_partial kept = *a;
    if (b->count == 0) return;
    *a = *b;
    if (kept.count == 0) return;
    a->count += kept.count, a->mean += kept.mean, a->mean_lo += kept.mean_lo, a->m2 += kept.m2;
}

cn_reducer cn_reducer_of(const cn_kernels *k, cn_kind kind)
{
    if (kind == CN_EXTREMES) return (cn_reducer){k->extremes_rows, k->extremes_cols, merge_extremes};
    if (kind == CN_SUMS) return (cn_reducer){k->sums_rows, k->sums_cols, merge_sums};
    return (cn_reducer){k->moments_rows, k->moments_cols, cn_merge};
}

static cn_partial column(const cn_moments_view *of, ptrdiff_t c)
{
    return (cn_partial){of->count, of->mean[c], of->mean_lo[c], of->m2[c]};
}

static void set_column(cn_moments_view *of, ptrdiff_t c, const cn_partial *p)
{
    of->mean[c] = p->mean, of->mean_lo[c] = p->mean_lo, of->m2[c] = p->m2;
}

/* n groups of from, first ones at offset, merge into n groups of to. */
static void merge_groups(const cn_job *job, cn_moments_view *to, const cn_moments_view *from, ptrdiff_t offset,
                         ptrdiff_t n)
{
    for (ptrdiff_t c = 0; c < n; c++) {
        cn_partial a = column(to, c), b = column(from, offset + c);
        job->reducer.merge(&a, &b);
        set_column(to, c, &a);
    }
    to->count += from->count;
}

void cn_merge_partials(const cn_job *job, double *to, const double *from)
{
    if (job->mask_per_group) {
        for (ptrdiff_t c = 0; c < job->width; c++)
            job->reducer.merge((cn_partial *)to + c, (const cn_partial *)from + c);
        return;
    }
    cn_moments_view a = cn_open_partials(to, job->width), b = cn_open_partials((double *)from, job->width);
    merge_groups(job, &a, &b, 0, job->width);
    to[0] = a.count;
}

void cn_merge_joined(const cn_job *job, cn_moments_view *acc, const cn_moments_view *joined)
{
    for (ptrdiff_t i = 0; i < job->joined_rows; i++) merge_groups(job, acc, joined, i * job->width, job->width);
}

/* Merges each refined group and gives all its columns the result. */
static void merge_refined(const cn_job *job, cn_moments_view *acc, ptrdiff_t n)
{
    const ptrdiff_t refined = job->plan.refined;
    for (ptrdiff_t g = 0; g < n; g += refined) {
        cn_partial p = {0, 0, 0, 0};
        for (ptrdiff_t c = g; c < g + refined; c++) {
            const cn_partial one = column(acc, c);
            job->reducer.merge(&p, &one);
        }
        for (ptrdiff_t c = g; c < g + refined; c++) set_column(acc, c, &p);
    }
    acc->count *= (double)refined;
}

/* The factors of n groups of one count; 0 without an element. */
static void make_factors(const cn_job *job, double *factors, const double *m2, ptrdiff_t n, double count)
{
    const cn_kind kind = job->call->moments.kind;
    if (count > 0)
        cn_scales(factors, m2, n, count, kind, job->call->moments.eps);
    else
        for (ptrdiff_t c = 0; c < n; c++) factors[c] = 0;
}

/* The parameters from i on of a group of doubles, made anew if its squares leave float64. */
static void check_extreme(const cn_job *job, const cn_partial *of, ptrdiff_t stat, cn_params *params, ptrdiff_t i,
                          ptrdiff_t times)
{
    const cn_kind kind = job->call->moments.kind;
    const double eps = job->call->moments.eps;
    if (job->k->param_size != sizeof(double) || !(of->count > 0)) return;
    if (cn_is_extreme(of->mean, of->m2, of->count, kind, eps))
        cn_read_extreme(job->call, stat, kind, eps, params, i, times);
}

/* A bundle of groups with masks of their own. */
static void finish_masked(const cn_job *job, const cn_partial *partials, const cn_bundle *bundle,
                          cn_params *params)
{
    const ptrdiff_t stat = bundle->offset[CN_STAT], step = bundle->columns.stride[CN_STAT];
    for (ptrdiff_t c = 0; c < bundle->columns.n; c++) {
        const cn_partial *p = &partials[c];
        double factor;
        if (job->stats) job->stats[stat + c * step] = *p;
        if (!params) continue;
        make_factors(job, &factor, &p->m2, 1, p->count);
        cn_put_param(params, job->k, c, p->mean, p->mean_lo, factor);
        check_extreme(job, p, stat + c * step, params, c, 1);
    }
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

/* A bundle of groups of one count. */
static void finish_alike(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                         cn_params *params)
{
    const ptrdiff_t n = bundle->columns.n, refined = job->plan.refined;
    const ptrdiff_t stat = bundle->offset[CN_STAT], step = bundle->columns.stride[CN_STAT];
    cn_moments_view acc = cn_open_partials(partials, job->width);
    if (job->mask) blank(job, bundle, &acc);
    if (refined > 1) merge_refined(job, &acc, n);
    if (params) {
        make_factors(job, factors, acc.m2, n, acc.count > 0 ? acc.count : 1);
        cn_put_params(params, job->k, 0, n, acc.mean, acc.mean_lo, factors);
    }
    if (!job->stats && !(params && job->k->param_size == sizeof(double))) return;
    for (ptrdiff_t c = 0; c < n; c += refined) {
        const ptrdiff_t i = (stat + c * step) / refined;
        const double count = hidden(job, bundle, c) ? 0 : acc.count;
        const cn_partial p = {count, acc.mean[c], acc.mean_lo[c], acc.m2[c]};
        if (job->stats) job->stats[i] = p;
        if (params) check_extreme(job, &p, i, params, c, refined);
    }
}

void cn_finish_bundle(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                      cn_params *params)
{
    if (job->mask_per_group)
        finish_masked(job, (const cn_partial *)partials, bundle, params);
    else
        finish_alike(job, partials, bundle, factors, params);
    if (params && job->rows_as_groups > 1)
        cn_repeat_params(params, job->k->param_size, bundle->columns.n, job->rows_as_groups);
}

/* Some groups on their way to parameters. */
typedef struct {
    double mean[AT_ONCE], mean_lo[AT_ONCE], m2[AT_ONCE], factor[AT_ONCE];
} some_groups;

/* Of the job's own moments. Without a mask they have one count. */
static void take_own(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_groups *g)
{
    const cn_partial *p = job->stats + first;
    for (ptrdiff_t i = 0; i < n; i++) g->mean[i] = p[i].mean, g->mean_lo[i] = p[i].mean_lo, g->m2[i] = p[i].m2;
    if (!job->mask) make_factors(job, g->factor, g->m2, n, p[0].count);
    for (ptrdiff_t i = 0; i < n && job->mask; i++) make_factors(job, g->factor + i, g->m2 + i, 1, p[i].count);
}

/* Of centers and scales. */
static void take_given(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_groups *g)
{
    const double *center = job->call->moments.center, *scale = job->call->moments.scale;
    for (ptrdiff_t i = 0; i < n; i++)
        g->mean[i] = center[first + i], g->mean_lo[i] = 0, g->factor[i] = scale[first + i];
}

/* Of running means and variances. */
static void take_running(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_groups *g)
{
    const void *mean = job->call->moments.center, *var = job->call->moments.scale;
    const int wide = job->k->param_size == sizeof(double);
    for (ptrdiff_t i = 0; i < n; i++) {
        g->mean[i] = wide ? ((const double *)mean)[first + i] : ((const float *)mean)[first + i];
        g->m2[i] = wide ? ((const double *)var)[first + i] : ((const float *)var)[first + i];
        g->mean_lo[i] = 0;
    }
    make_factors(job, g->factor, g->m2, n, 1);
}

void cn_finish_all(cn_job *job)
{
    static void (*const take[])(const cn_job *, ptrdiff_t, ptrdiff_t, some_groups *) = {
        [CN_OWN] = take_own, [CN_GIVEN] = take_given, [CN_RUNNING] = take_running};
    const cn_source from = job->call->moments.source;
    const ptrdiff_t all = job->call->n_stats, refined = job->plan.refined;
    some_groups g;
    job->params = cn_params_in(job->params_memory, all * refined, job->k->param_size);
    for (ptrdiff_t first = 0; first < all; first += AT_ONCE) {
        const ptrdiff_t n = all - first < AT_ONCE ? all - first : AT_ONCE;
        take[from](job, first, n, &g);
        if (refined == 1) cn_put_params(&job->params, job->k, first, n, g.mean, g.mean_lo, g.factor);
        for (ptrdiff_t i = 0; i < n && refined > 1; i++)
            for (ptrdiff_t r = 0; r < refined; r++)
                cn_put_param(&job->params, job->k, (first + i) * refined + r, g.mean[i], g.mean_lo[i],
                             g.factor[i]);
        for (ptrdiff_t i = first; i < first + n && from == CN_OWN; i++)
            check_extreme(job, &job->stats[i], i, &job->params, i * refined, refined);
    }
}
