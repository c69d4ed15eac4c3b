/* extreme.c: groups whose squares or powers leave the range of doubles, read again times a power of two of their own.
 *
 * Rare data, so one plain way for all layouts: element by element, over the axes of the call. x * 2^-k is exact
 * but for what is 2^-1000 of the largest element, and its mean, deviation and scale are ordinary numbers: apply
 * multiplies x by the same power first (`prescale`). Of floats only powers leave it. */
#include "job/extreme.h"

#include <math.h>
#include <string.h>

#include "dispatch/cpu.h"
#include "kernels/moments.h"
#include "memory/numbers.h"

/* Both 2^k and 2^-k are normal, and squares of 2^24 times any double over 2^k are finite. */
#define CN_MOST_POWER 1000

/* The elements of one group. */
typedef struct {
    const cn_kernels *k;
    const cn_call *call;
    const char *x, *mask, *weights;
    ptrdiff_t index[CN_MAXDIM];
} cn_elements;

static int is_reduced(const cn_call *call, int axis) { return call->op[CN_STAT].strides[axis] == 0; }

/* Statistics are in C order: the stride of an axis is the product of the kept sizes behind it. */
static cn_elements open_group(const cn_call *call, ptrdiff_t stat)
{
    cn_elements e = {cn_kernels_of(call->dtype), call, call->op[CN_X].data, call->op[CN_M].data, NULL, {0}};
    if (call->moments.weights) e.weights = call->op[CN_W].data;
    for (int axis = 0; axis < call->ndim; axis++) {
        if (is_reduced(call, axis)) continue;
        const ptrdiff_t i = stat / call->op[CN_STAT].strides[axis] % call->shape[axis];
        e.x += i * call->op[CN_X].strides[axis];
        if (e.mask) e.mask += i * call->op[CN_M].strides[axis];
        if (e.weights) e.weights += i * call->op[CN_W].strides[axis];
    }
    return e;
}

/* On to the next element; 0 after the last, and back at the first. */
static int step(cn_elements *e)
{
    for (int axis = e->call->ndim - 1; axis >= 0; axis--) {
        const ptrdiff_t n = e->call->shape[axis];
        if (!is_reduced(e->call, axis)) continue;
        const ptrdiff_t by = ++e->index[axis] < n ? 1 : 1 - n;
        e->x += by * e->call->op[CN_X].strides[axis];
        if (e->mask) e->mask += by * e->call->op[CN_M].strides[axis];
        if (e->weights) e->weights += by * e->call->op[CN_W].strides[axis];
        if (e->index[axis] < n) return 1;
        e->index[axis] = 0;
    }
    return 0;
}

static double value_of(const cn_elements *e)
{
    double v;
    float lane;
    if (e->k->size == sizeof v)
        memcpy(&v, e->x, sizeof v);
    else if (e->k->widen)
        e->k->widen(e->x, (char *)&lane, 1), v = lane;
    else
        memcpy(&lane, e->x, sizeof lane), v = lane;
    return v;
}

/* What the element counts, 0 if it is hidden or left out; and its value. */
static double counted(const cn_elements *e, double *value)
{
    double weight = 1;
    if (e->mask && !*e->mask) return 0;
    *value = value_of(e);
    if (e->call->moments.omit_nan && isnan(*value)) return 0;
    if (e->weights)
        cn_to_doubles(e->call->moments.weights, e->weights, 0, 1, e->call->moments.weights_by, &weight);
    return weight;
}

/* What a first read tells; it ends at what is not finite. */
typedef struct {
    double count, first, biggest;
    int differ, finite;
} measured;

static measured measure(cn_elements *e)
{
    measured m = {0, 0, 0, 0, 1};
    double v, w;
    do {
        if (!((w = counted(e, &v)) > 0)) continue;
        if (m.count == 0) m.first = v;
        m.count += w;
        m.differ |= v != m.first;
        m.finite &= v - v == 0;
        m.biggest = fmax(m.biggest, fabs(v));
    } while (step(e) && m.finite);
    return m;
}

static void add(double v, double *sum, double *rest)
{
    double low;
    cn_two_sum(*sum, v, sum, &low);
    *rest += low;
}

