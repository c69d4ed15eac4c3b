# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Gate to the C core: ndarrays to operands, the GIL, status to exception; nothing else."""

import os

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int64_t
from libc.string cimport memset

from cnorm._native.kept cimport new_as

cnp.import_array()

cdef extern from "call/cold.h" nogil:
    void cn_expect_cold(int cold)

cdef extern from "cnorm.h" nogil:
    ctypedef struct cn_lrn_window:
        ptrdiff_t below, above
        int anchored
        double alpha, beta, k
    int cn_merge_states(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n,
                        int omit_nan)
    void cn_results_of(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to)
    int cn_moderate(const double *values, ptrdiff_t n)
    int cn_spreads(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std)
    ctypedef enum cn_factors: CN_FACTORS_NONE, CN_FACTORS_PLAIN, CN_FACTORS_SHIFTED
    cn_factors cn_factors_of(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                             double *shift)
    void cn_move(void *running, int wide, const double *to, ptrdiff_t n, double share)
    int cn_finite(const void *x, cn_dtype dtype, ptrdiff_t n)
    int cn_inverse_ranges(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor)
    ctypedef struct cn_meeting:
        double wanted, width
        const unsigned char *regular
        double *first
        double *best
        double *chosen
        unsigned char *missed
        ptrdiff_t n_missed, n_other
    cn_status cn_meet(const cn_call *call, cn_meeting *how)
    ctypedef struct cn_labels:
        const void *at
        int narrow
    ctypedef struct cn_groups:
        int axis
        ptrdiff_t n
        const ptrdiff_t *starts
        cn_labels labels
        void *space
        size_t space_size
    size_t cn_group_space(const cn_call *call, const cn_groups *groups)
    int cn_count_labels(cn_labels labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts)
    cn_status cn_group_moments(const cn_call *call, const cn_groups *groups, void *params)
    cn_status cn_group_apply(const cn_call *call, int axis, cn_labels labels)
    cn_status cn_lrn(const cn_call *call, int axis, const cn_lrn_window *how)
    ctypedef enum cn_window_kind:
        CN_WINDOW_SUM, CN_WINDOW_MEAN, CN_WINDOW_MOMENTS, CN_WINDOW_LEAST, CN_WINDOW_GREATEST
        CN_WINDOW_LEAST_AT, CN_WINDOW_GREATEST_AT
    ctypedef enum cn_spread: CN_SPREAD_VAR, CN_SPREAD_STD, CN_SPREAD_SCALE
    ctypedef struct cn_window:
        cn_number x
        int floats
        cn_window_kind kind
        ptrdiff_t window, forward, least
        cn_spread spread
        double correction, eps
    ctypedef struct cn_decay:
        cn_number x
        int floats, adjust
        double alpha
        ptrdiff_t least
    cn_status cn_windows(const cn_call *call, int axis, const cn_window *how)
    cn_status cn_decayed(const cn_call *call, int axis, const cn_decay *how)
    enum: CN_U8, CN_U16
    cn_status cn_image(const cn_call *call, int pixels, int axis, const double *center, const double *scale,
                       const double *clip, int wide)
    ctypedef struct cn_sparse:
        const char *data
        cn_number number
        const char *indices
        int wide
        const int64_t *starts
        ptrdiff_t rows, width
    ctypedef enum cn_order: CN_IN_ORDER, CN_OUT_OF_ORDER, CN_OUTSIDE
    cn_order cn_sparse_order(const cn_sparse *m)
    cn_status cn_sparse_moments(const cn_sparse *m, int across, const double *weights, int omit_nan, cn_partial *to,
                                cn_order *order)
    cn_status cn_sparse_extremes(const cn_sparse *m, int across, cn_partial *to, cn_order *order)
    cn_status cn_sparse_repeats(const cn_sparse *m, int *repeats)
    cn_status cn_sparse_add_repeats(const cn_sparse *m, char *data, char *indices, int64_t *starts)
    void cn_sparse_divide(const cn_sparse *m, int across, const double *by, double most, char *y)
    ctypedef struct cn_patches:
        ptrdiff_t side, merge, temporal
    cn_status cn_image_patches(const cn_call *call, int pixels, const double *center, const double *scale,
                               const double *clip, const cn_patches *patches)
    cn_status cn_run(const cn_call *call)
    void cn_gate(const cn_gating *of)
    cn_status cn_run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, int norm_first)
    void cn_widen(cn_dtype dtype, const char *x, ptrdiff_t n, float *to)
    void cn_describe(const cn_call *call, char *text, size_t size)
    int cn_init(const char *cap)
    const char *cn_isa_name()
    int cn_isa_count()
    const char *cn_isa_describe(int i, int *available)
    void cn_isa_missing(int i, char *text, size_t size)
    enum: CN_N_ACTIVATIONS
    const char *cn_activation_name(cn_activation activation)
    const char *cn_compiler()
    const void *cn_table()
    void cn_set_num_threads(int n)
    int cn_get_num_threads()
    const char *cn_team_name()

cdef extern from "Python.h":
    ctypedef struct PyThreadState
    PyThreadState *PyEval_SaveThread()
    void PyEval_RestoreThread(PyThreadState *released)

# Below this many elements (about 10 us) releasing the GIL costs more than it gives others.
cdef Py_ssize_t RELEASE = 32768


cdef inline PyThreadState *release(Py_ssize_t size) noexcept:
    """Lets other threads run until `resume`, if so many elements are worth it."""
    return PyEval_SaveThread() if size >= RELEASE else NULL


cdef inline void resume(PyThreadState *released) noexcept:
    if released != NULL:
        PyEval_RestoreThread(released)


# The type number of ml_dtypes' bfloat16, once an array of it has been seen; every thread finds the same.
cdef extern from *:
    """
    static _Atomic int bfloat16_num = -2;
    """
    int bfloat16_num


cdef int known_dtype(cnp.ndarray x) noexcept:
    """The kernel row of x, or -1: none, or a bfloat16 not met before."""
    cdef int num = cnp.PyArray_TYPE(x)
    if num == cnp.NPY_FLOAT32:
        return CN_F32
    if num == cnp.NPY_FLOAT64:
        return CN_F64
    if num == cnp.NPY_FLOAT16:
        return CN_F16
    return CN_BF16 if num == bfloat16_num else -1


cdef int dtype_of(cnp.ndarray x) except -1:
    global bfloat16_num
    cdef int dtype = known_dtype(x)
    if dtype >= 0:
        return dtype
    if x.dtype.name != "bfloat16":
        raise TypeError(f"no kernel for dtype {x.dtype}")
    bfloat16_num = cnp.PyArray_TYPE(x)
    return CN_BF16


cdef void set_operand(cn_call *call, int which, cnp.ndarray a):
    """Strides of a, 0 where it is broadcast against the call's shape."""
    cdef cn_operand *op = &call.op[which]
    cdef int axis
    op.data = <char *>cnp.PyArray_DATA(a)
    for axis in range(call.ndim):
        op.strides[axis] = 0 if cnp.PyArray_DIM(a, axis) == 1 else cnp.PyArray_STRIDE(a, axis)


cdef void set_x(cn_call *call, cnp.ndarray x, int dtype):
    cdef int axis
    cn_clear_call(call, cnp.PyArray_NDIM(x))
    call.dtype = <cn_dtype>dtype
    for axis in range(call.ndim):
        call.shape[axis] = cnp.PyArray_DIM(x, axis)
    set_operand(call, CN_X, x)


