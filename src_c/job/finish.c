/* finish.c: moments merged, written, and made to parameters: the only place where any of that is done. */
#include "job/finish.h"

#include <string.h>

#include "dispatch/cpu.h"
#include "job/extreme.h"
#include "job/results.h"
#include "kernels/moments.h"

/* Parameters of so many groups are made at once. */
#define AT_ONCE 64

/* The lesser and the greater of two; the count of both. */
static void merge_extremes(cn_partial *a, const cn_partial *b)
{
    if (b->count == 0) return;
    if (a->count == 0 || b->mean < a->mean) a->mean = b->mean;
    if (a->count == 0 || b->mean_lo > a->mean_lo) a->mean_lo = b->mean_lo;
    a->m2 = b->m2 != 0 || (a->count != 0 && a->m2 != 0);
    a->count += b->count;
}

static void merge_sums(cn_partial *a, const cn_partial *b)
{
    if (b->count == 0) return;
    if (a->count == 0) *a = (cn_partial){0, 0, 0, 0, 1};
    cn_add_sums(&a->mean, &a->mean_lo, b->mean, b->mean_lo);
    a->count += b->count, a->m2 = 0;
}

static void merge_pixel_sums(cn_partial *a, const cn_partial *b)
{
    if (b->count == 0) return;
    if (a->count == 0) *a = (cn_partial){0, 0, 0, 0, 1};
    a->count += b->count, a->mean += b->mean, a->mean_lo += b->mean_lo, a->m2 += b->m2;
}

/* What b has comes behind what a has. */
static void merge_places(cn_partial *a, const cn_partial *b, int greatest)
{
    if (b->count == 0) return;
    if (a->count == 0) *a = (cn_partial){0, b->mean, -1, 0, 1};
    const int better = greatest ? b->mean > a->mean : b->mean < a->mean;
    if (b->mean_lo >= 0 && (better || a->mean_lo < 0)) a->mean = b->mean, a->mean_lo = a->count + b->mean_lo;
    if (a->m2 == 0 && b->m2 > 0) a->m2 = a->count + b->m2;
    a->count += b->count;
}

static void merge_least_at(cn_partial *a, const cn_partial *b) { merge_places(a, b, 0); }
static void merge_greatest_at(cn_partial *a, const cn_partial *b) { merge_places(a, b, 1); }

cn_reducer cn_reducer_of(const cn_kernels *k, const cn_moments *how, int each)
{
    const int form = how->weights ? CN_WEIGHTED : each ? CN_SHOWN : CN_ALL;
    if (how->kind == CN_EXTREMES || cn_is_largest(how))
        return (cn_reducer){k->extremes_rows, k->extremes_cols, merge_extremes};
    if (cn_sums_powers(how)) return (cn_reducer){k->powers_rows, k->powers_cols, cn_merge};
    if (how->kind == CN_LEAST_AT) return (cn_reducer){k->least_at_rows, k->least_at_cols, merge_least_at};
    if (how->kind == CN_GREATEST_AT)
        return (cn_reducer){k->greatest_at_rows, k->greatest_at_cols, merge_greatest_at};
    if (how->kind == CN_PIXEL_SUMS) return (cn_reducer){k->pixel_sums_rows, k->pixel_sums_cols, merge_pixel_sums};
    return (cn_reducer){k->moments_rows[form], k->moments_cols[form],
                        how->kind == CN_SUMS ? merge_sums : cn_merge};
}

static cn_partial column(const cn_moments_view *of, ptrdiff_t c)
{
    return (cn_partial){of->count[c * of->each], of->mean[c], of->mean_lo[c], of->m2[c], 1};
}

/* n groups of from, first ones at offset, merge into n groups of to. */
static void merge_groups(const cn_job *job, cn_moments_view *to, const cn_moments_view *from, ptrdiff_t offset,
                         ptrdiff_t n)
{
    const double before = *to->count;
    for (ptrdiff_t c = 0; c < n; c++) {
        cn_partial a = column(to, c), b = column(from, offset + c);
        if (!to->each) a.count = before;
        job->reducer.merge(&a, &b);
        to->count[c * to->each] = a.count, to->mean[c] = a.mean, to->mean_lo[c] = a.mean_lo, to->m2[c] = a.m2;
    }
}

void cn_merge_partials(const cn_job *job, double *to, const double *from)
{
    cn_moments_view a = cn_open_partials(to, job->each, job->width);
    const cn_moments_view b = cn_open_partials((double *)from, job->each, job->width);
    merge_groups(job, &a, &b, 0, job->width);
}