/* Sums of (x * prescale - pivot) and its square. */
static void sums(cn_elements *e, double prescale, double pivot, double *s1, double *s2)
{
    double v, w, sum = 0, rest = 0, squares = 0, squares_rest = 0;
    do {
        if (!((w = counted(e, &v)) > 0)) continue;
        const double d = v * prescale - pivot;
        add(w * d, &sum, &rest);
        add(w * d * d, &squares, &squares_rest);
    } while (step(e));
    *s1 = sum + rest, *s2 = squares + squares_rest;
}

/* Moments of x * prescale. */
static cn_partial moments_of(cn_elements *e, const measured *m, double prescale, cn_kind kind)
{
    double s1, s2;
    if (kind == CN_VAR && !m->differ) return (cn_partial){m->count, m->first * prescale, 0, 0, 1};
    sums(e, prescale, 0, &s1, &s2);
    if (kind != CN_VAR) return (cn_partial){m->count, 0, 0, s2, 1};
    const double pivot = s1 / m->count;
    sums(e, prescale, pivot, &s1, &s2);
    return cn_from_sums(m->count, pivot, s1, s2);
}

/* The norm by p of x * prescale. */
static double norm_of(cn_elements *e, const measured *m, double prescale, double p)
{
    const cn_kernels *k = cn_kernels_of(CN_F64);
    double sum = 0, rest = 0, v, w;
    const double biggest = m->biggest * prescale;
    if (isinf(p) || biggest == 0) return biggest;
    do {
        if (!((w = counted(e, &v)) > 0)) continue;
        v = fabs(v * prescale) / biggest;
        if (p != 1) k->power(&v, 1, p, 0);
        add(v, &sum, &rest);
    } while (step(e));
    sum += rest;
    if (p != 1) k->power(&sum, 1, p, 1);
    return biggest * sum;
}

/* k, so that the largest |x| * 2^-k and eps, as it enters the sum of squares or the norm, are about 1 or less. */
static int power(double biggest, int root, double eps)
{
    int of_x = -CN_MOST_POWER, of_eps = -CN_MOST_POWER;
    if (biggest > 0) frexp(biggest, &of_x);
    if (eps > 0) frexp(root ? eps : sqrt(eps), &of_eps);
    const int k = of_x > of_eps ? of_x : of_eps;
    return k > CN_MOST_POWER ? CN_MOST_POWER : k < -CN_MOST_POWER ? -CN_MOST_POWER : k;
}

/* The parameters of a group, from i on. */
static void put_params(const cn_elements *e, cn_params *params, ptrdiff_t i, ptrdiff_t times, const cn_partial *p,
                       double factor, double prescale)
{
    for (ptrdiff_t end = i + times; params && i < end; i++) {
        if (e->k->param_size != sizeof(double)) {
            cn_put_param(params, e->k, i, 0, 0, factor * prescale);
            continue;
        }
        ((double *)params->hi)[i] = p->mean, ((double *)params->lo)[i] = p->mean_lo;
        ((double *)params->scale)[i] = factor, ((double *)params->prescale)[i] = prescale;
        params->prescaled |= prescale != 1;
    }
}

void cn_read_extreme(const cn_call *call, ptrdiff_t stat, cn_partial *moments, cn_params *params, ptrdiff_t i,
                     ptrdiff_t times)
{
    const cn_kind kind = call->moments.kind;
    const double eps = call->moments.eps;
    const int root = cn_eps_is_root(&call->moments);
    cn_elements e = open_group(call, stat);
    measured m = measure(&e);
    if (!m.finite || m.count == 0 || !isfinite(eps) || (m.biggest == 0 && !params)) return;
    m.count = moments->count; /* it was summed in blocks */
    const int k = power(m.biggest, root, eps);
    const double prescale = ldexp(1, -k);
    cn_partial p;
    double factor;
    if (kind == CN_LP) {
        const double norm = norm_of(&e, &m, prescale, call->moments.p);
        p = (cn_partial){m.count, 0, 0, norm, 1}, factor = cn_inverse(norm, ldexp(eps, -k));
    } else {
        p = moments_of(&e, &m, prescale, kind);
        cn_scales(&factor, &p.m2, 1, p.count, &call->moments, ldexp(eps, root ? -k : -2 * k));
    }
    put_params(&e, params, i, times, &p, factor, prescale);
    if (m.biggest > 0) *moments = p, moments->prescale = prescale;
}
