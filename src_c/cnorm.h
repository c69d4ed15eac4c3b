/* cnorm.h: the C API, the only header the extension module sees. */
#ifndef CNORM_H
#define CNORM_H

#include <stddef.h>
#include <stdint.h>

/* NumPy's own limit on dimensions. */
#define CN_MAXDIM 64

typedef enum { CN_F32, CN_F64, CN_F16, CN_BF16, CN_NDTYPES } cn_dtype;

/* Elements of pictures: these, or a cn_dtype. */
enum { CN_U8 = CN_NDTYPES, CN_U16, CN_NPIXELS };

/* How moments become a scale: 1/sqrt(var + eps), the same about zero, 1/max(norm, eps). */
typedef enum { CN_VAR, CN_RMS, CN_L2 } cn_kind;

/* What apply does to its rounded result: max(y, 0), y / (1 + e^-y), y times the normal distribution, the same
 * by tanh. */
typedef enum { CN_NONE, CN_RELU, CN_SILU, CN_GELU, CN_GELU_TANH } cn_activation;

typedef enum { CN_OK, CN_NO_MEMORY } cn_status;

/* The operands of a call. STAT is an index space: an axis is reduced iff its stat stride is 0. M is a mask of
 * bytes: where it is 0, x counts in no statistic and y is 0. */
enum { CN_X, CN_Y, CN_STAT, CN_W, CN_B, CN_M, CN_NOPERANDS };

typedef struct {
    char *data;                   /* NULL: absent, then every stride is 0 */
    ptrdiff_t strides[CN_MAXDIM]; /* bytes; for CN_STAT elements; 0 = broadcast */
} cn_operand;

typedef struct {
    int ndim;
    ptrdiff_t shape[CN_MAXDIM];
    cn_dtype dtype; /* of x and y; weight and bias are float (double for CN_F64) */
    cn_operand op[CN_NOPERANDS];
    ptrdiff_t n_stats;        /* number of statistics = product of the kept axes */
    cn_activation activation; /* of y */
    /* What x is the sum of, or NULL; they lie as x does, may be x, and are added before a block of x is read:
     * only by cn_normalize, and x is written then. */
    const char *add[2];
} cn_call;

/* Mergeable moments of one group: its mean is mean + mean_lo, m2 the sum of (x - mean)^2. All 0 without an
 * element. */
typedef struct {
    double count, mean, mean_lo, m2;
} cn_partial;

/* Moments of one feature of a stream, of x * unit. */
typedef struct {
    cn_partial of;
    double unit;
} cn_state;

/* What a stream takes in: values, partials of unit 1 or states; so many doubles each. */
enum { CN_VALUES = 1, CN_PARTIALS = 4, CN_STATES = 5 };

/* to[i] = a[i] and b[i] together, the b `step` doubles apart: one of the three. 0, and nothing written, if a
 * unit is not 1, a number not finite, or one so large or small that squares might not be right. */
int cn_merge_states(cn_state *to, const cn_state *a, const double *b, ptrdiff_t step, ptrdiff_t n);

/* stats[i] = moments of group i, one read of x. */
cn_status cn_moments(const cn_call *call, cn_partial *stats);

/* y = (x - mean) * scale * w + b; stats may be NULL. */
cn_status cn_normalize(const cn_call *call, cn_kind kind, double eps, cn_partial *stats);

/* Where bytes go: n_stats rows of q in C order, a scale for each, float (double for CN_F64): the largest |y| of
 * the row / 127, or 1 where that is 0; or, if given, what scales has, one for all or one for each row. */
typedef enum { CN_OF_ROWS, CN_GIVEN, CN_GIVEN_ONE } cn_scales_kind;
typedef struct {
    int8_t *q;
    char *scales;
    cn_scales_kind kind;
} cn_int8;

/* q = y / scale for the y of cn_normalize: to nearest, ties to even, -128 ... 127; 0 for NaN. A row is a group,
 * its elements in C order. Sets the operand Y of the call. */
cn_status cn_normalize_int8(cn_call *call, cn_kind kind, double eps, const cn_int8 *to);

/* y = (x - center[i]) * scale[i] * w + b with given statistics. */
cn_status cn_apply(const cn_call *call, const double *center, const double *scale);

/* The same with mean[i] and 1 / sqrt(var[i] + eps), float (double for CN_F64); read before y is written. */
cn_status cn_apply_running(const cn_call *call, const char *mean, const char *var, double eps);

/* The window of channel c is c - below ... c + above; anchored: and channel 0. Both below C. */
typedef struct {
    ptrdiff_t below, above;
    int anchored;
    double alpha, beta, k;
} cn_response;

/* y = x / (k + alpha * sum of x^2 over the window)^beta along an axis; 0 / 0 is 0 where k is 0. y is x
 * itself or apart from it. Reads the operands X and Y of the call. */
cn_status cn_respond(const cn_call *call, int axis, const cn_response *how);

/* y = (x - center[c]) * scale[c] for a picture whose channels c lie along an axis; x of type `pixels`, y of the
 * call's. Reads the operands X and Y of the call; y is x itself, element by element, or apart from it. */
cn_status cn_picture(const cn_call *call, int pixels, int axis, const double *center, const double *scale);

/* sums[2 * c] = the sum of x over channel c, sums[2 * c + 1] that of x^2; integers. Reads the operand X. */
cn_status cn_picture_sums(const cn_call *call, int pixels, int axis, uint64_t *sums);

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
/* What compiled the core: "GCC 12.2.0". */
const char *cn_compiler(void);

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
CN_EXPORT void cn_lend_team(cn_lender parallel);

/* What runs the threads: "pool", "OpenMP" or "none". */
const char *cn_team_name(void);

#endif
