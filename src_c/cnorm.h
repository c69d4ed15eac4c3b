/* cnorm.h: a call of the C core, states and what becomes of them, settings; folders with verbs of their own have a header each. */
#ifndef CNORM_H
#define CNORM_H

#include <stddef.h>
#include <stdint.h>

/* NumPy's own limit on dimensions. */
#define CN_MAXDIM 64

typedef enum { CN_F32, CN_F64, CN_F16, CN_BF16, CN_NDTYPES } cn_dtype;

/* Elements of images: these, or a cn_dtype. */
enum { CN_U8 = CN_NDTYPES, CN_U16, CN_NELEMENTS };

/* How moments become a scale: 1/sqrt(var + eps), the same about zero, 1/max(norm, eps), the norm by p = 2 or any
 * other from 1 on: m2 is the sum of |x|^p then, of p = inf the largest |x|. Instead of moments, and without
 * a result: CN_EXTREMES, the least and the greatest element, NaN apart, inf and -inf if there is none; CN_SUMS;
 * CN_PIXEL_SUMS, of integers alone, exactly: the sum of x, that of the lower 16 bits of x^2 and that of the bits above,
 * as mean, mean_lo and m2; CN_LEAST_AT, CN_GREATEST_AT, along one axis, forwards: the value, the number of the first
 * element that has it, or -1, and that of the first NaN + 1, or 0. */
typedef enum {
    CN_VAR,
    CN_RMS,
    CN_L2,
    CN_LP,
    CN_EXTREMES,
    CN_SUMS,
    CN_PIXEL_SUMS,
    CN_LEAST_AT,
    CN_GREATEST_AT
} cn_kind;

/* How eps enters the scale of a variance or mean square: 1/sqrt(v + eps), 1/(sqrt(v) + eps), 1/max(sqrt(v), eps). */
typedef enum { CN_EPS_INSIDE, CN_EPS_OUTSIDE, CN_EPS_MAX } cn_eps_mode;

/* Numbers that calls without a result take, too: x, which then counts as CN_F64, and weights. */
#define CN_NUMBERS(X)                                                                                             \
    X(I8, int8_t)                                                                                                 \
    X(U8, uint8_t)                                                                                                \
    X(I16, int16_t)                                                                                               \
    X(U16, uint16_t)                                                                                              \
    X(I32, int32_t) X(U32, uint32_t) X(I64, int64_t) X(U64, uint64_t) X(FLOAT, float) X(DOUBLE, double)
#define CN_NUMBER_OF(NAME, type) CN_NUMBER_##NAME,
typedef enum { CN_NO_NUMBER, CN_NUMBERS(CN_NUMBER_OF) CN_N_NUMBERS } cn_number;

/* What apply does to its rounded result: bends, of one vector in a register (kernels/bends.inc): max(y, 0), y * slope where
 * y is not above 0, min(max(y, 0), 6), y * min(max(y + 3, 0), 6) / 6; and curves (kernels/curves.inc): y / (1 + e^-y), y
 * times the normal distribution, the same by tanh, 1 / (1 + e^-y), tanh. One more is a line here and its body there. */
#define CN_BENDS(X)                                                                                               \
    X(RELU, relu)                                                                                                 \
    X(LEAKY_RELU, leaky_relu)                                                                                     \
    X(RELU6, relu6)                                                                                               \
    X(HARDSWISH, hardswish)
#define CN_CURVES(X)                                                                                              \
    X(SILU, silu)                                                                                                 \
    X(GELU, gelu)                                                                                                 \
    X(GELU_TANH, gelu_tanh)                                                                                       \
    X(SIGMOID, sigmoid)                                                                                           \
    X(TANH, tanh)
#define CN_ACTIVATIONS(X) CN_BENDS(X) CN_CURVES(X)
#define CN_ENUM_OF(NAME, name) CN_##NAME,
typedef enum { CN_NONE, CN_ACTIVATIONS(CN_ENUM_OF) CN_N_ACTIVATIONS } cn_activation;

