/* finish.c: the moments of a group go where they are wanted: as they are, as values, as parameters. */
#include <math.h>
#include <string.h>

#include "groups/groups.h"
#include "job/extreme.h"
#include "job/results.h"
#include "kernels/moments.h"

/* A sum of squares up to this is nothing to look at again. */
#define ORDINARY 0x1p1000

/* Element i of packed doubles: does it count? */
static int counts(const cn_tile *t, ptrdiff_t i, double v)
{
    static const unsigned char mark[sizeof v] = {255, 255, 255, 255, 255, 255, 255, 255};
    if (t->exact && !(t->exact[i] > 0)) return 0;
    if (t->holes == CN_NAN_HOLES) return v == v;
    return t->holes == CN_NO_HOLES || memcmp(&v, mark, sizeof v) != 0;
}

/* One column of a group, a block at a time, as a row of packed doubles. */
typedef struct {
    cn_group_job job;
    cn_group_tile tile;
    ptrdiff_t g, entries;
    const cn_group_scratch *s;
} one_group;

static cn_tile block_of(const one_group *of, ptrdiff_t from)
{
    const ptrdiff_t rest = of->entries - from, n = rest < of->job.block ? rest : of->job.block;
    cn_tile t = cn_group_tile_of(&of->job, &of->tile, of->g, from, from + n, of->s);
    t.rows = 1, t.n = n;
    return t;
}

/* The least and the greatest of what counts; is there NaN? */
static int ends_of(const one_group *of, double *low, double *high)
{
    int nan = 0;
    *low = INFINITY, *high = -INFINITY;
    for (ptrdiff_t from = 0; from < of->entries; from += of->job.block) {
        const cn_tile t = block_of(of, from);
        const double *x = (const double *)t.x;
        for (ptrdiff_t i = 0; i < t.n; i++) {
            if (!counts(&t, i, x[i])) continue;
            nan |= x[i] != x[i];
            *low = x[i] < *low ? x[i] : *low, *high = x[i] > *high ? x[i] : *high;
        }
    }
    return nan;
}

/* Reads a group whose squares leave the range again, times a power of two. */
static void read_extreme(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t c,
                         cn_partial *p, const cn_group_scratch *s)
{
    const cn_moments *how = &job->call->moments;
    double moments[4] = {0}, low, high;
    one_group of = {*job, *tile, g, cn_group_entries(job, g), s};
    of.job.direct = 0, of.tile.n = 1;
    if (job->order) cn_sort_groups(job);
    for (int o = 0; o < CN_NOPERANDS; o++) of.tile.offset[o] += c * job->columns.stride[o];
    const int nan = ends_of(&of, &low, &high);
    if (cn_is_special(low, high, nan, how->kind, p) || low > high) return;
    const double prescale = cn_prescale_for(fmax(-low, high), how);
    cn_moments_view acc = cn_open_partials(moments, job->each, 1);
    for (ptrdiff_t from = 0; from < of.entries; from += of.job.block) {
        const cn_tile t = block_of(&of, from);
        double *x = (double *)s->x;
        for (ptrdiff_t i = 0; i < t.n; i++) x[i] = x[i] == x[i] ? x[i] * prescale : x[i]; /* marks stay */
        job->reducer.rows(&t, job->centered, &acc);
    }
    *p = (cn_partial){*acc.count, *acc.mean, *acc.mean_lo, *acc.m2, prescale};
}

/* Has each of n groups an element, and is none in need of another look? */
static int are_ordinary(const cn_group_job *job, const cn_moments_view *acc, ptrdiff_t n)
{
    const int doubles = job->x_is->param_size == sizeof(double) && !job->call->moments.x;
    int not_so = 0;
    for (ptrdiff_t c = 0; c < (acc->each ? n : 1); c++) not_so |= !(acc->count[c] > 0);
    for (ptrdiff_t c = 0; doubles && c < n; c++) {
        const double least = acc->count[c * acc->each] * CN_LEAST_SQUARE, m2 = acc->m2[c];
        not_so |= !(m2 <= ORDINARY) | !(m2 >= least);
    }
    return !not_so;
}

/* The moments of n columns of no element. */
static void put_nothing(const cn_moments_view *acc, ptrdiff_t n)
{
    for (ptrdiff_t c = 0; c < (acc->each ? n : 1); c++) acc->count[c] = 0;
    for (ptrdiff_t c = 0; c < n; c++) acc->mean[c] = acc->mean_lo[c] = acc->m2[c] = 0;
}