cdef void set_stats(cn_call *call, const cnp.npy_intp *dims):
    """C-ordered statistics of shape dims, counted in elements."""
    cdef int axis
    cdef ptrdiff_t stride = 1
    for axis in range(call.ndim - 1, -1, -1):
        call.op[CN_STAT].strides[axis] = 0 if dims[axis] == 1 else stride
        stride *= dims[axis]
    call.n_stats = stride


cdef void set_reduced(cn_call *call, tuple axes):
    """One statistic for each index of the axes that are not reduced."""
    cdef cnp.npy_intp dims[64]
    cdef int axis
    for axis in range(call.ndim):
        dims[axis] = call.shape[axis]
    for axis in axes:
        dims[axis] = 1
    set_stats(call, dims)


cdef cnp.ndarray new_state(cnp.ndarray x, tuple axes):
    """Zeros of x's shape with axes reduced to 1, and five numbers for each group."""
    cdef cnp.npy_intp dims[65]
    cdef int ndim = cnp.PyArray_NDIM(x), axis
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in axes:
        dims[axis] = 1
    dims[ndim] = 5
    return cnp.PyArray_ZEROS(ndim + 1, dims, cnp.NPY_FLOAT64, 0)


cdef int check(cn_status status) except -1:
    if status != CN_OK:
        raise MemoryError("cnorm: no memory for the work space")
    return 0


cdef int run(const cn_call *call, Py_ssize_t size) except -1:
    cdef PyThreadState *released = release(size)
    cdef cn_status status = cn_run(call)
    resume(released)
    return check(status)


cdef void expect_cold(bint cold) noexcept:
    cn_expect_cold(cold)


cdef int run_gated(const cn_call *call, const cn_gating *of, ptrdiff_t n, bint norm_first) except -1:
    cdef PyThreadState *released = release(of.n)
    cdef cn_status status = cn_run_gated(call, of, n, norm_first)
    resume(released)
    return check(status)


cdef cnp.ndarray widened(cnp.ndarray p):
    """A parameter of 16-bit floats, without gaps, as float32."""
    cdef cnp.ndarray to = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(p), cnp.PyArray_DIMS(p), cnp.NPY_FLOAT32, 0)
    cn_widen(<cn_dtype>known_dtype(p), <const char *>cnp.PyArray_DATA(p), cnp.PyArray_SIZE(p),
             <float *>cnp.PyArray_DATA(to))
    return to


def widen(cnp.ndarray x not None):
    """Floats of 16 bits without gaps as float32, laid out alike; else None."""
    cdef int dtype
    cdef cnp.ndarray to
    if cnp.PyArray_ITEMSIZE(x) != 2 or not is_block(x):
        return None
    dtype = dtype_of(x)
    to = new_as(x, cnp.PyArray_DescrFromType(cnp.NPY_FLOAT32), cnp.NPY_KEEPORDER)
    cn_widen(<cn_dtype>dtype, <const char *>cnp.PyArray_DATA(x), cnp.PyArray_SIZE(x), <float *>cnp.PyArray_DATA(to))
    return to


cdef int set_activation(cn_call *call, tuple activation) except -1:
    """None, or the number of one and its slope."""
    if activation is not None:
        call.activation, call.slope = <cn_activation><int>activation[0], activation[1]
    return 0


cdef void set_affine(cn_call *call, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask):
    """What may be None."""
    if weight is not None:
        set_operand(call, CN_W, weight)
    if bias is not None:
        set_operand(call, CN_B, bias)
    if mask is not None:
        set_operand(call, CN_M, mask)


cdef cn_number number_of(cnp.ndarray a) noexcept:
    """What an array of numbers has, or CN_NO_NUMBER."""
    cdef int num = cnp.PyArray_TYPE(a)
    cdef bint signed = cnp.PyTypeNum_ISSIGNED(num)
    if num == cnp.NPY_FLOAT32:
        return CN_NUMBER_FLOAT
    if num == cnp.NPY_FLOAT64:
        return CN_NUMBER_DOUBLE
    if not cnp.PyTypeNum_ISINTEGER(num) and num != cnp.NPY_BOOL:
        return CN_NO_NUMBER
    size = cnp.PyArray_ITEMSIZE(a)
    if size == 1:
        return CN_NUMBER_I8 if signed else CN_NUMBER_U8
    if size == 2:
        return CN_NUMBER_I16 if signed else CN_NUMBER_U16
    if size == 4:
        return CN_NUMBER_I32 if signed else CN_NUMBER_U32
    return CN_NUMBER_I64 if signed else CN_NUMBER_U64


cdef int set_real(cn_call *call, cnp.ndarray x, tuple axes, cn_kind kind, cnp.ndarray state,
                  bint wide=False) except -1:
    """A call for statistics of x, of any real dtype, to a state or None: integers, and float32 if wide, count as float64."""
    cdef int num = cnp.PyArray_TYPE(x)
    cdef bint floats = not (cnp.PyTypeNum_ISINTEGER(num) or num == cnp.NPY_BOOL or (wide and num == cnp.NPY_FLOAT32))
    set_x(call, x, dtype_of(x) if floats else CN_F64)
    set_reduced(call, axes)
    if not floats:
        call.moments.x = number_of(x)
    call.moments.kind = kind
    if state is not None:
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    return 0


cdef cnp.ndarray reduced(cn_kind kind, cnp.ndarray x, tuple axes, cnp.ndarray mask, cnp.ndarray weights, bint omit,
                         double by, double p=1, bint wide=False):
    cdef cn_call call
    cdef cnp.ndarray state = new_state(x, axes)
    check_against(x, mask, "mask")
    check_against(x, weights, "weights")
    if cnp.PyArray_SIZE(x) == 0:
        state[..., 4] = 1
        return state
    set_real(&call, x, axes, kind, state, wide)
    call.moments.p = p
    set_affine(&call, weights, None, mask)
    if weights is not None:
        call.moments.weights, call.moments.weights_by = number_of(weights), by
        if call.moments.weights == CN_NO_NUMBER:
            raise TypeError(f"weights: expected real numbers the core takes, got {weights.dtype}")
    call.moments.omit_nan = omit
    run(&call, cnp.PyArray_SIZE(x))
    return state


def extremes(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None):
    """State [..., (count, least, greatest, NaN, 1)] of x over axes (kept with size 1), of what the mask shows.

    NaN is neither least nor greatest, inf and -inf if there is nothing else; it makes the fourth 1.
    """
    return reduced(CN_EXTREMES, x, axes, mask, None, False, 1)


def moments(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, cnp.ndarray weights=None,
            bint omit=False, double by=1, bint wide=False):
    """State [..., (count, mean, mean_lo, m2, unit)] of x over axes (kept with size 1), of what the mask shows.

    x: of any real dtype. omit: NaN counts nothing. weights times `by`, a power of two: what elements count. wide:
    float32 is summed as float64.
    """
    return reduced(CN_VAR, x, axes, mask, weights, omit, by, 1, wide)


def sums(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, cnp.ndarray weights=None,
         bint omit=False, double by=1):
    """State [..., (count, sum, what the sum lacks, 0, 1)]; arguments as for moments."""
    return reduced(CN_SUMS, x, axes, mask, weights, omit, by)


def squares(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, bint omit=False):
    """State [..., (count, 0, 0, sum of squares, unit)]; arguments as for moments."""
    return reduced(CN_RMS, x, axes, mask, None, omit, 1)