void cn_merge_joined(const cn_job *job, cn_moments_view *acc, const cn_moments_view *joined)
{
    for (ptrdiff_t i = 0; i < job->joined_rows; i++) merge_groups(job, acc, joined, i * job->width, job->width);
}

/* Merges each refined group and gives all its columns the result. */
static void merge_refined(const cn_job *job, cn_moments_view *acc, ptrdiff_t n)
{
    const ptrdiff_t refined = job->plan.refined;
    const double before = *acc->count;
    for (ptrdiff_t g = 0; g < n; g += refined) {
        cn_partial p = {0, 0, 0, 0, 1};
        for (ptrdiff_t c = g; c < g + refined; c++) {
            cn_partial one = column(acc, c);
            if (!acc->each) one.count = before;
            job->reducer.merge(&p, &one);
        }
        for (ptrdiff_t c = g; c < g + refined; c++)
            acc->count[c * acc->each] = p.count, acc->mean[c] = p.mean, acc->mean_lo[c] = p.mean_lo,
                           acc->m2[c] = p.m2;
    }
}

/* Of sums of powers the roots, inverted. */
static void invert_norms(const cn_job *job, double *factors, const double *sums, ptrdiff_t n)
{
    const cn_moments *how = &job->call->moments;
    const cn_power_kind root = job->k->param_size == sizeof(double) ? CN_ROOT : CN_ROOT_OF_FLOATS;
    memcpy(factors, sums, (size_t)n * sizeof *factors);
    if (how->p != 1 && !isinf(how->p)) cn_kernels_of(CN_F64)->power(factors, n, how->p, root);
    for (ptrdiff_t c = 0; c < n; c++) factors[c] = cn_inverse(factors[c], how->eps);
}

/* What y is made with; 0 without an element. */
static void make_factors(const cn_job *job, const cn_moments_view *of, ptrdiff_t n, double *factors)
{
    const cn_moments *how = &job->call->moments;
    if (how->kind != CN_LP) {
        cn_kernels_of(CN_F64)->factors(how, of, n, job->k->param_size == sizeof(float), factors);
        return;
    }
    invert_norms(job, factors, of->m2, n);
    for (ptrdiff_t c = 0; c < n; c++) factors[c] = of->count[c * of->each] > 0 ? factors[c] : 0;
}

/* The n groups of a bundle to stats or results; of those that are read again the parameters, too. first: the statistic of
 * the first one; from one to the next `step`. */
static void finish_groups(const cn_job *job, const cn_moments_view *acc, ptrdiff_t n, ptrdiff_t first,
                          ptrdiff_t step, cn_params *params)
{
    const cn_moments *how = &job->call->moments;
    const ptrdiff_t refined = job->plan.refined;
    const int differ = how->results && how->eps > 0;
    cn_moments alone = *how; /* results are as without y: eps does not make up for what squares lose */
    cn_partial p[CN_AGAIN], result[CN_AGAIN];
    ptrdiff_t stat[CN_AGAIN];
    alone.eps = 0;
    for (ptrdiff_t c = 0, some; c < n; c += some * refined) {
        for (some = 0; some < CN_AGAIN && c + some * refined < n; some++, first += step)
            p[some] = column(acc, c + some * refined), stat[some] = first;
        if (differ) memcpy(result, p, sizeof p), cn_look_again(job, &alone, result, stat, (int)some);
        const unsigned again = cn_look_again(job, how, p, stat, (int)some);
        for (ptrdiff_t g = 0; g < some; g++) {
            if (params && again >> g & 1) cn_put_group(job->k, how, &p[g], params, c + g * refined, refined);
            if (job->stats) job->stats[stat[g]] = p[g];
            if (how->results) cn_put_result(how->kind, how->results, differ ? &result[g] : &p[g], stat[g]);
        }
    }
}

/* Of extremes the largest magnitude, NaN if there is one. */
static void keep_largest(cn_moments_view *acc, ptrdiff_t n)
{
    for (ptrdiff_t c = 0; c < n; c++) {
        const double low = -acc->mean[c], high = acc->mean_lo[c], largest = low > high ? low : high;
        acc->m2[c] = acc->m2[c] != 0 ? NAN : largest > 0 ? largest : 0;
        acc->mean[c] = acc->mean_lo[c] = 0;
    }
}