typedef enum { CN_OK, CN_NO_MEMORY } cn_status;

/* The operands of a call. STAT is an index space: an axis is reduced iff its stat stride is 0. M is a mask of
 * bytes: where it is 0, x counts in no statistic and y is 0. */
enum { CN_X, CN_Y, CN_STAT, CN_W, CN_B, CN_M, CN_NOPERANDS };

typedef struct {
    char *data;                   /* NULL: absent, then every stride is 0 */
    ptrdiff_t strides[CN_MAXDIM]; /* bytes; for CN_STAT elements; 0 = broadcast */
} cn_operand;

/* Mergeable moments of one group, of x * prescale: its mean is mean + mean_lo, m2 the sum of (x - mean)^2. All 0
 * without an element, but for prescale: a power of two, 1 unless squares would leave the range of doubles. Extremes:
 * the least as mean, the greatest as mean_lo, m2 is 1 if there is NaN. Sums: the sum is mean + mean_lo. */
typedef struct {
    double count, mean, mean_lo, m2, prescale;
} cn_partial;

/* What statistics are wanted as: numbers by their number, floats or, if wide, doubles. NULL: not wanted.
 *
 *     CN_VAR       mean, NaN of nothing; m2 / (count - correction), or the root of that: NaN or inf where that is not
 *                  positive; if omit, NaN
 *     CN_RMS       second is the sum of squares
 *     CN_SUMS      the sum or, if shared, the sum over the count, 0 of nothing
 *     CN_EXTREMES  least and greatest, or, if reach, their difference: NaN where there was nothing else or, unless omit,
 *                  where there was NaN; flags: was there NaN or, if omit, nothing else?
 *     CN_LEAST_AT  integers: where, or, unless omit, where there was NaN; of others, integers are counts */
typedef struct {
    void *first, *second;
    ptrdiff_t *integers;
    unsigned char *flags;
    int wide, omit, root, reach, shared;
    double correction;
} cn_results;

/* Where the statistics of a call come from: its own elements; doubles; running mean and variance, float (double for
 * CN_F64), or double; parameters made before, of all statistics mean in two words, scale, prescale, float as well; partials
 * at center. */
typedef enum { CN_OWN, CN_GIVEN, CN_RUNNING, CN_RUNNING_WIDE, CN_READY, CN_KNOWN } cn_source;

typedef struct {
    cn_source source;
    cn_kind kind;         /* of own and running ones */
    cn_eps_mode eps_mode; /* not of CN_L2 */
    double eps;
    double p; /* of CN_LP */
    /* given: (x - center) * scale; running: mean and var, read before y is written; ready: parameters, see below, and NULL
     * if every prescale is 1 */
    const void *center;
    const void *scale;
    cn_partial *to;            /* NULL, or where the moments of group i go: to[i] */
    const cn_results *results; /* NULL, or what they are wanted as, with y or without it */
    int omit_nan;              /* NaN counts nothing */
    int moderate;              /* the square of every finite element is within the range, as of logarithms */
    /* What an element counts: the operand W of a call without a result has such numbers, 0 or more, times a power of two;
     * x counts nothing where they are 0. CN_NO_NUMBER: 1. */
    cn_number weights;
    double weights_by;
    cn_number x; /* of a call without a result: what x is, if not of its dtype */
} cn_moments;

/* y as signed bytes: a scale for each row, float (double for CN_F64): the largest |y| of the row / 127, or 1 where
 * that is 0; or, if given, what scales has, one for all or one for each row. */
typedef enum { CN_OF_ROWS, CN_SCALES_GIVEN, CN_SCALE_GIVEN } cn_scales_kind;
typedef struct {
    char *scales; /* NULL: y is of the type of x */
    cn_scales_kind kind;
} cn_int8;

/* A call: which statistics x has, and what becomes of it.
 *
 *     y = (x - mean) * scale * w + b, activated;  or  q = y / scale of its row;  or neither: moments alone.
 *
 * q: to nearest, ties to even, -128 ... 127; 0 for NaN. It is the operand Y then, n_stats rows in C order; a row is a
 * group. */