def norms(cnp.ndarray x not None, tuple axes not None, double p, cnp.ndarray mask=None):
    """State [..., (count, 0, 0, of p = 1 or inf the norm, unit)] of x * unit; arguments as for moments."""
    return reduced(CN_LP, x, axes, mask, None, False, 1, p)


cdef cn_kind kind_of(str kind):
    return CN_VAR if kind == "var" else CN_RMS if kind == "rms" else CN_L2 if kind == "l2" else CN_LP


def normalize(cnp.ndarray x not None, cnp.ndarray out not None, tuple axes not None,
              cnp.ndarray weight, cnp.ndarray bias, double eps, str kind not None,
              bint return_state=False, cnp.ndarray mask=None, tuple activation=None, tuple parts=None, bint omit=False,
              double p=1, int eps_mode=0, cnp.ndarray known=None):
    """out = (x - mean) * scale * weight + bias with moments over axes; kind: "var", "rms", "l2" or "lp".

    What the mask (bool, as many dimensions as x) hides counts in no moment; out is 0 there. activation: a
    cn_activation and a slope. parts: two arrays laid out as x, which is written: their sum. omit: NaN counts in no
    moment, and stays. p: of "lp", 1 ... inf. eps_mode: a cn_eps_mode. known: the state it gives, of unit 1, which is not
    found again.
    """
    cdef cn_call call
    cdef cnp.ndarray state = new_state(x, axes) if return_state else None
    if cnp.PyArray_SIZE(x) == 0:
        if return_state:
            state[..., 4] = 1
        return state
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    set_reduced(&call, axes)
    call.moments.kind, call.moments.eps, call.moments.p = kind_of(kind), eps, p
    call.moments.eps_mode = <cn_eps_mode>eps_mode
    if return_state:
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    if known is not None:
        if not is_vector(known, cnp.NPY_FLOAT64, 5 * call.n_stats):
            raise ValueError(f"known: expected a state of {call.n_stats} groups, got shape {(<object>known).shape}")
        call.moments.source, call.moments.center = CN_KNOWN, cnp.PyArray_DATA(known)
    set_activation(&call, activation)
    call.moments.omit_nan = omit
    if parts is not None:
        call.add[0] = <const char *>cnp.PyArray_DATA(<cnp.ndarray>parts[0])
        call.add[1] = <const char *>cnp.PyArray_DATA(<cnp.ndarray>parts[1])
    run(&call, cnp.PyArray_SIZE(x))
    return state


def plan(cnp.ndarray x not None, tuple axes not None, cnp.ndarray weight=None):
    """The loops the core makes of a call, in words: "K8 R280 K6w cols"."""
    cdef cn_call call
    cdef char text[2048]
    set_x(&call, x, dtype_of(x))
    if weight is not None:
        set_operand(&call, CN_W, weight)
    set_reduced(&call, axes)
    cn_describe(&call, text, sizeof(text))
    return text.decode()


cdef int check_against(cnp.ndarray x, cnp.ndarray p, str name) except -1:
    """Has p the dimensions of x, each as long or 1? What it has not would be read beyond its end."""
    cdef int axis, fits = p is None or cnp.PyArray_NDIM(p) == cnp.PyArray_NDIM(x)
    if p is None:
        return 0
    for axis in range(cnp.PyArray_NDIM(x) if fits else 0):
        fits &= cnp.PyArray_DIM(p, axis) in (1, cnp.PyArray_DIM(x, axis))
    if not fits:
        raise ValueError(f"{name}: expected a shape that broadcasts to {(<object>x).shape}, got {(<object>p).shape}")
    return 0


def apply(cnp.ndarray x not None, cnp.ndarray out not None, cnp.ndarray center not None,
          cnp.ndarray scale not None, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask=None,
          tuple activation=None):
    """out = (x - center) * scale * weight + bias; center and scale float64 of one broadcastable shape.

    Where the mask (bool, as many dimensions as x) hides x, out is 0. activation: a cn_activation and a slope.
    """
    cdef cn_call call
    check_against(x, center, "center")
    check_against(center, scale, "scale")
    check_against(scale, center, "center")
    check_against(x, weight, "weight")
    check_against(x, bias, "bias")
    check_against(x, mask, "mask")
    if cnp.PyArray_SIZE(x) == 0:
        return
    if cnp.PyArray_TYPE(center) != cnp.NPY_FLOAT64 or cnp.PyArray_TYPE(scale) != cnp.NPY_FLOAT64:
        raise TypeError(f"center, scale: expected float64, got {center.dtype} and {scale.dtype}")
    center = cnp.PyArray_GETCONTIGUOUS(center)
    scale = cnp.PyArray_GETCONTIGUOUS(scale)
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    set_stats(&call, cnp.PyArray_DIMS(center))
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(scale)
    set_activation(&call, activation)
    run(&call, cnp.PyArray_SIZE(x))


def gate(cnp.ndarray x not None, cnp.ndarray gate not None, cnp.ndarray out not None, tuple activation not None):
    """out = x * activation(gate); all contiguous, of one size and dtype; out may be one of the two."""
    cdef cn_gating of
    cdef ptrdiff_t n = cnp.PyArray_SIZE(x)
    for a in (x, gate, out):
        if not cnp.PyArray_ISCARRAY_RO(a) or cnp.PyArray_SIZE(a) != n or cnp.PyArray_TYPE(a) != cnp.PyArray_TYPE(x):
            raise ValueError("x, gate, out: expected contiguous arrays of one size and dtype")
    of.dtype, of.n = <cn_dtype>dtype_of(x), n
    of.x, of.gate = <const char *>cnp.PyArray_DATA(x), <const char *>cnp.PyArray_DATA(gate)
    of.y = <char *>cnp.PyArray_DATA(out)
    of.activation, of.slope = <cn_activation><int>activation[0], activation[1]
    cdef PyThreadState *released = release(n)
    cn_gate(&of)
    resume(released)


def respond(cnp.ndarray x not None, cnp.ndarray out not None, int axis, Py_ssize_t below, Py_ssize_t above,
            bint anchored, double alpha, double beta, double k):
    """out = x / (k + alpha * window)^beta; window: the sum of x^2 from below to above along axis."""
    cdef cn_call call
    cdef cn_status status
    cdef cn_lrn_window how
    cdef PyThreadState *released
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    how.below = min(below, call.shape[axis] - 1)
    how.above = min(above, call.shape[axis] - 1)
    how.anchored = anchored
    how.alpha, how.beta, how.k = alpha, beta, k
    released = release(cnp.PyArray_SIZE(x))
    status = cn_lrn(&call, axis, &how)
    resume(released)
    check(status)


cdef dict WINDOW_KINDS = {"sum": CN_WINDOW_SUM, "mean": CN_WINDOW_MEAN, "moments": CN_WINDOW_MOMENTS,
                          "min": CN_WINDOW_LEAST, "max": CN_WINDOW_GREATEST,
                          "argmin": CN_WINDOW_LEAST_AT, "argmax": CN_WINDOW_GREATEST_AT}
cdef dict SPREADS = {"var": CN_SPREAD_VAR, "std": CN_SPREAD_STD, "scale": CN_SPREAD_SCALE}


