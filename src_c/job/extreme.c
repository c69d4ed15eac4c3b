/* extreme.c: groups whose squares or powers leave the range of doubles, read again times a power of two of their own.
 *
 * x * 2^-k is exact but for what is 2^-1000 of the largest element, and its mean, deviation and scale are ordinary
 * numbers: apply multiplies x by the same power first (`prescale`). Of floats only powers leave it. One way for all
 * layouts: runs of several groups are put side by side, in the order of the axes, and meet the kernels of doubles. */
#include "job/extreme.h"

#include <math.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "dispatch/numbers.h"
#include "kernels/moments.h"

/* Both 2^k and 2^-k are normal, and squares of 2^24 times any double over 2^k are finite. */
#define MOST_POWER 1000

/* Elements of a group that are put side by side. */
#define RUN 512

/* Several groups of a call; x: their elements from one on, a run of RUN each, weights behind. */
typedef struct {
    const cn_call *call;
    const cn_kernels *k; /* of doubles */
    int n, form;
    cn_loops reduced; /* as the axes of the call are ordered */
    ptrdiff_t entries;
    ptrdiff_t offset[CN_AGAIN][CN_NOPERANDS];
    double prescale[CN_AGAIN];
    double x[CN_AGAIN * RUN], weights[CN_AGAIN * RUN];
} reading;

/* Statistics are in C order: the stride of an axis is the product of the kept sizes behind it. */
static void open_reading(reading *r, const cn_call *call, const ptrdiff_t *stat, int n)
{
    const cn_moments *how = &call->moments;
    const int holes = call->op[CN_M].data || how->omit_nan;
    r->call = call, r->k = cn_kernels_of(CN_F64), r->n = n, r->reduced.n = 0;
    r->form = how->weights ? CN_WEIGHTED : holes ? CN_SHOWN : CN_ALL;
    memset(r->offset, 0, sizeof r->offset);
    for (int axis = 0; axis < call->ndim; axis++) {
        const ptrdiff_t step = call->op[CN_STAT].strides[axis], size = call->shape[axis];
        cn_loop loop = {.n = size};
        for (int o = 0; o < CN_NOPERANDS; o++) loop.stride[o] = call->op[o].data ? call->op[o].strides[axis] : 0;
        if (step == 0) r->reduced.loop[r->reduced.n++] = loop;
        for (int i = 0; i < n && step; i++)
            for (int o = 0; o < CN_NOPERANDS; o++) r->offset[i][o] += stat[i] / step % size * loop.stride[o];
    }
    cn_coalesce(&r->reduced, 1u << CN_X | 1u << CN_M | 1u << CN_W);
    r->entries = cn_count(&r->reduced);
}

/* n elements of x, `step` bytes apart, n at most RUN. */
static void put_doubles(const cn_call *call, const char *x, ptrdiff_t step, ptrdiff_t n, double *to)
{
    const cn_kernels *x_is = cn_kernels_of(call->dtype);
    uint16_t halves[RUN];
    float lanes[RUN];
    if (!x_is->widen) {
        cn_to_doubles(call->dtype == CN_F64 ? CN_NUMBER_DOUBLE : CN_NUMBER_FLOAT, x, step, n, 1, to);
        return;
    }
    for (ptrdiff_t i = 0; i < n; i++) memcpy(&halves[i], x + i * step, sizeof *halves);
    x_is->widen((const char *)halves, (char *)lanes, n);
    for (ptrdiff_t i = 0; i < n; i++) to[i] = lanes[i];
}

/* n elements of group i, at `at`, times its prescale, behind `done` others; what is hidden or weighs nothing is marked. */
static void put_run(reading *r, int i, const ptrdiff_t *at, const ptrdiff_t *step, ptrdiff_t n, ptrdiff_t done)
{
    const cn_call *call = r->call;
    double *x = r->x + i * RUN + done, *weights = r->weights + i * RUN + done;
    const char *mask = call->op[CN_M].data;
    put_doubles(call, call->op[CN_X].data + r->offset[i][CN_X] + at[CN_X], step[CN_X], n, x);
    if (r->prescale[i] != 1)
        for (ptrdiff_t j = 0; j < n; j++) x[j] *= r->prescale[i];
    if (r->form != CN_ALL) /* that NaN is no mark */
        for (ptrdiff_t j = 0; j < n; j++) x[j] = x[j] == x[j] ? x[j] : NAN;
    if (mask) {
        mask += r->offset[i][CN_M] + at[CN_M];
        for (ptrdiff_t j = 0; j < n; j++)
            if (!mask[j * step[CN_M]]) memset(&x[j], 0xff, sizeof *x);
    }
    if (call->moments.weights) {
        const char *from = call->op[CN_W].data + r->offset[i][CN_W] + at[CN_W];
        cn_to_doubles(call->moments.weights, from, step[CN_W], n, call->moments.weights_by, weights);
        for (ptrdiff_t j = 0; j < n; j++)
            if (!(weights[j] > 0)) memset(&x[j], 0xff, sizeof *x);
    }
}

