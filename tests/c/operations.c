/* operations.c: every verb of the core on an array: calls, and what a plain reference in double expects. */
#include "operations.h"
#include "verbs/lrn.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-5

const operation operations[] = {
    {.name = "moments", .verb = MOMENTS},
    {.name = "normalize var", .verb = NORMALIZE, .kind = CN_VAR},
    {.name = "normalize var, w reduced, b kept",
     .verb = NORMALIZE,
     .kind = CN_VAR,
     .w = OVER_REDUCED,
     .b = OVER_KEPT},
    {.name = "normalize var, w kept, b reduced",
     .verb = NORMALIZE,
     .kind = CN_VAR,
     .w = OVER_KEPT,
     .b = OVER_REDUCED},
    {.name = "normalize rms, w reduced", .verb = NORMALIZE, .kind = CN_RMS, .w = OVER_REDUCED},
    {.name = "normalize l2", .verb = NORMALIZE, .kind = CN_L2},
    {.name = "normalize by p = 1", .verb = NORMALIZE, .kind = CN_LP, .p = 1},
    {.name = "normalize by p = 3", .verb = NORMALIZE, .kind = CN_LP, .p = 3},
    {.name = "normalize by p = inf", .verb = NORMALIZE, .kind = CN_LP, .p = INFINITY},
    {.name = "normalize by p = 1, mask of all", .verb = NORMALIZE, .kind = CN_LP, .p = 1, .mask = OVER_ALL},
    {.name = "normalize by p = inf, mask reduced",
     .verb = NORMALIZE,
     .kind = CN_LP,
     .p = INFINITY,
     .mask = OVER_REDUCED},
    {.name = "apply", .verb = APPLY},
    {.name = "apply, w and b reduced", .verb = APPLY, .w = OVER_REDUCED, .b = OVER_REDUCED},
    {.name = "apply_running, w and b kept", .verb = APPLY_RUNNING, .w = OVER_KEPT, .b = OVER_KEPT},
    {.name = "respond, axis 0", .verb = RESPOND, .axis = 0, .beta = 0.75},
    {.name = "respond, axis 0, anchored", .verb = RESPOND, .axis = 0, .beta = 0.6, .anchored = 1},
    {.name = "respond, axis 1", .verb = RESPOND, .axis = 1, .beta = 0.6},
    {.name = "respond, axis 1, anchored", .verb = RESPOND, .axis = 1, .beta = 0.75, .anchored = 1},
    {.name = "moments, mask reduced", .verb = MOMENTS, .mask = OVER_REDUCED},
    {.name = "moments, mask of all", .verb = MOMENTS, .mask = OVER_ALL},
    {.name = "normalize var, mask reduced", .verb = NORMALIZE, .w = OVER_KEPT, .mask = OVER_REDUCED},
    {.name = "normalize var, mask kept", .verb = NORMALIZE, .b = OVER_REDUCED, .mask = OVER_KEPT},
    {.name = "normalize var, mask of all", .verb = NORMALIZE, .w = OVER_REDUCED, .mask = OVER_ALL},
    {.name = "normalize l2, mask of all", .verb = NORMALIZE, .kind = CN_L2, .mask = OVER_ALL},
    {.name = "apply, mask of all", .verb = APPLY, .w = OVER_REDUCED, .b = OVER_REDUCED, .mask = OVER_ALL},
    {.name = "normalize var of a sum", .verb = NORMALIZE, .summed = 1},
    {.name = "relu of normalize rms of a sum, w reduced",
     .verb = NORMALIZE,
     .kind = CN_RMS,
     .w = OVER_REDUCED,
     .activation = CN_RELU,
     .summed = 1},
    {.name = "silu of normalize var of a sum, mask of all",
     .verb = NORMALIZE,
     .mask = OVER_ALL,
     .activation = CN_SILU,
     .summed = 1},
    {.name = "gelu of normalize var, b kept", .verb = NORMALIZE, .b = OVER_KEPT, .activation = CN_GELU},
    {.name = "gelu_tanh of apply, w and b reduced",
     .verb = APPLY,
     .w = OVER_REDUCED,
     .b = OVER_REDUCED,
     .activation = CN_GELU_TANH},
    {.name = "leaky_relu of normalize var, w kept, b reduced",
     .verb = NORMALIZE,
     .w = OVER_KEPT,
     .b = OVER_REDUCED,
     .activation = CN_LEAKY_RELU},
    {.name = "relu6 of normalize rms, w reduced, eps outside",
     .verb = NORMALIZE,
     .kind = CN_RMS,
     .w = OVER_REDUCED,
     .eps_mode = CN_EPS_OUTSIDE,
     .activation = CN_RELU6},
    {.name = "hardswish of apply_running, w and b kept",
     .verb = APPLY_RUNNING,
     .w = OVER_KEPT,
     .b = OVER_KEPT,
     .activation = CN_HARDSWISH},
    {.name = "sigmoid of normalize var, eps max, mask of all",
     .verb = NORMALIZE,
     .eps_mode = CN_EPS_MAX,
     .mask = OVER_ALL,
     .activation = CN_SIGMOID},
    {.name = "tanh of normalize var, b kept", .verb = NORMALIZE, .b = OVER_KEPT, .activation = CN_TANH},
    {.name = "relu of apply_running, mask reduced",
     .verb = APPLY_RUNNING,
     .mask = OVER_REDUCED,
     .activation = CN_RELU},
};
const int n_operations = sizeof operations / sizeof *operations;