cdef int set_lines(cn_call *call, cnp.ndarray x, cnp.ndarray first, cnp.ndarray second) except -1:
    """Results of x's shape, both float32 or both float64; is it float32?"""
    cdef int num = cnp.PyArray_TYPE(first)
    check_against(first, x, "x")
    check_against(x, first, "first")
    if second is not None:
        check_against(second, x, "x")
        check_against(x, second, "second")
    if num not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) or (second is not None and cnp.PyArray_TYPE(second) != num):
        raise TypeError(f"results: expected float32 or float64, got {first.dtype}")
    if number_of(x) == CN_NO_NUMBER:
        raise TypeError(f"x: expected real numbers the core takes, got {x.dtype}")
    set_x(call, x, CN_F64)
    set_operand(call, CN_Y, first)
    if second is not None:
        set_operand(call, CN_W, second)
    return num == cnp.NPY_FLOAT32


def windows(cnp.ndarray x not None, cnp.ndarray first not None, cnp.ndarray second, int axis, str kind not None,
            Py_ssize_t window, Py_ssize_t least, Py_ssize_t forward=0, str spread="var", double correction=0,
            double eps=0):
    """first, and second of "moments", of the windows along axis that end `forward` behind each position.

    kind: "sum", "mean", "moments", "min", "max", "argmin" or "argmax"; spread: what second is: "var", "std" or "scale", what standardizes with eps.
    NaN counts nothing; NaN where there are fewer than `least` others. Results: float32 or float64, apart from x.
    """
    cdef cn_call call
    cdef cn_window how
    cdef cn_status status
    cdef PyThreadState *released
    if window < 1 or not 0 <= forward < window or not 1 <= least or (kind == "moments") != (second is not None):
        raise ValueError(f"window: expected a positive one, got {window} ({forward}, {least}, {kind})")
    how.floats = set_lines(&call, x, first, second)
    if cnp.PyArray_SIZE(x) == 0:
        return
    how.x, how.kind, how.spread = number_of(x), <cn_window_kind>WINDOW_KINDS[kind], <cn_spread>SPREADS[spread]
    how.window, how.forward, how.least = window, min(forward, call.shape[axis] - 1), least
    if how.forward < forward:  # beyond the line all is known
        how.window = window - (forward - how.forward)
    how.correction, how.eps = correction, eps
    released = release(cnp.PyArray_SIZE(x))
    status = cn_windows(&call, axis, &how)
    resume(released)
    check(status)


def decayed(cnp.ndarray x not None, cnp.ndarray mean not None, cnp.ndarray var not None, int axis, double alpha,
            bint adjust, Py_ssize_t least):
    """Exponentially weighted mean and variance along axis: float32 or float64, apart from x."""
    cdef cn_call call
    cdef cn_decay how
    cdef cn_status status
    cdef PyThreadState *released
    how.floats = set_lines(&call, x, mean, var)
    if cnp.PyArray_SIZE(x) == 0:
        return
    how.x, how.adjust, how.alpha, how.least = number_of(x), adjust, alpha, least
    released = release(cnp.PyArray_SIZE(x))
    status = cn_decayed(&call, axis, &how)
    resume(released)
    check(status)


def merge_states(cnp.ndarray state not None, cnp.ndarray other not None, bint omit=False):
    """The state [..., 5], in C order, and as many values (omit: but NaN) or states together.

    None where care is needed: units, huge or tiny numbers; `other` not float64 in C order.
    """
    cdef ptrdiff_t n = cnp.PyArray_SIZE(state) // 5
    cdef ptrdiff_t step = cnp.PyArray_SIZE(other) // n if n else 0
    cdef const cn_partial *a = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef const double *b = <const double *>cnp.PyArray_DATA(other)
    cdef cnp.ndarray merged
    cdef cn_partial *to
    cdef int done
    cdef PyThreadState *released
    if (cnp.PyArray_TYPE(other) != cnp.NPY_FLOAT64 or not cnp.PyArray_ISCARRAY_RO(other)
            or not cnp.PyArray_ISCARRAY_RO(state) or step not in (1, 5) or step * n != cnp.PyArray_SIZE(other)):
        return None
    merged = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(state), cnp.PyArray_DIMS(state), cnp.NPY_FLOAT64, 0)
    to = <cn_partial *>cnp.PyArray_DATA(merged)
    released = release(n)
    done = cn_merge_states(to, a, b, step, n, omit)
    resume(released)
    return merged if done else None


cdef cnp.ndarray of_states(cnp.ndarray state, bint wide):
    """A new array of a number for each state [..., 5]."""
    cdef int dtype = cnp.NPY_FLOAT64 if wide else cnp.NPY_FLOAT32
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(state) - 1, cnp.PyArray_DIMS(state), dtype, 0)


cdef void open_results(cn_results *to, cnp.ndarray first, cnp.ndarray second, bint wide) noexcept:
    """Where results go: an array each, or None."""
    memset(to, 0, sizeof(to[0]))
    to.first = NULL if first is None else cnp.PyArray_DATA(first)
    to.second = NULL if second is None else cnp.PyArray_DATA(second)
    to.wide = wide


cdef int of_all(cnp.ndarray state, cn_kind kind, const cn_results *to) except -1:
    """Results of states [..., 5] in C order."""
    cdef ptrdiff_t n = cnp.PyArray_SIZE(state) // 5
    cdef PyThreadState *released = release(n)
    cn_results_of(<const cn_partial *>cnp.PyArray_DATA(state), n, kind, to)
    resume(released)
    return 0


def values(cnp.ndarray state not None, double correction, bint wide, bint few=False, bint root=False):
    """Mean and variance, or its root, of states [..., 5]: float64 if wide, else float32.

    Where count is no more than the correction the variance is NaN or inf, if few, NaN.
    """
    state = cnp.PyArray_GETCONTIGUOUS(state)
    cdef cnp.ndarray mean = of_states(state, wide), var = of_states(state, wide)
    cdef cn_results to
    open_results(&to, mean, var, wide)
    to.correction, to.omit, to.root = correction, few, root
    of_all(state, CN_VAR, &to)
    return mean, var


cdef bint are_states(cnp.ndarray state) noexcept:
    """Doubles in C order, five for each group?"""
    return (cnp.PyArray_TYPE(state) == cnp.NPY_FLOAT64 and cnp.PyArray_ISCARRAY_RO(state)
            and cnp.PyArray_NDIM(state) > 0 and cnp.PyArray_DIM(state, cnp.PyArray_NDIM(state) - 1) == 5)


def spreads(cnp.ndarray state not None, double count=0):
    """Mean, variance and deviation of states; None where they are not ordinary, or of another count (`cn_spreads`)."""
    cdef cnp.ndarray mean, var, std
    if not are_states(state):
        return None
    mean, var, std = of_states(state, True), of_states(state, True), of_states(state, True)
    if not cn_spreads(<const cn_partial *>cnp.PyArray_DATA(state), cnp.PyArray_SIZE(mean), count,
                      <double *>cnp.PyArray_DATA(mean), <double *>cnp.PyArray_DATA(var),
                      <double *>cnp.PyArray_DATA(std)):
        return None
    return mean, var, std