/* The runs from element `first` on, as a tile. */
static cn_tile tile_at(reading *r, ptrdiff_t first)
{
    static const cn_loop one = {.n = 1};
    const cn_loop *in = r->reduced.n ? &r->reduced.loop[r->reduced.n - 1] : &one;
    const ptrdiff_t n = r->entries - first < RUN ? r->entries - first : RUN;
    for (ptrdiff_t done = 0, run; done < n; done += run) {
        ptrdiff_t at[CN_NOPERANDS] = {0};
        run = in->n - (first + done) % in->n;
        if (run > n - done) run = n - done;
        cn_locate(&r->reduced, first + done, at);
        for (int i = 0; i < r->n; i++) put_run(r, i, at, in->stride, run, done);
    }
    const ptrdiff_t group = RUN * (ptrdiff_t)sizeof(double);
    cn_tile t = {.x = (const char *)r->x, .x_group = group, .groups = r->n, .x_row = group, .rows = 1, .n = n};
    t.holes = r->call->moments.omit_nan ? CN_NAN_HOLES : r->form == CN_ALL ? CN_NO_HOLES : CN_MARKED_HOLES;
    t.weights = (const char *)r->weights, t.exact = r->weights;
    t.weights_group = t.weights_row = group, t.per_column = 1;
    return t;
}

/* What is kept of the groups while they are read. */
typedef struct {
    double count[CN_AGAIN], mean[CN_AGAIN], mean_lo[CN_AGAIN], m2[CN_AGAIN];
} kept_of_groups;

/* All runs, by a kernel. */
static void read_all(reading *r, cn_reduce reduce, int centered, kept_of_groups *to)
{
    cn_moments_view acc = {to->count, r->form != CN_ALL, to->mean, to->mean_lo, to->m2};
    memset(to, 0, sizeof *to);
    for (ptrdiff_t first = 0; first < r->entries; first += RUN) {
        const cn_tile t = tile_at(r, first);
        reduce(&t, centered, &acc);
    }
}

/* As the formulas have it where NaN or an infinity counts; 0 where none does. */
int cn_is_special(double low, double high, int nan, cn_kind kind, cn_partial *p)
{
    const int up = high == INFINITY, down = low == -INFINITY;
    if (!nan && !up && !down) return 0;
    p->mean = kind != CN_VAR ? 0 : nan || (up && down) ? NAN : up ? INFINITY : -INFINITY;
    p->mean_lo = 0, p->m2 = kind == CN_VAR || nan ? NAN : INFINITY, p->prescale = 1;
    return 1;
}

/* k, so that the largest |x| * 2^-k and eps, as it enters the sum of squares or the norm, are about 1 or less; never 0: a
 * prescale of 1 is that of a group that was not read again. */
double cn_prescale_for(double biggest, const cn_moments *how)
{
    const int root = cn_eps_is_root(how), has_eps = how->eps > 0 && isfinite(how->eps);
    int of_x = -MOST_POWER, of_eps = -MOST_POWER;
    if (biggest == 0 && !has_eps) return 1;
    if (biggest > 0) frexp(biggest, &of_x);
    if (has_eps) frexp(root ? how->eps : sqrt(how->eps), &of_eps);
    int k = of_x > of_eps ? of_x : of_eps;
    if (k == 0) k = 1;
    if (k > MOST_POWER) k = MOST_POWER;
    if (k < -MOST_POWER) k = -MOST_POWER;
    return ldexp(1, -k);
}

/* The norms by p of x * prescale, to m2. */
static void read_norms(reading *r, const double *biggest, kept_of_groups *to)
{
    const double p = r->call->moments.p;
    memset(to, 0, sizeof *to);
    memcpy(to->m2, biggest, (size_t)r->n * sizeof *biggest);
    if (isinf(p)) return;
    double sum[CN_AGAIN] = {0}, rest[CN_AGAIN] = {0}, low;
    for (ptrdiff_t first = 0; first < r->entries; first += RUN) {
        const cn_tile t = tile_at(r, first);
        for (int i = 0; i < r->n; i++) {
            double *x = r->x + i * RUN;
            for (ptrdiff_t j = 0; j < t.n; j++)
                x[j] = x[j] == x[j] && biggest[i] > 0 ? fabs(x[j]) / biggest[i] : 0;
            if (p != 1) r->k->power(x, t.n, p, CN_POWER);
            for (ptrdiff_t j = 0; j < t.n; j++) cn_two_sum(sum[i], x[j], &sum[i], &low), rest[i] += low;
        }
    }
    for (int i = 0; i < r->n; i++) {
        sum[i] += rest[i];
        if (p != 1) r->k->power(&sum[i], 1, p, CN_ROOT);
        to->m2[i] = biggest[i] * sum[i];
    }
}