int applies(const operation *op, const layout *how)
{
    return op->verb != RESPOND || how->ndim == 2 || (how->ndim == 3 && op->axis == 1);
}

static ptrdiff_t params(int over, const array *a)
{
    return over == NONE ? 0 : (over == OVER_KEPT ? a->groups : a->n / a->groups) * param_size(a->dtype);
}

ptrdiff_t w_bytes(const operation *op, const array *a) { return params(op->w, a); }
ptrdiff_t b_bytes(const operation *op, const array *a) { return params(op->b, a); }

ptrdiff_t mask_bytes(const operation *op, const array *a)
{
    return op->mask == OVER_ALL ? a->n : params(op->mask, a) / param_size(a->dtype);
}

ptrdiff_t first_bytes(const operation *op, const array *a)
{
    switch (op->verb) {
    case MOMENTS:
    case NORMALIZE: return a->groups * (ptrdiff_t)sizeof(cn_partial);
    case APPLY: return a->groups * (ptrdiff_t)sizeof(double);
    case APPLY_RUNNING: return a->groups * param_size(a->dtype);
    default: return 0;
    }
}

ptrdiff_t second_bytes(const operation *op, const array *a)
{
    return op->verb == APPLY || op->verb == APPLY_RUNNING ? first_bytes(op, a) : 0;
}

void fill_inputs(const operation *op, const operands *o)
{
    const ptrdiff_t size = op->verb == APPLY ? 8 : param_size(o->a->dtype), given = second_bytes(op, o->a) / size;
    const ptrdiff_t own = param_size(o->a->dtype);
    fill_params(o->w, own, w_bytes(op, o->a) / own, 1);
    fill_params(o->b, own, b_bytes(op, o->a) / own, 2);
    fill_params(o->first, size, given, 3);
    fill_params(o->second, size, given, 4);
    fill_mask(o->mask, mask_bytes(op, o->a), 5);
}

/* Strides of a contiguous array over the reduced axes, the kept or all. */
static void set_strides(cn_operand *op, const array *a, int over, ptrdiff_t size)
{
    for (int axis = a->how->ndim - 1; axis >= 0; axis--) {
        int varies = over == OVER_ALL || over == (a->how->reduced >> axis & 1 ? OVER_REDUCED : OVER_KEPT);
        op->strides[axis] = varies && a->shape[axis] > 1 ? size : 0;
        if (varies) size *= a->shape[axis];
    }
}

static cn_lrn_window response_of(const operation *op, const array *a)
{
    ptrdiff_t most = a->shape[op->axis] - 1;
    return (cn_lrn_window){most < 2 ? most : 2, most < 1 ? most : 1, op->anchored, 0.3, op->beta, 1.5};
}

cn_call call_of(const operation *op, const operands *o)
{
    const array *a = o->a;
    cn_call call = {.ndim = a->how->ndim, .dtype = a->dtype, .n_stats = a->groups};
    for (int axis = 0; axis < call.ndim; axis++) {
        call.shape[axis] = a->shape[axis];
        call.op[CN_X].strides[axis] = a->strides[axis];
        if (op->verb != MOMENTS) call.op[CN_Y].strides[axis] = a->strides[axis];
    }
    call.op[CN_X].data = o->x + a->first;
    if (op->verb != MOMENTS) call.op[CN_Y].data = o->y + a->first;
    set_strides(&call.op[CN_STAT], a, OVER_KEPT, 1);
    if (op->w) call.op[CN_W].data = o->w, set_strides(&call.op[CN_W], a, op->w, param_size(a->dtype));
    if (op->b) call.op[CN_B].data = o->b, set_strides(&call.op[CN_B], a, op->b, param_size(a->dtype));
    call.activation = op->activation, call.slope = 0.01;
    if (op->summed) {
        call.add[0] = o->x + a->first, call.add[1] = o->r + a->first;
        call.op[CN_X].data = o->sum + a->first;
    }
    if (op->mask) call.op[CN_M].data = o->mask, set_strides(&call.op[CN_M], a, op->mask, 1);
    call.moments.kind = op->kind, call.moments.eps = EPS, call.moments.eps_mode = op->eps_mode;
    call.moments.p = op->p;
    if (op->verb <= NORMALIZE)
        call.moments.to = (cn_partial *)o->first;
    else
        call.moments.center = o->first, call.moments.scale = o->second;
    if (op->verb == APPLY) call.moments.source = CN_GIVEN;
    if (op->verb == APPLY_RUNNING) call.moments.source = CN_RUNNING;
    return call;
}