def factors(cnp.ndarray state not None, cnp.ndarray std not None):
    """Center, factor and shift, which may be None, of (x - mean) / std; None where care is needed."""
    cdef cnp.ndarray center, factor, shift
    cdef cn_factors found
    if (not are_states(state) or cnp.PyArray_TYPE(std) != cnp.NPY_FLOAT64 or not cnp.PyArray_ISCARRAY_RO(std)
            or cnp.PyArray_SIZE(std) * 5 != cnp.PyArray_SIZE(state)):
        return None
    center, factor, shift = of_states(state, True), of_states(state, True), of_states(state, True)
    found = cn_factors_of(<const cn_partial *>cnp.PyArray_DATA(state), cnp.PyArray_SIZE(std),
                          <const double *>cnp.PyArray_DATA(std), <double *>cnp.PyArray_DATA(center),
                          <double *>cnp.PyArray_DATA(factor), <double *>cnp.PyArray_DATA(shift))
    if found == CN_FACTORS_NONE:
        return None
    return center, factor, shift if found == CN_FACTORS_SHIFTED else None


cdef bint apart(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Have two without gaps no memory in common?"""
    cdef const char *start = cnp.PyArray_BYTES(a)
    cdef const char *other = cnp.PyArray_BYTES(b)
    return start + cnp.PyArray_NBYTES(a) <= other or other + cnp.PyArray_NBYTES(b) <= start


cdef bint is_wide(cnp.ndarray x):
    return cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT64


cdef bint is_block(cnp.ndarray x) noexcept:
    """Without gaps, aligned and native?"""
    return (cnp.PyArray_ISBEHAVED_RO(x)
            and (cnp.PyArray_IS_C_CONTIGUOUS(x) or cnp.PyArray_IS_F_CONTIGUOUS(x)))


cdef bint is_packed(cnp.ndarray x) noexcept:
    """float32 or float64 without gaps, aligned and native?"""
    return cnp.PyArray_TYPE(x) in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) and is_block(x)


cdef bint is_vector(cnp.ndarray a, int num, Py_ssize_t n) noexcept:
    """n elements of this type without gaps?"""
    return cnp.PyArray_TYPE(a) == num and cnp.PyArray_ISCARRAY_RO(a) and cnp.PyArray_SIZE(a) == n


def moderate(cnp.ndarray values not None):
    """Is each of these doubles without gaps far from the ends of float32?"""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(values)
    return is_vector(values, cnp.NPY_FLOAT64, n) and bool(cn_moderate(<const double *>cnp.PyArray_DATA(values), n))


cdef cnp.ndarray same_shape(cnp.ndarray x, int num):
    """A new array in C order."""
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), num, 0)


def inverse_ranges(cnp.ndarray low not None, cnp.ndarray high not None, double tiny):
    """1 / (high - low); None where care is needed (`cn_inverse_ranges`)."""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(low)
    cdef cnp.ndarray factor
    if not is_vector(low, cnp.NPY_FLOAT64, n) or not is_vector(high, cnp.NPY_FLOAT64, n):
        return None
    factor = same_shape(low, cnp.NPY_FLOAT64)
    if not cn_inverse_ranges(<const double *>cnp.PyArray_DATA(low), <const double *>cnp.PyArray_DATA(high), n, tiny,
                             <double *>cnp.PyArray_DATA(factor)):
        return None
    return factor


cdef void set_vector(cn_call *call, int which, cnp.ndarray a):
    if a is not None:
        call.op[which].data = <char *>cnp.PyArray_DATA(a)
        call.op[which].strides[0] = cnp.PyArray_ITEMSIZE(a)


cdef cnp.ndarray full(cnp.ndarray x, bint wide, double value):
    """An array of x's shape, of one value in float64 or float32."""
    cdef Py_ssize_t i
    cdef cnp.ndarray y = same_shape(x, cnp.NPY_FLOAT64 if wide else cnp.NPY_FLOAT32)
    for i in range(cnp.PyArray_SIZE(x)):
        if wide:
            (<double *>cnp.PyArray_DATA(y))[i] = value
        else:
            (<float *>cnp.PyArray_DATA(y))[i] = <float>value
    return y


cdef cnp.ndarray rounded(cnp.ndarray x, bint wide):
    """Doubles without gaps, in float32 unless wide."""
    cdef Py_ssize_t i
    cdef cnp.ndarray y = x if wide else same_shape(x, cnp.NPY_FLOAT32)
    for i in range(0 if wide else cnp.PyArray_SIZE(x)):
        (<float *>cnp.PyArray_DATA(y))[i] = <float>(<const double *>cnp.PyArray_DATA(x))[i]
    return y


def meet(cnp.ndarray x not None, cnp.ndarray center not None, cnp.ndarray factor not None, cnp.ndarray regular,
         double first, double last, bint wide):
    """Weight and bias that take x to `last`, or just below, center to `first`, and where that is missed.

    Of (x - center) * factor * weight + bias in float32, or float64 if wide. x, center, factor: float64; regular: bool, or
    None for all. None for weights of 1, a bias of 0 and nowhere; alone where the arrays are not so, or have gaps.
    """
    cdef cn_call call
    cdef cn_meeting how
    cdef cn_status status
    cdef PyThreadState *released
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef cnp.npy_intp size = 3 * n
    cdef cnp.ndarray top, weight, y, missed, scratch, bias
    if (n == 0 or not is_vector(x, cnp.NPY_FLOAT64, n) or not is_vector(center, cnp.NPY_FLOAT64, n)
            or not is_vector(factor, cnp.NPY_FLOAT64, n)
            or not (regular is None or is_vector(regular, cnp.NPY_BOOL, n))):
        return None
    top, bias = rounded(x, wide), full(x, wide, first) if first != 0 else None
    weight, y, missed = full(x, wide, 1), full(x, wide, 0), same_shape(x, cnp.NPY_BOOL)
    scratch = cnp.PyArray_EMPTY(1, &size, cnp.NPY_FLOAT64, 0)
    cn_clear_call(&call, 1)
    call.dtype, call.shape[0], call.n_stats = CN_F64 if wide else CN_F32, n, n
    call.op[<int>CN_STAT].strides[0] = 1
    set_vector(&call, CN_X, top)
    set_vector(&call, CN_Y, y)
    set_vector(&call, CN_W, weight)
    set_vector(&call, CN_B, bias)
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(factor)
    how.wanted, how.width = last, last - first
    how.regular = NULL if regular is None else <const unsigned char *>cnp.PyArray_DATA(regular)
    how.missed = <unsigned char *>cnp.PyArray_DATA(missed)
    how.first = <double *>cnp.PyArray_DATA(scratch)
    how.best, how.chosen = how.first + n, how.first + 2 * n
    released = release(n)
    status = cn_meet(&call, &how)
    resume(released)
    check(status)
    return weight if how.n_other else None, bias, missed if how.n_missed else None


cdef bint may_move(cnp.ndarray running, cnp.ndarray to) noexcept:
    return (is_packed(running) and cnp.PyArray_ISWRITEABLE(running)
            and is_vector(to, cnp.NPY_FLOAT64, cnp.PyArray_SIZE(running)))


cdef void move_one(cnp.ndarray running, cnp.ndarray to, double share) noexcept:
    cn_move(cnp.PyArray_DATA(running), is_wide(running), <const double *>cnp.PyArray_DATA(to), cnp.PyArray_SIZE(to), share)


def move(cnp.ndarray mean not None, cnp.ndarray var not None, cnp.ndarray to_mean not None, cnp.ndarray to_var not None,
         double share):
    """running = (1 - share) * running + share * to, rounded once, of both; False where care is needed, and nothing done."""
    if not may_move(mean, to_mean) or not may_move(var, to_var) or not apart(mean, var):
        return False
    move_one(mean, to_mean, share)
    move_one(var, to_var, share)
    return True


def apply_running(cnp.ndarray x not None, cnp.ndarray out not None, cnp.ndarray mean not None, cnp.ndarray var not None,
                  cnp.ndarray weight, cnp.ndarray bias, double eps, cnp.ndarray mask=None, tuple activation=None,
                  int eps_mode=0):
    """Of (N, C, ...): out = (x - mean) / root(var, eps) * weight + bias, by vectors of C; False where care is needed.

    weight, bias, mask: as many dimensions as x. Care: mean and var are not in the compute dtype, or have gaps; no x.
    """
    cdef cn_call call
    cdef int axis, wanted = cnp.NPY_FLOAT64 if is_wide(x) else cnp.NPY_FLOAT32
    cdef Py_ssize_t channels = cnp.PyArray_DIM(x, 1)
    if (cnp.PyArray_SIZE(x) == 0 or not is_vector(mean, wanted, channels) or not is_vector(var, wanted, channels)):
        return False
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    for axis in range(call.ndim):
        call.op[<int>CN_STAT].strides[axis] = 0
    call.op[<int>CN_STAT].strides[1], call.n_stats = 1 if channels > 1 else 0, channels
    call.moments.source, call.moments.eps, call.moments.eps_mode = CN_RUNNING, eps, <cn_eps_mode>eps_mode
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    set_activation(&call, activation)
    run(&call, cnp.PyArray_SIZE(x))
    return True


def finite(cnp.ndarray x not None):
    """Is x of floats without gaps, and has neither infinity nor NaN?"""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef PyThreadState *released
    cdef int found, dtype = known_dtype(x)
    if dtype < 0 and x.dtype.name == "bfloat16":
        dtype = dtype_of(x)
    if dtype < 0 or not is_block(x):
        return False
    released = release(n)
    found = cn_finite(cnp.PyArray_DATA(x), <cn_dtype>dtype, n)
    resume(released)
    return bool(found)


def totals(cnp.ndarray state not None, bint wide):
    """The sums of states of `sums` [..., 5] in C order."""
    cdef cnp.ndarray total = of_states(state, wide)
    cdef cn_results to
    open_results(&to, total, None, wide)
    of_all(state, CN_SUMS, &to)
    return total


def ends(cnp.ndarray state not None, bint omit, bint wide):
    """Least and greatest of states of `extremes`: NaN where there was nothing else or, unless omitted, NaN."""
    cdef cnp.ndarray least = of_states(state, wide), greatest = of_states(state, wide)
    cdef cn_results to
    open_results(&to, least, greatest, wide)
    to.omit = omit
    of_all(state, CN_EXTREMES, &to)
    return least, greatest


def normalize_int8(cnp.ndarray x not None, cnp.ndarray q not None, cnp.ndarray scales not None,
                   tuple axes not None, cnp.ndarray weight, cnp.ndarray bias, double eps, str kind not None,
                   bint given, cnp.ndarray mask=None):
    """q = y / scale, rounded, for the y of normalize; scales of the rows are written or, if given, read.

    q: of x's shape; contiguous once the axes reduced are its last. scales: contiguous, one for each row, or one if
    given.
    """
    cdef cn_call call
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, q)
    set_affine(&call, weight, bias, mask)
    set_reduced(&call, axes)
    call.moments.kind, call.moments.eps = kind_of(kind), eps
    call.bytes.scales = <char *>cnp.PyArray_DATA(scales)
    if given:
        call.bytes.kind = CN_SCALE_GIVEN if cnp.PyArray_SIZE(scales) == 1 else CN_SCALES_GIVEN
    run(&call, cnp.PyArray_SIZE(x))