/* n neighbouring groups, all ordinary or none with an element, to parameters. */
static void put_all_params(const cn_group_job *job, ptrdiff_t stat, const cn_moments_view *acc, ptrdiff_t n)
{
    double factors[CN_MAX_GROUPS];
    cn_params params = cn_params_in(job->params, job->call->n_stats, job->x_is->param_size);
    cn_kernels_of(CN_F64)->factors(&job->call->moments, acc, n, job->x_is->param_size == sizeof(float), factors);
    cn_put_params(&params, job->x_is, stat, n, acc->mean, acc->mean_lo, factors);
}

static cn_partial column(const cn_moments_view *acc, ptrdiff_t c)
{
    return (cn_partial){acc->count[c * acc->each], acc->mean[c], acc->mean_lo[c], acc->m2[c], 1};
}

void cn_finish_listed(const cn_group_job *job, const cn_group_tile *tile, const ptrdiff_t *groups,
                      const cn_moments_view *acc, ptrdiff_t n, const cn_group_scratch *s)
{
    const cn_moments *of = &job->call->moments;
    const ptrdiff_t step = job->along.stride[CN_STAT], first = tile->offset[CN_STAT];
    if (of->results && are_ordinary(job, acc, n)) {
        cn_put_listed_results(of->kind, of->results, acc, n, groups, first, step);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) {
        const cn_moments_view one = cn_groups_from(acc, i);
        cn_finish_groups(job, tile, groups[i], 1, &one, 1, s);
    }
}

static cn_partial nothing_of(cn_kind kind, double count)
{
    const double least = kind == CN_EXTREMES ? INFINITY : 0;
    return (cn_partial){count, least, kind == CN_EXTREMES ? -INFINITY : 0, 0, 1};
}

/* n groups without an element. */
static void finish_empty(const cn_group_job *job, ptrdiff_t stat, ptrdiff_t step, ptrdiff_t n)
{
    const cn_moments *of = &job->call->moments;
    const cn_partial p = nothing_of(of->kind, 0);
    if (of->results) {
        cn_fill_results(of->kind, of->results, &p, n, stat, step);
    } else {
        for (ptrdiff_t c = 0; c < n; c++) of->to[stat + c * step] = p;
    }
}

void cn_finish_groups(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, int apart,
                      const cn_moments_view *acc, ptrdiff_t n, const cn_group_scratch *s)
{
    const ptrdiff_t step = apart ? job->along.stride[CN_STAT] : job->columns.stride[CN_STAT];
    const ptrdiff_t stat = tile->offset[CN_STAT] + g * job->along.stride[CN_STAT];
    const cn_moments *of = &job->call->moments;
    /* Parameters of no position nobody reads; groups that are apart have as many entries. */
    if (job->params && !cn_group_entries(job, g)) return;
    if (!acc->each && *acc->count == 0) {
        finish_empty(job, stat, step, n);
        return;
    }
    const int at_once = of->results || (job->params && (step == 1 || n == 1));
    const int empty = at_once && !apart && !cn_group_entries(job, g);
    if (empty) put_nothing(acc, n);
    if (empty || (at_once && are_ordinary(job, acc, n))) {
        if (of->results)
            cn_put_results(of->kind, of->results, acc, n, stat, step);
        else
            put_all_params(job, stat, acc, n);
        return;
    }
    for (ptrdiff_t c = 0; c < n; c++) {
        const cn_partial p = column(acc, c);
        cn_finish_group(job, tile, g + (apart ? c : 0), apart ? 0 : c, p, s);
    }
}

void cn_finish_group(const cn_group_job *job, const cn_group_tile *tile, ptrdiff_t g, ptrdiff_t c, cn_partial p,
                     const cn_group_scratch *s)
{
    const cn_moments *of = &job->call->moments;
    const ptrdiff_t stat =
        tile->offset[CN_STAT] + g * job->along.stride[CN_STAT] + c * job->columns.stride[CN_STAT];
    const int extremes = of->kind == CN_EXTREMES;
    if (!(p.count > 0)) {
        p = nothing_of(of->kind, p.count);
    } else if (!extremes && job->x_is->param_size == sizeof(double) && !of->x && cn_is_extreme(&p, of)) {
        read_extreme(job, tile, g, c, &p, s);
    }
    if (job->params) {
        cn_params to = cn_params_in(job->params, job->call->n_stats, job->x_is->param_size);
        cn_put_group(job->x_is, of, &p, &to, stat, 1);
    } else if (of->results) {
        cn_put_result(of->kind, of->results, &p, stat);
    } else {
        of->to[stat] = p;
    }
}