typedef struct {
    int ndim;
    cn_dtype dtype; /* of x and y (CN_U8, CN_U16: sums); weight and bias are float (double for CN_F64) */
    ptrdiff_t shape[CN_MAXDIM];
    cn_operand op[CN_NOPERANDS];
    ptrdiff_t n_stats; /* number of statistics = product of the kept axes */
    cn_moments moments;
    /* What x is the sum of, or NULL; they lie as x does, may be x, and are added before a block of x is read: only
     * with moments of its own, and x is written then. */
    const char *add[2];
    cn_activation activation; /* of y */
    double slope;             /* of CN_LEAKY_RELU */
    cn_int8 bytes;
    ptrdiff_t parts; /* so many calls, one after the other, write an array, which may outgrow the cache */
} cn_call;

/* A call of so many axes with nothing set but 0. */
static inline void cn_clear_call(cn_call *call, int ndim)
{
    call->ndim = ndim, call->dtype = CN_F32, call->n_stats = 1;
    for (int o = 0; o < CN_NOPERANDS; o++) {
        call->op[o].data = NULL;
        for (int axis = 0; axis < ndim; axis++) call->op[o].strides[axis] = 0;
    }
    call->moments.eps_mode = CN_EPS_INSIDE;
    call->moments.source = CN_OWN, call->moments.kind = CN_VAR, call->moments.eps = 0, call->moments.p = 1;
    call->moments.center = call->moments.scale = NULL, call->moments.to = NULL, call->moments.results = NULL;
    call->moments.omit_nan = call->moments.moderate = 0;
    call->moments.weights = call->moments.x = CN_NO_NUMBER, call->moments.weights_by = 1;
    call->add[0] = call->add[1] = NULL, call->activation = CN_NONE, call->slope = 0.01;
    call->bytes.scales = NULL, call->bytes.kind = CN_OF_ROWS, call->parts = 1;
}

cn_status cn_run(const cn_call *call);

/* n floats of 16 bits as float: what parameters of calls are; and back. */
void cn_widen(cn_dtype dtype, const char *x, ptrdiff_t n, float *to);
void cn_round(cn_dtype dtype, const float *x, ptrdiff_t n, char *to);

/* y = x * activation(gate), rounded once, for n elements without gaps; y may be one of the two. */
typedef struct {
    cn_dtype dtype;
    const char *x, *gate;
    char *y;
    ptrdiff_t n;
    cn_activation activation;
    double slope;
} cn_gating;

void cn_gate(const cn_gating *of);

/* A call whose first axis are rows of n elements without gaps, with a gate behind it, or in front of it: `of` is that of all
 * rows, x and y are those of the call. Block by block: what is between the two stays in the cache. */
cn_status cn_run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, int norm_first);

/* What elements become by a call, and by which weights: `wanted`, or the most there is below it. */
typedef struct {
    double wanted; /* it, width and bias are rounded to the dtype of the call */
    double width;  /* the weight where x becomes 1 without weight and bias, and of what is not `regular` */
    double bias;   /* what is added behind the weight; -0 for nothing */
    const unsigned char *regular; /* NULL: all are */
    unsigned char *missed;        /* written: is it less than `wanted`? */
    ptrdiff_t n_missed, n_other;  /* written: of how many; how many weights are not 1 */
} cn_meeting;

/* Writes the operand W of a call on a vector of float32 or float64 with given center and scale: weights that take x
 * to `wanted`, at most 4 floats from width / y, where y is what x becomes without. Y is scratch. */
cn_status cn_meet(const cn_call *call, cn_meeting *how);

/* What a stream takes in: values or partials; so many doubles each. */
enum { CN_VALUES = 1, CN_PARTIALS = 5 };

/* to[i] = a[i] and b[i] together, the b `step` doubles apart: one of the two. omit_nan: a value that is NaN is left out.
 * 0, and what is written, but over `a` itself, means nothing, if a prescale is not 1, or a finite number so large or small that
 * squares might not be right. */
