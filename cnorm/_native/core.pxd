"""What the gate shares: operands and calls, and the verbs behind the GIL rule."""

cimport numpy as cnp

cdef extern from "cnorm.h" nogil:
    enum: CN_MAXDIM, CN_X, CN_Y, CN_STAT, CN_W, CN_B, CN_M
    ctypedef enum cn_dtype: CN_F32, CN_F64, CN_F16, CN_BF16
    ctypedef enum cn_kind: CN_VAR, CN_RMS, CN_L2, CN_LP, CN_EXTREMES, CN_SUMS, CN_PIXEL_SUMS, CN_LEAST_AT, CN_GREATEST_AT
    ctypedef enum cn_number:
        CN_NO_NUMBER, CN_NUMBER_I8, CN_NUMBER_U8, CN_NUMBER_I16, CN_NUMBER_U16, CN_NUMBER_I32, CN_NUMBER_U32
        CN_NUMBER_I64, CN_NUMBER_U64, CN_NUMBER_FLOAT, CN_NUMBER_DOUBLE
    ctypedef enum cn_eps_mode: CN_EPS_INSIDE, CN_EPS_OUTSIDE, CN_EPS_MAX
    ctypedef enum cn_activation: CN_NONE, CN_LEAKY_RELU
    ctypedef enum cn_status: CN_OK, CN_NO_MEMORY
    ctypedef struct cn_operand:
        char *data
        ptrdiff_t strides[64]
    ctypedef struct cn_partial:
        double count, mean, mean_lo, m2, prescale
    ctypedef struct cn_results:
        void *first
        void *second
        ptrdiff_t *integers
        unsigned char *flags
        int wide, omit, root, reach, shared
        double correction
    ctypedef enum cn_source: CN_OWN, CN_GIVEN, CN_RUNNING, CN_RUNNING_WIDE, CN_READY, CN_KNOWN
    ctypedef enum cn_scales_kind: CN_OF_ROWS, CN_SCALES_GIVEN, CN_SCALE_GIVEN
    ctypedef struct cn_int8:
        char *scales
        cn_scales_kind kind
    ctypedef struct cn_moments:
        cn_source source
        cn_kind kind
        cn_eps_mode eps_mode
        double eps, p
        const void *center
        const void *scale
        cn_partial *to
        const cn_results *results
        int omit_nan, moderate
        cn_number weights
        double weights_by
        cn_number x
    ctypedef struct cn_call:
        int ndim
        cn_dtype dtype
        ptrdiff_t shape[64]
        cn_operand op[6]
        ptrdiff_t n_stats
        cn_moments moments
        const char *add[2]
        cn_activation activation
        double slope
        cn_int8 bytes
        ptrdiff_t parts
    ctypedef struct cn_gating:
        cn_dtype dtype
        const char *x
        const char *gate
        char *y
        ptrdiff_t n
        cn_activation activation
        double slope
    void cn_clear_call(cn_call *call, int ndim)

# Only the extension `core` holds the C core; the others reach it through these, and through `verbs`.
cdef int known_dtype(cnp.ndarray x) noexcept
cdef int dtype_of(cnp.ndarray x) except -1
cdef cn_number number_of(cnp.ndarray a) noexcept
cdef void set_operand(cn_call *call, int which, cnp.ndarray a)
cdef void set_x(cn_call *call, cnp.ndarray x, int dtype)
cdef void set_stats(cn_call *call, const cnp.npy_intp *dims)
cdef void set_reduced(cn_call *call, tuple axes)
cdef cnp.ndarray new_state(cnp.ndarray x, tuple axes)
cdef void set_affine(cn_call *call, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask)
cdef int set_weights(cn_call *call, cnp.ndarray weights, double by) except -1
cdef int check_against(cnp.ndarray x, cnp.ndarray p, str name) except -1
cdef int set_real(cn_call *call, cnp.ndarray x, tuple axes, cn_kind kind, cnp.ndarray state, bint wide=*) except -1
cdef void open_results(cn_results *to, cnp.ndarray first, cnp.ndarray second, bint wide) noexcept
cdef int check(cn_status status) except -1
cdef int run(const cn_call *call, Py_ssize_t size) except -1
cdef int run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, bint norm_first) except -1
cdef void expect_cold(bint cold) noexcept
cdef const void *verbs() noexcept
cdef cnp.ndarray widened(cnp.ndarray p)
cdef int put_rounded(cnp.ndarray x, cnp.ndarray y) except -1
cpdef cnp.ndarray rounded_doubles(cnp.ndarray x, cnp.dtype dtype)