cn_status run(const operation *op, const operands *o)
{
    const array *a = o->a;
    const cn_call call = call_of(op, o);
    cn_lrn_window how = response_of(op, a);
    switch (op->verb) {
    case RESPOND: return cn_lrn(&call, op->axis, &how);
    default: return cn_run(&call);
    }
}

/* A parameter of element i. */
static double param(const operands *o, const char *data, int over, ptrdiff_t i, double absent)
{
    cn_dtype dtype = o->a->dtype == CN_F64 ? CN_F64 : CN_F32;
    ptrdiff_t index = over == OVER_KEPT ? o->a->kept[i] : o->a->reduced[i];
    return over == NONE ? absent : decode(dtype, data + index * param_size(dtype));
}

static int shown(const operation *op, const operands *o, ptrdiff_t i)
{
    const array *a = o->a;
    return !op->mask || o->mask[op->mask == OVER_ALL ? i : op->mask == OVER_KEPT ? a->kept[i] : a->reduced[i]];
}

static double activated(cn_activation kind, double y)
{
    switch (kind) {
    case CN_RELU: return fmax(y, 0);
    case CN_LEAKY_RELU: return y > 0 ? y : y * 0.01;
    case CN_RELU6: return fmin(fmax(y, 0), 6);
    case CN_HARDSWISH: return y * fmin(fmax(y + 3, 0), 6) / 6;
    case CN_SIGMOID: return 1 / (1 + exp(-y));
    case CN_TANH: return tanh(y);
    case CN_SILU: return y / (1 + exp(-y));
    case CN_GELU: return y * 0.5 * erfc(-y * 0.70710678118654752440);
    case CN_GELU_TANH: return y / (1 + exp(-2 * 0.79788456080286535588 * (y + 0.044715 * y * y * y)));
    default: return y;
    }
}

static const double tolerance[CN_NDTYPES] = {3e-6, 1e-14, 0x1.01p-11, 0x1.01p-8};

static int near(double value, double expected, double size, double bound)
{
    return fabs(value - expected) <= bound * (1 + size);
}

/* What a reference has of each group: center and factor as the operation has them (of MOMENTS mean and
 * variance), and how many are shown. */
typedef struct {
    double *center, *factor, *count;
} groups;

/* mean, mean of squares about it (about 0 if not centered) of each group. */
static void moments_of(const operation *op, const operands *o, const double *x, const groups *g)
{
    const array *a = o->a;
    memset(g->center, 0, (size_t)a->groups * sizeof *g->center);
    memset(g->count, 0, (size_t)a->groups * sizeof *g->count);
    for (ptrdiff_t i = 0; i < a->n; i++) g->count[a->kept[i]] += shown(op, o, i);
    for (int read = 0; read < 2 * (op->kind == CN_VAR); read++) { /* the second repairs what the first rounded */
        memset(g->factor, 0, (size_t)a->groups * sizeof *g->factor);
        for (ptrdiff_t i = 0; i < a->n; i++)
            if (shown(op, o, i)) g->factor[a->kept[i]] += x[i] - g->center[a->kept[i]];
        for (ptrdiff_t k = 0; k < a->groups; k++) g->center[k] += g->factor[k] / fmax(g->count[k], 1);
    }
    memset(g->factor, 0, (size_t)a->groups * sizeof *g->factor);
    for (ptrdiff_t i = 0; i < a->n; i++) {
        double d = x[i] - g->center[a->kept[i]];
        if (shown(op, o, i)) g->factor[a->kept[i]] += d * d / g->count[a->kept[i]];
    }
}

/* The norm by p of each group, as factor. */
static void norms_of(const operation *op, const operands *o, const double *x, const groups *g)
{
    const array *a = o->a;
    memset(g->factor, 0, (size_t)a->groups * sizeof *g->factor);
    for (ptrdiff_t i = 0; i < a->n; i++) {
        double *norm = &g->factor[a->kept[i]], size = shown(op, o, i) ? fabs(x[i]) : 0;
        *norm = isinf(op->p) ? fmax(*norm, size) : *norm + pow(size, op->p);
    }
    for (ptrdiff_t k = 0; k < a->groups && !isinf(op->p); k++) g->factor[k] = pow(g->factor[k], 1 / op->p);
}