int cn_merge_states(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n,
                    int omit_nan);
/* Of states of a kind the numbers that are wanted, but for counts. */
void cn_results_of(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to);
/* Mean, variance and deviation of states. 0, and what is written means nothing, unless they are ordinary: of so
 * many elements each (0: of some; -1: of some or none), no prescale, moderate numbers, a spread that is no rounding
 * of the mean. */
int cn_spreads(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std);
/* Is each of such a mean and variance, of fewer than 2^20 elements? */
int cn_are_spread(const double *mean, const double *var, ptrdiff_t n);
/* The same of columns of any spread: 1 as the deviation of those that are but for rounding equal, NaN without an element. */
int cn_divisors(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std);
/* Is each 0 or so far from the ends of float32 that nothing made of a few leaves it? */
int cn_moderate(const double *values, ptrdiff_t n);
/* How (x - mean) / std is taken: with care, then what was written means nothing; as (x - center) * factor; with a
 * shift behind it, of what the center lacks, which shows in float64. Without an element a deviation of NaN is no care. */
typedef enum { CN_FACTORS_NONE, CN_FACTORS_PLAIN, CN_FACTORS_SHIFTED } cn_factors;

cn_factors cn_factors_of(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                         double *shift);

/* running = (1 - share) * running + share * to, rounded once to float, or double if wide. */
void cn_move(void *running, int wide, const double *to, ptrdiff_t n, double share);
/* factor = 1 / (high - low). 0, and what is written means nothing, unless all numbers are moderate and no range is
 * below the share `tiny` of its larger end. */
int cn_inverse_ranges(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor);
/* a = sqrt(a^2 + b^2), which nothing overflows. */
void cn_lengths(double *a, ptrdiff_t n, double b);
/* Is none of n elements infinite or NaN? */
int cn_finite(const void *x, cn_dtype dtype, ptrdiff_t n);
/* Is none infinite? */
int cn_bounded(const void *x, cn_dtype dtype, ptrdiff_t n);

/* The loops of a call in words, outermost first: K kept or R reduced, size, w if weight or bias varies,
 * then how the innermost is walked: "K8 R280 K6w cols". Writes at most size bytes. */
void cn_describe(const cn_call *call, char *text, size_t size);

/* Chooses the instruction set: the best one not above cap (NULL: no cap). 0 if cap can't be had. */
int cn_init(const char *cap);
const char *cn_isa_name(void);
int cn_isa_count(void);
/* The i-th instruction set, best first: its name and whether this CPU has it. */
const char *cn_isa_describe(int i, int *available);
/* The CPU features the i-th instruction set lacks here, apart by spaces. Writes at most size bytes. */
void cn_isa_missing(int i, char *text, size_t size);
/* The name of an activation: "relu"; "" for CN_NONE. */
const char *cn_activation_name(cn_activation activation);
/* What compiled the core: "GCC 12.2.0". */
const char *cn_compiler(void);
const void *cn_table(void); /* the cnorm_api of cnorm_api.h */

/* Seen from outside the library: threadpoolctl knows it by these two. */
#ifdef _WIN32
#define CN_EXPORT __declspec(dllexport)
#else
#define CN_EXPORT __attribute__((visibility("default")))
#endif
CN_EXPORT void cn_set_num_threads(int n);
CN_EXPORT int cn_get_num_threads(void);

/* GOMP_parallel of libgomp, which LLVM's and Intel's runtimes have, too: runs a function in every thread of a
 * team, 0 for as many as the runtime is set to, and returns when all have ended. From now on the threads of
 * calls are those, until NULL comes, or a fork in the child: such a runtime hangs there. Where the pool is. */
typedef void (*cn_lender)(void (*function)(void *), void *data, unsigned threads, unsigned flags);
CN_EXPORT void cn_borrow_team(cn_lender parallel);

/* What runs the threads: "pool", "OpenMP" or "none". */
const char *cn_team_name(void);

#endif