cdef int pixels_of(cnp.ndarray image) except -1:
    """The kernel row of a picture."""
    cdef int num = cnp.PyArray_TYPE(image)
    return CN_U8 if num == cnp.NPY_UINT8 else CN_U16 if num == cnp.NPY_UINT16 else dtype_of(image)


def picture(cnp.ndarray image not None, cnp.ndarray out not None, int axis, cnp.ndarray center not None,
            cnp.ndarray scale not None, tuple clip=None, bint wide=False):
    """out = (image - center) * scale, both of one shape; center and scale: contiguous float64 along axis.

    clip: the least and the greatest there is. wide: in float64, rounded once to float32 or float64.
    """
    cdef cn_call call
    cdef cn_status status
    cdef int pixels = pixels_of(image)
    cdef PyThreadState *released
    cdef const double *mid = <const double *>cnp.PyArray_DATA(center)
    cdef const double *factor = <const double *>cnp.PyArray_DATA(scale)
    cdef double[2] ends
    if cnp.PyArray_SIZE(image) == 0:
        return
    set_x(&call, image, dtype_of(out))
    set_operand(&call, CN_Y, out)
    if clip is not None:
        ends[0], ends[1] = clip
    released = release(cnp.PyArray_SIZE(image))
    status = cn_image(&call, pixels, axis, mid, factor, NULL if clip is None else ends, wide)
    resume(released)
    check(status)


def picture_patches(cnp.ndarray image not None, cnp.ndarray out not None, cnp.ndarray center not None,
                    cnp.ndarray scale not None, tuple patches not None, tuple clip=None):
    """Rows of patches of frames (T, C, H, W): out without gaps; patches: (side, merge, temporal), which divide."""
    cdef cn_call call
    cdef cn_status status
    cdef cn_patches how
    cdef int pixels = pixels_of(image)
    cdef PyThreadState *released
    cdef const double *mid = <const double *>cnp.PyArray_DATA(center)
    cdef const double *factor = <const double *>cnp.PyArray_DATA(scale)
    cdef double[2] ends
    how.side, how.merge, how.temporal = patches
    if cnp.PyArray_SIZE(image) == 0:
        return
    set_x(&call, image, dtype_of(out))
    call.op[CN_Y].data = <char *>cnp.PyArray_DATA(out)
    if clip is not None:
        ends[0], ends[1] = clip
    released = release(cnp.PyArray_SIZE(image))
    status = cn_image_patches(&call, pixels, mid, factor, NULL if clip is None else ends, &how)
    resume(released)
    check(status)


def pixel_sums(cnp.ndarray x not None, tuple axes not None):
    """State [..., (count, sum, squares, above)] of integers over axes (kept with size 1), exact.

    The sum of x^2 is squares + 65536 * above.
    """
    cdef cn_call call
    cdef cnp.ndarray state = new_state(x, axes)
    if cnp.PyArray_SIZE(x) == 0:
        return state
    set_x(&call, x, pixels_of(x))
    set_reduced(&call, axes)
    call.moments.kind, call.moments.to = CN_PIXEL_SUMS, <cn_partial *>cnp.PyArray_DATA(state)
    run(&call, cnp.PyArray_SIZE(x))
    return state


cdef int set_sparse(cn_sparse *m, cnp.ndarray data, cnp.ndarray indices, cnp.ndarray starts,
                    Py_ssize_t width) except -1:
    """Vectors without gaps; what the starts say of the others is the caller's to check."""
    m.data, m.number = cnp.PyArray_BYTES(data), number_of(data)
    m.indices, m.wide = cnp.PyArray_BYTES(indices), cnp.PyArray_ITEMSIZE(indices) == 8
    m.starts = <const int64_t *>cnp.PyArray_DATA(starts)
    m.rows, m.width = cnp.PyArray_SIZE(starts) - 1, width
    if m.number == CN_NO_NUMBER:
        raise TypeError(f"data: expected real numbers the core takes, got {data.dtype}")
    return 0