static double window(const operation *op, const array *a, const double *x, ptrdiff_t i)
{
    const cn_lrn_window how = response_of(op, a);
    ptrdiff_t step = 1;
    for (int axis = a->how->ndim - 1; axis > op->axis; axis--) step *= a->shape[axis];
    ptrdiff_t c = i / step % a->shape[op->axis];
    double sum = op->anchored && c > how.below ? x[i - c * step] * x[i - c * step] : 0;
    for (ptrdiff_t j = c - how.below; j <= c + how.above; j++)
        if (j >= 0 && j < a->shape[op->axis]) sum += x[i + (j - c) * step] * x[i + (j - c) * step];
    return pow(how.k + how.alpha * sum, -how.beta);
}

static double with_eps(cn_eps_mode mode, double v)
{
    return mode == CN_EPS_MAX ? fmax(sqrt(v), EPS) : mode == CN_EPS_OUTSIDE ? sqrt(v) + EPS : sqrt(v + EPS);
}

static void statistics(const operation *op, const operands *o, const double *x, const groups *of)
{
    const array *a = o->a;
    const cn_dtype dtype = a->dtype == CN_F64 ? CN_F64 : CN_F32;
    double *center = of->center, *factor = of->factor;
    if (op->verb <= NORMALIZE) moments_of(op, o, x, of);
    if (op->verb <= NORMALIZE && op->kind == CN_LP) norms_of(op, o, x, of);
    for (ptrdiff_t g = 0; g < a->groups; g++) {
        if (op->verb == APPLY) center[g] = ((double *)o->first)[g], factor[g] = ((double *)o->second)[g];
        if (op->verb == APPLY_RUNNING) {
            center[g] = decode(dtype, o->first + g * param_size(dtype));
            factor[g] = decode(dtype, o->second + g * param_size(dtype));
        }
        if (op->verb == NORMALIZE && op->kind == CN_L2)
            factor[g] = 1 / fmax(sqrt(factor[g] * of->count[g]), EPS);
        else if (op->verb == NORMALIZE && op->kind == CN_LP)
            factor[g] = 1 / fmax(factor[g], EPS);
        else if (op->verb == NORMALIZE || op->verb == APPLY_RUNNING)
            factor[g] = 1 / with_eps(op->eps_mode, factor[g]);
    }
}

static int moments_as_expected(const operands *o, const groups *of)
{
    const cn_partial *p = (const cn_partial *)o->first;
    const double bound = o->a->dtype == CN_F64 ? 1e-14 : 3e-6;
    int good = 1;
    for (ptrdiff_t g = 0; g < o->a->groups; g++) {
        const double mean = of->center[g], var = of->factor[g], n = of->count[g];
        good &= p[g].count == n && near(p[g].mean + p[g].mean_lo, mean, fabs(mean) + sqrt(var), bound) &&
                near(p[g].m2 / fmax(n, 1), var, var, 2 * bound);
    }
    return good;
}

int as_expected(const operation *op, const operands *o, const char *x)
{
    const array *a = o->a;
    double *values = malloc((size_t)(a->n + 3 * a->groups) * sizeof *values), *center = values + a->n;
    const groups of = {center, center + a->groups, center + 2 * a->groups};
    int good = 1;
    for (ptrdiff_t i = 0; i < a->n; i++) values[i] = decode(a->dtype, x + a->at[i]);
    statistics(op, o, values, &of);
    if (op->verb == MOMENTS) good = moments_as_expected(o, &of);
    for (ptrdiff_t i = 0; i < a->n && op->verb != MOMENTS; i++) {
        double scaled = op->verb == RESPOND ? values[i] * window(op, a, values, i)
                                            : (values[i] - center[a->kept[i]]) * of.factor[a->kept[i]];
        double b = param(o, o->b, op->b, i, 0), expected = scaled * param(o, o->w, op->w, i, 1) + b;
        double y = decode(a->dtype, o->y + a->at[i]),
               bound = (op->activation > CN_RELU ? 2.5 : 1) * tolerance[a->dtype];
        good &= shown(op, o, i) ? near(y, activated(op->activation, expected), fabs(expected) + fabs(b), bound)
                                : y == 0;
    }
    free(values);
    return good;
}

int sum_as_expected(const operands *o, const char *x, const char *r)
{
    static const double bound[CN_NDTYPES] = {0x1p-24, 0x1p-53, 0x1p-11, 0x1p-8};
    const array *a = o->a;
    int good = 1;
    for (ptrdiff_t i = 0; i < a->n; i++) {
        double expected = decode(a->dtype, x + a->at[i]) + decode(a->dtype, r + a->at[i]);
        good &= fabs(decode(a->dtype, o->sum + a->at[i]) - expected) <= bound[a->dtype] * fabs(expected) + 0x1p-25;
    }
    return good;
}