/* The groups of n statistics anew. */
static void read_again(const cn_call *call, const cn_moments *how, const ptrdiff_t *stat, cn_partial *const *p,
                       int n)
{
    reading r;
    kept_of_groups kept;
    int special[CN_AGAIN], zeros = 1;
    double biggest[CN_AGAIN];
    open_reading(&r, call, stat, n);
    for (int i = 0; i < n; i++) r.prescale[i] = 1;
    read_all(&r, r.k->extremes_rows, 0, &kept);
    for (int i = 0; i < n; i++) {
        const double low = kept.mean[i], high = kept.mean_lo[i];
        special[i] = cn_is_special(low, high, kept.m2[i] != 0 && !how->omit_nan, how->kind, p[i]);
        biggest[i] = special[i] || low > high ? 0 : fmax(-low, high);
        r.prescale[i] = special[i] ? 1 : cn_prescale_for(biggest[i], how);
        biggest[i] *= r.prescale[i], zeros &= biggest[i] == 0;
    }
    if (how->kind == CN_LP)
        read_norms(&r, biggest, &kept);
    else if (zeros)
        memset(&kept, 0, sizeof kept);
    else
        read_all(&r, r.k->moments_rows[r.form], how->kind == CN_VAR ? CN_CENTERED : CN_NOT_CENTERED, &kept);
    for (int i = 0; i < n; i++) /* the count was summed in blocks */
        if (!special[i])
            *p[i] = (cn_partial){p[i]->count, kept.mean[i], kept.mean_lo[i], kept.m2[i], r.prescale[i]};
}

/* Those of floats do from p = 6 on: 6 * 149 < 900. */
int cn_may_be_extreme(const cn_job *job)
{
    const cn_moments *how = &job->call->moments;
    const int powers = cn_sums_powers(how) && how->p > 6;
    return (job->k->param_size == sizeof(double) || powers) && !how->x && !how->moderate &&
           how->kind < CN_EXTREMES;
}

/* Did the squares, or powers, of a group perhaps? */
static int is_extreme(const cn_moments *how, const cn_partial *of)
{
    if (!(of->count > 0)) return 0;
    if (how->kind != CN_LP) return cn_is_extreme(of, how);
    const double m2 = of->m2; /* a sum of powers, or itself the norm */
    return !(m2 <= 1 / CN_LEAST_SQUARE) || (m2 < CN_LEAST_SQUARE && !(how->p <= 2 && how->eps >= CN_LEAST_ROOT));
}

/* Of norms by p each is asked. Results do not depend on eps. */
int cn_are_ordinary(const cn_job *job, const cn_moments_view *of, ptrdiff_t n)
{
    const int large = cn_eps_is_large(&job->call->moments) && !job->call->moments.results;
    int ordinary = job->call->moments.kind != CN_LP;
    for (ptrdiff_t c = 0; c < n; c++)
        ordinary &= cn_is_ordinary(of->m2[c], of->mean[c], of->count[c * of->each], large);
    return ordinary;
}

unsigned cn_look_again(const cn_job *job, const cn_moments *how, cn_partial *p, const ptrdiff_t *stat, int n)
{
    cn_partial *again[CN_AGAIN];
    ptrdiff_t which[CN_AGAIN];
    unsigned bits = 0;
    int m = 0;
    if (!cn_may_be_extreme(job)) return 0;
    for (int i = 0; i < n; i++)
        if (is_extreme(how, &p[i])) bits |= 1u << i, again[m] = &p[i], which[m++] = stat[i];
    if (m) read_again(job->call, how, which, again, m);
    return bits;
}

void cn_put_group(const cn_kernels *k, const cn_moments *how, const cn_partial *p, cn_params *params, ptrdiff_t i,
                  ptrdiff_t times)
{
    const double eps = how->eps * p->prescale * (cn_eps_is_root(how) ? 1 : p->prescale);
    double factor = 0;
    if (p->count > 0 && how->kind == CN_LP)
        factor = cn_inverse(p->m2, eps);
    else if (p->count > 0)
        cn_scales(&factor, &p->m2, 1, p->count, how, eps);
    for (ptrdiff_t end = i + times; i < end; i++) {
        if (k->param_size != sizeof(double)) {
            cn_put_param(params, k, i, p->mean, p->mean_lo, factor * p->prescale);
            continue;
        }
        ((double *)params->hi)[i] = p->mean, ((double *)params->lo)[i] = p->mean_lo;
        ((double *)params->scale)[i] = factor, ((double *)params->prescale)[i] = p->prescale;
        params->prescaled |= p->prescale != 1;
    }
}