def sparse_order(cnp.ndarray indices not None, cnp.ndarray starts not None, Py_ssize_t width):
    """Of the indices in each row: 0 ascending, 1 all within the width, 2 not."""
    cdef cn_sparse m
    cdef cn_order order
    set_sparse(&m, indices, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(indices))
    order = cn_sparse_order(&m)
    resume(released)
    return order


def sparse_moments(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
                   Py_ssize_t width, bint across, cnp.ndarray weights=None, bint omit=False):
    """State [rows, 5], or [width, 5] (across), of a matrix with all its zeros; and the order of its indices.

    weights: float64, of the positions of a group. omit: NaN counts nothing. Of order 2 nothing else is right.
    """
    cdef cn_sparse m
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray state
    cdef const double *w = NULL
    cdef cn_order order
    cdef cn_status status
    if weights is not None:
        w = <const double *>cnp.PyArray_DATA(weights)
    set_sparse(&m, data, indices, starts, width)
    dims[0], dims[1] = width if across else m.rows, 5
    state = cnp.PyArray_ZEROS(2, dims, cnp.NPY_FLOAT64, 0)
    cdef cn_partial *to = <cn_partial *>cnp.PyArray_DATA(state)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = cn_sparse_moments(&m, across, w, omit, to, &order)
    resume(released)
    check(status)
    return state, order


def sparse_extremes(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
                    Py_ssize_t width, bint across):
    """State [..., (count, least, greatest, 0, 1)] and the order of indices; as sparse_moments."""
    cdef cn_sparse m
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray state
    cdef cn_order order
    cdef cn_status status
    set_sparse(&m, data, indices, starts, width)
    dims[0], dims[1] = width if across else m.rows, 5
    state = cnp.PyArray_ZEROS(2, dims, cnp.NPY_FLOAT64, 0)
    cdef cn_partial *to = <cn_partial *>cnp.PyArray_DATA(state)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = cn_sparse_extremes(&m, across, to, &order)
    resume(released)
    check(status)
    return state, order


def sparse_repeats(cnp.ndarray indices not None, cnp.ndarray starts not None, Py_ssize_t width):
    """Is an element stored twice? The indices are within the width."""
    cdef cn_sparse m
    cdef int repeats
    cdef cn_status status
    set_sparse(&m, indices, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(indices))
    status = cn_sparse_repeats(&m, &repeats)
    resume(released)
    check(status)
    return bool(repeats)


