/* api.c: the table of functions that other libraries call: what comes is checked, made a call, and run. */
#include <cnorm_api.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cnorm.h"

/* Doubles of a state. */
#define STATE (sizeof(cn_partial) / sizeof(double))
typedef struct {
    int bytes, dtype, number; /* dtype: of a call; number: of integers */
} element;

/* By the codes of the header. */
static const element elements[] = {
    [CNORM_FLOAT32] = {4, CN_F32, CN_NO_NUMBER}, [CNORM_FLOAT64] = {8, CN_F64, CN_NO_NUMBER},
    [CNORM_FLOAT16] = {2, CN_F16, CN_NO_NUMBER}, [CNORM_BFLOAT16] = {2, CN_BF16, CN_NO_NUMBER},
    [CNORM_INT8] = {1, CN_F64, CN_NUMBER_I8},    [CNORM_UINT8] = {1, CN_F64, CN_NUMBER_U8},
    [CNORM_INT16] = {2, CN_F64, CN_NUMBER_I16},  [CNORM_UINT16] = {2, CN_F64, CN_NUMBER_U16},
    [CNORM_INT32] = {4, CN_F64, CN_NUMBER_I32},  [CNORM_UINT32] = {4, CN_F64, CN_NUMBER_U32},
    [CNORM_INT64] = {8, CN_F64, CN_NUMBER_I64},  [CNORM_UINT64] = {8, CN_F64, CN_NUMBER_U64},
    [CNORM_BOOL] = {1, CN_F64, CN_NUMBER_U8},
};
#define N_ELEMENTS ((int)(sizeof elements / sizeof *elements))

static const char *message(int status)
{
    static const char *const words[] = {
        [CNORM_OK] = "no error",
        [CNORM_NO_MEMORY] = "no memory for the work space",
        [CNORM_BAD_DTYPE] = "dtype: not one this function takes",
        [CNORM_BAD_SHAPE] = "shape, axes: expected 0 to 64 dimensions, no negative size, axes below ndim",
        [CNORM_BAD_POINTER] = "an array: NULL, or a pointer or stride that is no multiple of an element's size",
        [CNORM_BAD_OPTION] = "kind, eps, eps_mode, correction: not one this function takes",
        [CNORM_OUT_OF_RANGE] = "states: their squares leave the range of doubles",
    };
    return status >= 0 && status < (int)(sizeof words / sizeof *words) ? words[status] : "no such status";
}

/* Sizes, and statistics in C order along the axes that are not reduced. */
static int open_call(cn_call *call, int dtype, int ndim, const ptrdiff_t *shape, uint64_t axes, ptrdiff_t *size)
{
    const ptrdiff_t most = PTRDIFF_MAX / 8;
    if (dtype < 0 || dtype >= N_ELEMENTS) return CNORM_BAD_DTYPE;
    if (ndim < 0 || ndim > CN_MAXDIM || (ndim && !shape) || (ndim < 64 && axes >> ndim)) return CNORM_BAD_SHAPE;
    cn_clear_call(call, ndim);
    call->dtype = (cn_dtype)elements[dtype].dtype, call->moments.x = (cn_number)elements[dtype].number;
    *size = 1;
    for (int axis = ndim - 1; axis >= 0; axis--) {
        const ptrdiff_t n = shape[axis];
        if (n < 0 || (n && *size > most / n)) return CNORM_BAD_SHAPE;
        const int kept = !(axes >> axis & 1);
        call->shape[axis] = n, *size *= n;
        call->op[CN_STAT].strides[axis] = kept && n != 1 ? call->n_stats : 0;
        if (kept && n && call->n_stats > most / n) return CNORM_BAD_SHAPE;
        if (kept) call->n_stats *= n;
    }
    return CNORM_OK;
}

/* An operand of elements of so many bytes. Strides of axes of one element say nothing. */
static int set_operand(cn_call *call, int which, const void *data, const ptrdiff_t *strides, int bytes)
{
    cn_operand *op = &call->op[which];
    uintptr_t odd = (uintptr_t)data;
    ptrdiff_t dense = bytes;
    op->data = (char *)data;
    for (int axis = call->ndim - 1; axis >= 0; axis--) {
        const ptrdiff_t stride = strides ? strides[axis] : dense;
        op->strides[axis] = call->shape[axis] == 1 ? 0 : stride;
        odd |= (uintptr_t)op->strides[axis];
        dense *= call->shape[axis];
    }
    return data && odd % (uintptr_t)bytes == 0 ? CNORM_OK : CNORM_BAD_POINTER;
}