void cn_finish_bundle(const cn_job *job, double *partials, const cn_bundle *bundle, double *factors,
                      cn_params *params)
{
    const ptrdiff_t n = bundle->columns.n, refined = job->plan.refined;
    const ptrdiff_t stat = bundle->offset[CN_STAT], step = bundle->columns.stride[CN_STAT];
    const cn_results *results = job->call->moments.results;
    cn_moments_view acc = cn_open_partials(partials, job->each, job->width);
    if (job->each) cn_kernels_of(CN_F64)->blank(&acc, n, job->call->moments.kind == CN_EXTREMES);
    if (refined > 1) merge_refined(job, &acc, n);
    if (cn_is_largest(&job->call->moments)) keep_largest(&acc, n);
    if (params) {
        make_factors(job, &acc, n, factors);
        cn_put_params(params, job->k, 0, n, acc.mean, acc.mean_lo, factors);
    }
    /* Of the caller's statistics, step by step: a division for each costs as much as a short row. */
    const int plain = !cn_may_be_extreme(job) || cn_are_ordinary(job, &acc, n);
    if (plain && refined == 1) {
        if (results) cn_put_results(job->call->moments.kind, results, &acc, n, stat, step);
        for (ptrdiff_t c = 0; c < n && job->stats; c++) job->stats[stat + c * step] = column(&acc, c);
    } else if (!plain || results || job->stats) {
        finish_groups(job, &acc, n, stat / refined, step, params);
    }
    if (params && job->rows_as_groups > 1) cn_repeat_params(params, job->k->param_size, n, job->rows_as_groups);
}

/* Some groups on their way to parameters. */
typedef struct {
    double count[AT_ONCE], mean[AT_ONCE], mean_lo[AT_ONCE], m2[AT_ONCE], factor[AT_ONCE];
} some_groups;

static void take_partials(const cn_job *job, const cn_partial *p, ptrdiff_t n, some_groups *g)
{
    cn_moments_view of = {g->count, 1, g->mean, g->mean_lo, g->m2};
    cn_open_states(p, n, &of);
    make_factors(job, &of, n, g->factor);
}

/* Of the job's own moments. */
static void take_own(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_groups *g)
{
    take_partials(job, job->stats + first, n, g);
}

/* Of the caller's. */
static void take_known(const cn_job *job, ptrdiff_t first, ptrdiff_t n, some_groups *g)
{
    take_partials(job, (const cn_partial *)job->call->moments.center + first, n, g);
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
    const int wide = job->call->moments.source == CN_RUNNING_WIDE || job->k->param_size == sizeof(double);
    const cn_moments_view of = {g->count, 0, g->mean, g->mean_lo, g->m2};
    for (ptrdiff_t i = 0; i < n; i++) {
        g->mean[i] = wide ? ((const double *)mean)[first + i] : ((const float *)mean)[first + i];
        g->m2[i] = wide ? ((const double *)var)[first + i] : ((const float *)var)[first + i];
        g->mean_lo[i] = 0;
    }
    *g->count = 1;
    make_factors(job, &of, n, g->factor);
}

void cn_finish_all(cn_job *job)
{
    static void (*const take[])(const cn_job *, ptrdiff_t, ptrdiff_t,
                                some_groups *) = {[CN_OWN] = take_own,
                                                  [CN_GIVEN] = take_given,
                                                  [CN_RUNNING] = take_running,
                                                  [CN_RUNNING_WIDE] = take_running,
                                                  [CN_KNOWN] = take_known};
    const cn_source from = job->call->moments.source;
    const ptrdiff_t all = job->call->n_stats, refined = job->plan.refined;
    some_groups g;
    job->params = cn_params_in(job->params_memory, all * refined, job->k->param_size);
    if (from == CN_READY) {
        job->params = cn_params_in((char *)job->call->moments.center, all, job->k->param_size);
        job->params.prescaled = job->call->moments.scale != NULL;
        return;
    }
    for (ptrdiff_t first = 0; first < all; first += AT_ONCE) {
        const ptrdiff_t n = all - first < AT_ONCE ? all - first : AT_ONCE;
        take[from](job, first, n, &g);
        if (refined == 1) cn_put_params(&job->params, job->k, first, n, g.mean, g.mean_lo, g.factor);
        for (ptrdiff_t i = 0; i < n && refined > 1; i++)
            for (ptrdiff_t r = 0; r < refined; r++)
                cn_put_param(&job->params, job->k, (first + i) * refined + r, g.mean[i], g.mean_lo[i],
                             g.factor[i]);
        for (ptrdiff_t i = first; i < first + n && from == CN_OWN; i++) {
            const cn_partial *p = &job->stats[i];
            if (p->prescale != 1) cn_put_group(job->k, &job->call->moments, p, &job->params, i * refined, refined);
        }
    }
}