def sparse_add_repeats(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
                       Py_ssize_t width, cnp.ndarray to_data not None, cnp.ndarray to_indices not None,
                       cnp.ndarray to_starts not None):
    """Writes the same matrix, elements stored twice added in their dtype, to arrays of the same shapes and dtypes."""
    cdef cn_sparse m
    cdef cn_status status
    cdef char *x = cnp.PyArray_BYTES(to_data)
    cdef char *i = cnp.PyArray_BYTES(to_indices)
    cdef int64_t *s = <int64_t *>cnp.PyArray_DATA(to_starts)
    set_sparse(&m, data, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = cn_sparse_add_repeats(&m, x, i, s)
    resume(released)
    check(status)


def sparse_divide(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
                  Py_ssize_t width, bint across, cnp.ndarray by not None, double most, cnp.ndarray out not None):
    """out = min(data / by of its group, most); data and out float32 or float64, by float64; out may be data.

    The indices are within the width.
    """
    cdef cn_sparse m
    cdef const double *divisor = <const double *>cnp.PyArray_DATA(by)
    cdef char *y = cnp.PyArray_BYTES(out)
    set_sparse(&m, data, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    cn_sparse_divide(&m, across, divisor, most, y)
    resume(released)


cdef int check_indices(cnp.ndarray a, str name) except -1:
    """Is it contiguous, of one dimension and of intp, which the core reads as such?"""
    if a is not None and not (cnp.PyArray_NDIM(a) == 1 and cnp.PyArray_TYPE(a) == cnp.NPY_INTP
                              and cnp.PyArray_ISCARRAY_RO(a)):
        raise TypeError(f"{name}: expected a contiguous vector of intp")
    return 0


cdef cn_labels labels_of(cnp.ndarray labels) except *:
    """Contiguous int32 or intp, as the core reads them."""
    cdef cn_labels of
    of.at, of.narrow = cnp.PyArray_DATA(labels), cnp.PyArray_TYPE(labels) == cnp.NPY_INT32
    if not of.narrow:
        check_indices(labels, "labels")
    elif cnp.PyArray_NDIM(labels) != 1 or not cnp.PyArray_ISCARRAY_RO(labels):
        raise TypeError("labels: expected a contiguous vector of int32 or intp")
    return of


def count_labels(cnp.ndarray labels not None, Py_ssize_t groups):
    """(starts, shuffled): where groups begin when positions are sorted by their labels; are they out of order?

    labels: contiguous int32 or intp, below groups; what is negative is in no group.
    """
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(labels), n_starts = groups + 1
    cdef cnp.ndarray starts = cnp.PyArray_EMPTY(1, &n_starts, cnp.NPY_INTP, 0)
    cdef cn_labels of = labels_of(labels)
    cdef ptrdiff_t *to_starts = <ptrdiff_t *>cnp.PyArray_DATA(starts)
    cdef int shuffled
    cdef PyThreadState *released
    released = release(n)
    shuffled = cn_count_labels(of, n, groups, to_starts)
    resume(released)
    return starts, bool(shuffled)


cdef list new_results(cnp.ndarray x, tuple axes, Py_ssize_t groups, int num, int count, int together):
    """Arrays of x's shape with axes reduced to 1, the first to the groups, and `together` more numbers for each (0: none)."""
    cdef cnp.npy_intp dims[65]
    cdef cnp.npy_intp strides[65]
    cdef int ndim = cnp.PyArray_NDIM(x), axis
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in axes:
        dims[axis] = 1
    dims[<int>axes[0]] = groups
    dims[ndim] = together
    memset(strides, 0, sizeof(strides))  # all elements are one: the shape alone counts
    like = cnp.PyArray_New(cnp.ndarray, ndim + (together > 0), dims, cnp.NPY_BOOL, strides, strides, 0, 0, <object>NULL)
    return [new_as(like, cnp.PyArray_DescrFromType(num)) for _ in range(count)]


cdef int set_groups(cn_call *call, cn_groups *groups, cnp.ndarray x, tuple axes, cnp.ndarray starts,
                    cnp.ndarray labels) except -1:
    """The groups along the first of axes, one statistic for each index of those that are not reduced."""
    cdef cnp.npy_intp dims[64]
    cdef int axis
    cdef cnp.npy_intp along = <int>axes[0]
    check_indices(starts, "starts")
    for axis in range(call.ndim):
        dims[axis] = call.shape[axis]
    for axis in axes:
        dims[axis] = 1
    groups.axis, groups.n = along, cnp.PyArray_SIZE(starts) - 1
    groups.starts = <const ptrdiff_t *>cnp.PyArray_DATA(starts)
    groups.labels.at, groups.labels.narrow = NULL, 0
    if labels is not None:
        groups.labels = labels_of(labels)
    dims[along] = groups.n
    set_stats(call, dims)
    return 0


cdef int run_groups(const cn_call *call, cn_groups *groups, void *params, Py_ssize_t size) except -1:
    cdef cnp.npy_intp bytes = cn_group_space(call, groups) if groups.labels.at != NULL else 0, none = 0
    cdef cnp.ndarray like = cnp.PyArray_New(cnp.ndarray, 1, &bytes, cnp.NPY_BOOL, &none, &none, 0, 0, <object>NULL)
    cdef cnp.ndarray space = new_as(like, cnp.PyArray_DescrFromType(cnp.NPY_BOOL))
    cdef PyThreadState *released
    cdef cn_status status
    groups.space, groups.space_size = cnp.PyArray_DATA(space), bytes
    released = release(size)
    status = cn_group_moments(call, groups, params)
    resume(released)
    return check(status)


cdef cnp.ndarray grouped(cn_kind kind, cnp.ndarray x, tuple axes, cnp.ndarray starts, cnp.ndarray labels,
                         cnp.ndarray mask, cnp.ndarray weights, bint omit, double by):
    cdef cn_call call
    cdef cn_groups groups
    cdef cnp.ndarray state = new_results(x, axes, cnp.PyArray_SIZE(starts) - 1, cnp.NPY_FLOAT64, 1, 5)[0]
    check_against(x, mask, "mask")
    check_against(x, weights, "weights")
    if cnp.PyArray_SIZE(x) == 0 or cnp.PyArray_SIZE(state) == 0:
        state[...] = 0
        state[..., 4] = 1
        if kind == CN_EXTREMES:
            state[..., 1], state[..., 2] = float("inf"), -float("inf")
        return state
    set_real(&call, x, axes, kind, state)
    set_affine(&call, weights, None, mask)
    if weights is not None:
        call.moments.weights, call.moments.weights_by = number_of(weights), by
        if call.moments.weights == CN_NO_NUMBER:
            raise TypeError(f"weights: expected real numbers the core takes, got {weights.dtype}")
    call.moments.omit_nan = omit
    set_groups(&call, &groups, x, axes, starts, labels)
    run_groups(&call, &groups, NULL, cnp.PyArray_SIZE(x))
    return state


def group_extremes(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
                   cnp.ndarray mask=None):
    """As extremes, of groups along the first of axes: group i has starts[i + 1] - starts[i] of the positions sorted by
    labels, or, without, of them as they are."""
    return grouped(CN_EXTREMES, x, axes, starts, labels, mask, None, False, 1)


def group_states(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
                 cnp.ndarray mask=None, cnp.ndarray weights=None, bint omit=False, double by=1):
    """As moments, of groups along the first of axes."""
    return grouped(CN_VAR, x, axes, starts, labels, mask, weights, omit, by)


def group_values(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
                 cnp.ndarray mask, bint omit, double correction):
    """Mean and variance of groups along the first of axes: float64 of float64 and integers, else float32."""
    cdef cn_call call
    cdef cn_groups groups
    cdef cn_results to
    cdef bint wide = cnp.PyArray_ITEMSIZE(x) == 8 or cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(x)) or (
        cnp.PyArray_TYPE(x) == cnp.NPY_BOOL)
    cdef cnp.ndarray mean, var
    mean, var = new_results(x, axes, cnp.PyArray_SIZE(starts) - 1, cnp.NPY_FLOAT64 if wide else cnp.NPY_FLOAT32, 2, 0)
    check_against(x, mask, "mask")
    if cnp.PyArray_SIZE(x) == 0 or cnp.PyArray_SIZE(mean) == 0:
        mean[...] = var[...] = float("nan")
        return mean, var
    set_real(&call, x, axes, CN_VAR, None)
    set_affine(&call, None, None, mask)
    call.moments.omit_nan = omit
    open_results(&to, mean, var, wide)
    to.correction, call.moments.results = correction, &to
    set_groups(&call, &groups, x, axes, starts, labels)
    run_groups(&call, &groups, NULL, cnp.PyArray_SIZE(x))
    return mean, var


def group_normalize(cnp.ndarray x not None, cnp.ndarray out not None, tuple axes not None, cnp.ndarray labels not None,
                    cnp.ndarray starts not None, bint shuffled, cnp.ndarray weight, cnp.ndarray bias, double eps,
                    cnp.ndarray mask=None, int eps_mode=0):
    """out = (x - mean) * scale * weight + bias with the moments of groups along the first of axes.

    labels: the group of each position, or a negative number; such positions are hidden by the mask, where out is 0.
    """
    cdef cn_call call
    cdef cn_groups groups
    cdef cn_status status
    cdef int axis, along = axes[0]
    cdef ptrdiff_t kept = 1
    cdef cnp.ndarray params
    cdef cn_labels of
    cdef PyThreadState *released
    check_against(x, weight, "weight")
    check_against(x, bias, "bias")
    check_against(x, mask, "mask")
    of = labels_of(labels)
    params = new_results(x, axes, cnp.PyArray_SIZE(starts) - 1,
                         cnp.NPY_FLOAT64 if cnp.PyArray_ITEMSIZE(x) == 8 else cnp.NPY_FLOAT32, 1, 4)[0]
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_affine(&call, None, None, mask)
    call.moments.eps, call.moments.eps_mode = eps, <cn_eps_mode>eps_mode
    set_groups(&call, &groups, x, axes, starts, labels if shuffled else None)
    for axis in range(call.ndim - 1, -1, -1):  # the statistics of a group are together
        if axis != along and axis not in axes:
            call.op[<int>CN_STAT].strides[axis] = 0 if call.shape[axis] == 1 else kept
            kept *= call.shape[axis]
    call.op[<int>CN_STAT].strides[along] = kept
    run_groups(&call, &groups, cnp.PyArray_DATA(params), cnp.PyArray_SIZE(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, None)
    call.moments.source, call.moments.center = CN_READY, cnp.PyArray_DATA(params)
    released = release(cnp.PyArray_SIZE(x))
    status = cn_group_apply(&call, along, of)
    resume(released)
    check(status)


def set_num_threads(int n):
    """Sets how many threads a call may use at most."""
    cn_set_num_threads(n)


def get_num_threads():
    """How many threads a call may use at most."""
    return cn_get_num_threads()


def activations():
    """The names of the activations, by their numbers from 1 on."""
    return [cn_activation_name(<cn_activation>i).decode() for i in range(1, CN_N_ACTIVATIONS)]


def info():
    """Facts about the build and this CPU."""
    cdef int i, available
    cdef char missing[512]
    isas = []
    for i in range(cn_isa_count()):
        name = cn_isa_describe(i, &available)
        cn_isa_missing(i, missing, sizeof(missing))
        isas.append({"name": name.decode(), "available": bool(available), "missing": missing.decode().split()})
    facts = {"isa": cn_isa_name().decode(), "isas": isas}
    return {**facts, "team": cn_team_name().decode(), "compiler": cn_compiler().decode()}


cdef start():
    """Chooses the instruction set once, capped by CNORM_CPU."""
    cdef bytes cap
    cdef int available
    name = os.environ.get("CNORM_CPU", "")
    cap = name.encode()
    if cn_init(<const char *>cap if name else NULL):
        return
    known = [cn_isa_describe(i, &available).decode() for i in range(cn_isa_count())]
    if name in known:
        raise ImportError(f"CNORM_CPU={name!r}: this CPU or operating system does not support it")
    raise ImportError(f"CNORM_CPU={name!r}: expected one of {', '.join(known)}")


start()
# The table of functions for other compiled modules: what import_cnorm of cnorm_api.h finds as cnorm._C_API.
C_API = PyCapsule_New(<void *>cn_table(), "cnorm._C_API", NULL)