/* Parameters that may be absent. */
static int set_parameter(cn_call *call, int which, const void *data, const ptrdiff_t *strides)
{
    return data ? set_operand(call, which, data, strides, call->dtype == CN_F64 ? 8 : 4) : CNORM_OK;
}

static int status_of(cn_status status) { return status == CN_OK ? CNORM_OK : CNORM_NO_MEMORY; }

/* The states of a call that was opened; of no elements, each is empty. */
static int take_states(cn_call *call, ptrdiff_t size, const void *x, const ptrdiff_t *strides, int bytes,
                       cn_partial *to)
{
    for (ptrdiff_t i = 0; i < call->n_stats && !size; i++) to[i] = (cn_partial){.prescale = 1};
    if (!size) return CNORM_OK;
    const int status = set_operand(call, CN_X, x, strides, bytes);
    if (status != CNORM_OK) return status;
    call->moments.to = to;
    return status_of(cn_run(call));
}

static int states(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                  uint64_t axes, double *to)
{
    cn_call call;
    ptrdiff_t size;
    const int status = open_call(&call, dtype, ndim, shape, axes, &size);
    if (status != CNORM_OK) return status;
    if (call.n_stats && !to) return CNORM_BAD_POINTER;
    return take_states(&call, size, x, strides, elements[dtype].bytes, (cn_partial *)to);
}

static int moments(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *strides,
                   uint64_t axes, double correction, void *mean, void *var)
{
    static const cn_partial nothing = {.prescale = 1};
    cn_call call;
    ptrdiff_t size;
    int status = open_call(&call, dtype, ndim, shape, axes, &size);
    if (status != CNORM_OK) return status;
    if (isnan(correction)) return CNORM_BAD_OPTION;
    if (call.n_stats == 0) return CNORM_OK;
    if (!mean || !var) return CNORM_BAD_POINTER;
    cn_results results = {.first = mean, .second = var, .wide = call.dtype == CN_F64, .correction = correction};
    if (size) {
        status = set_operand(&call, CN_X, x, strides, elements[dtype].bytes);
        if (status != CNORM_OK) return status;
        call.moments.results = &results;
        return status_of(cn_run(&call));
    }
    const ptrdiff_t bytes = results.wide ? 8 : 4;
    for (ptrdiff_t i = 0; i < call.n_stats; i++) {
        results.first = (char *)mean + i * bytes, results.second = (char *)var + i * bytes;
        cn_results_of(&nothing, 1, CN_VAR, &results);
    }
    return CNORM_OK;
}

static int merge(ptrdiff_t n, const double *a, const double *b, double *to)
{
    if (n < 0) return CNORM_BAD_SHAPE;
    if (n == 0) return CNORM_OK;
    if (!a || !b || !to) return CNORM_BAD_POINTER;
    const size_t bytes = (size_t)n * sizeof(cn_partial);
    cn_partial *merged = to == a ? (cn_partial *)to : malloc(bytes); /* of what is refused nothing is written */
    if (!merged) return CNORM_NO_MEMORY;
    const int done = cn_merge_states(merged, (const cn_partial *)a, b, STATE, n, 0);
    if (done && to != a) memcpy(to, merged, bytes);
    if (to != a) free(merged);
    return done ? CNORM_OK : CNORM_OUT_OF_RANGE;
}

static int values(ptrdiff_t n, const double *from, double correction, int wide, void *mean, void *var)
{
    if (n < 0) return CNORM_BAD_SHAPE;
    if (isnan(correction)) return CNORM_BAD_OPTION;
    if (n == 0) return CNORM_OK;
    if (!from || !mean || !var) return CNORM_BAD_POINTER;
    const cn_results results = {.first = mean, .second = var, .wide = wide != 0, .correction = correction};
    cn_results_of((const cn_partial *)from, n, CN_VAR, &results);
    return CNORM_OK;
}

/* A call with a result, opened: floats, x and y, weight and bias. */
static int set_result(cn_call *call, int dtype, const void *x, const ptrdiff_t *x_strides, void *y,
                      const ptrdiff_t *y_strides)
{
    const int bytes = elements[dtype].bytes, status = set_operand(call, CN_X, x, x_strides, bytes);
    return status != CNORM_OK ? status : set_operand(call, CN_Y, y, y_strides, bytes);
}

static int set_affine(cn_call *call, const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                      const ptrdiff_t *bias_strides)
{
    const int status = set_parameter(call, CN_W, weight, weight_strides);
    return status != CNORM_OK ? status : set_parameter(call, CN_B, bias, bias_strides);
}

static int normalize(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides,
                     void *y, const ptrdiff_t *y_strides, uint64_t axes, int kind, double eps, int eps_mode,
                     const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                     const ptrdiff_t *bias_strides)
{
    static const cn_kind kinds[] = {[CNORM_VARIANCE] = CN_VAR, [CNORM_MEAN_SQUARE] = CN_RMS, [CNORM_NORM] = CN_L2};
    static const cn_eps_mode modes[] = {
        [CNORM_EPS_INSIDE] = CN_EPS_INSIDE, [CNORM_EPS_OUTSIDE] = CN_EPS_OUTSIDE, [CNORM_EPS_MAX] = CN_EPS_MAX};
    cn_call call;
    ptrdiff_t size;
    int status = open_call(&call, dtype, ndim, shape, axes, &size);
    if (status != CNORM_OK) return status;
    if (elements[dtype].number != CN_NO_NUMBER) return CNORM_BAD_DTYPE;
    if (kind < CNORM_VARIANCE || kind > CNORM_NORM || eps_mode < CNORM_EPS_INSIDE || eps_mode > CNORM_EPS_MAX ||
        !(eps >= 0))
        return CNORM_BAD_OPTION;
    if (size == 0) return CNORM_OK;
    status = set_result(&call, dtype, x, x_strides, y, y_strides);
    if (status == CNORM_OK) status = set_affine(&call, weight, weight_strides, bias, bias_strides);
    if (status != CNORM_OK) return status;
    call.moments.kind = kinds[kind], call.moments.eps = eps, call.moments.eps_mode = modes[eps_mode];
    return status_of(cn_run(&call));
}

static int apply(int dtype, int ndim, const ptrdiff_t *shape, const void *x, const ptrdiff_t *x_strides, void *y,
                 const ptrdiff_t *y_strides, uint64_t axes, const double *center, const double *scale,
                 const void *weight, const ptrdiff_t *weight_strides, const void *bias,
                 const ptrdiff_t *bias_strides)
{
    cn_call call;
    ptrdiff_t size;
    int status = open_call(&call, dtype, ndim, shape, axes, &size);
    if (status != CNORM_OK) return status;
    if (elements[dtype].number != CN_NO_NUMBER) return CNORM_BAD_DTYPE;
    if (size == 0) return CNORM_OK;
    if (!center || !scale) return CNORM_BAD_POINTER;
    status = set_result(&call, dtype, x, x_strides, y, y_strides);
    if (status == CNORM_OK) status = set_affine(&call, weight, weight_strides, bias, bias_strides);
    if (status != CNORM_OK) return status;
    call.moments.source = CN_GIVEN, call.moments.center = center, call.moments.scale = scale;
    return status_of(cn_run(&call));
}

/* What compiled modules rely on: a table that does not grow at its end alone is no longer this version. */
_Static_assert(offsetof(cnorm_api, version) == 0 && offsetof(cnorm_api, size) == 4, "the table begins so");
_Static_assert(offsetof(cnorm_api, message) == 8 && offsetof(cnorm_api, apply) == 8 + 6 * sizeof(void (*)(void)),
               "functions follow side by side");
_Static_assert(STATE == 5, "a state is five doubles");

const void *cn_table(void)
{
    static const cnorm_api table = {
        .version = CNORM_API_VERSION,
        .size = sizeof(cnorm_api),
        .message = message,
        .moments = moments,
        .states = states,
        .merge = merge,
        .values = values,
        .normalize = normalize,
        .apply = apply,
    };
    return &table;
}
