# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Calls with a result: what x is normalized to, by its own statistics, by given ones, by running ones; gates and windows of channels."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact

from cnorm._native.core cimport (
    CN_GIVEN, CN_KNOWN, CN_L2, CN_LP, CN_RMS, CN_RUNNING, CN_RUNNING_WIDE, CN_SCALES_GIVEN, CN_SCALE_GIVEN, CN_STAT, CN_VAR, CN_Y, check, check_against,
    cn_activation, cn_call, cn_dtype, cn_eps_mode, cn_gating, cn_kind, cn_partial, cn_results, cn_status, dtype_of, new_state,
    open_results, run, set_affine, set_operand, set_reduced, set_stats, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport as_double, as_size, axes, in_lanes, mask, output, parameter, spread
from cnorm._native.kept cimport new_of
from cnorm._native.layout cimport float_of, is_vector, is_wide
from cnorm._native.maps cimport check_size, doubles

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_lrn_window:
        ptrdiff_t below, above
        int anchored
        double alpha, beta, k
    ctypedef struct cn_verbs:
        void (*gate)(const cn_gating *of) noexcept nogil
        cn_status (*lrn)(const cn_call *call, int axis, const cn_lrn_window *how) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()
cdef double INFINITY = float("inf")


cdef cn_kind kind_of(str kind):
    return CN_VAR if kind == "var" else CN_RMS if kind == "rms" else CN_L2 if kind == "l2" else CN_LP


cdef int set_activation(cn_call *call, tuple activation) except -1:
    """None, or the number of one and its slope."""
    if activation is not None:
        call.activation, call.slope = <cn_activation><int>activation[0], activation[1]
    return 0


cdef int normalized(cnp.ndarray x, cnp.ndarray out, tuple axes, cnp.ndarray weight, cnp.ndarray bias, double eps, cn_kind kind,
                    cnp.ndarray state, const cn_results *results, cnp.ndarray mask, tuple activation, tuple parts, bint omit,
                    double p, int eps_mode, cnp.ndarray known, bint moderate) except -1:
    """As `normalize`; the state, or what its groups are wanted as, goes where that is not None, or NULL."""
    cdef cn_call call
    if cnp.PyArray_SIZE(x) == 0:
        if state is not None:
            state[..., 4] = 1
        return 0
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    set_reduced(&call, axes)
    call.moments.kind, call.moments.eps, call.moments.p = kind, eps, p
    call.moments.eps_mode = <cn_eps_mode>eps_mode
    if state is not None:
        call.moments.to = <cn_partial *>cnp.PyArray_DATA(state)
    call.moments.results = results
    if known is not None:
        if not is_vector(known, cnp.NPY_FLOAT64, 5 * call.n_stats):
            raise ValueError(f"known: expected a state of {call.n_stats} groups, got shape {(<object>known).shape}")
        call.moments.source, call.moments.center = CN_KNOWN, cnp.PyArray_DATA(known)
    set_activation(&call, activation)
    call.moments.omit_nan, call.moments.moderate = omit, moderate
    if parts is not None:
        call.add[0] = <const char *>cnp.PyArray_DATA(<cnp.ndarray>parts[0])
        call.add[1] = <const char *>cnp.PyArray_DATA(<cnp.ndarray>parts[1])
    return run(&call, cnp.PyArray_SIZE(x))


def normalize(cnp.ndarray x not None, cnp.ndarray out not None, tuple axes not None,
              cnp.ndarray weight, cnp.ndarray bias, double eps, str kind not None,
              bint return_state=False, cnp.ndarray mask=None, tuple activation=None, tuple parts=None, bint omit=False,
              double p=1, int eps_mode=0, cnp.ndarray known=None, bint moderate=False):
    """out = (x - mean) * scale * weight + bias with moments over axes; kind: "var", "rms", "l2" or "lp".

    What the mask (bool, as many dimensions as x) hides counts in no moment; out is 0 there. activation: a
    cn_activation and a slope. parts: two arrays laid out as x, which is written: their sum. omit: NaN counts in no
    moment, and stays. p: of "lp", 1 ... inf. eps_mode: a cn_eps_mode. known: the state it gives, of unit 1, which is not
    found again. moderate: no square of a finite element leaves the range of doubles.
    """
    cdef cnp.ndarray state = new_state(x, axes) if return_state else None
    normalized(x, out, axes, weight, bias, eps, kind_of(kind), state, NULL, mask, activation, parts, omit, p, eps_mode, known,
               moderate)
    return state


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


def apply(cnp.ndarray x not None, cnp.ndarray out not None, cnp.ndarray center not None,
          cnp.ndarray scale not None, cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask=None,
          tuple activation=None):
    """out = (x - center) * scale * weight + bias; center and scale float64 of one broadcastable shape.

    Where the mask (bool, as many dimensions as x) hides x, out is 0. activation: a cn_activation and a slope.
    """
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
    run_given(x, out, cnp.PyArray_DIMS(center), center, scale, weight, bias, mask, activation)


cdef int run_given(cnp.ndarray x, cnp.ndarray out, const cnp.npy_intp *dims, cnp.ndarray center, cnp.ndarray scale,
                   cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask, tuple activation) except -1:
    """The same by doubles without gaps, of these sizes."""
    cdef cn_call call
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    set_stats(&call, dims)
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(scale)
    set_activation(&call, activation)
    return run(&call, cnp.PyArray_SIZE(x))


def apply_running(cnp.ndarray x not None, cnp.ndarray out not None, cnp.ndarray mean not None, cnp.ndarray var not None,
                  cnp.ndarray weight, cnp.ndarray bias, double eps, cnp.ndarray mask=None, tuple activation=None,
                  int eps_mode=0):
    """Of (N, C, ...): out = (x - mean) / root(var, eps) * weight + bias, by C floats each.

    weight, bias, mask: as many dimensions as x.
    """
    cdef cn_call call
    cdef int axis, wanted = float_of(is_wide(x))
    cdef Py_ssize_t channels = cnp.PyArray_DIM(x, 1)
    cdef bint wide = not is_vector(mean, wanted, channels) or not is_vector(var, wanted, channels)
    if cnp.PyArray_SIZE(x) == 0:
        return
    if wide:
        mean, var = doubles(mean), doubles(var)
    check_size(mean, channels, "mean")
    check_size(var, channels, "var")
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    set_affine(&call, weight, bias, mask)
    for axis in range(call.ndim):
        call.op[<int>CN_STAT].strides[axis] = 0
    call.op[<int>CN_STAT].strides[1], call.n_stats = 1 if channels > 1 else 0, channels
    call.moments.source, call.moments.eps = CN_RUNNING_WIDE if wide else CN_RUNNING, eps
    call.moments.eps_mode = <cn_eps_mode>eps_mode
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    set_activation(&call, activation)
    run(&call, cnp.PyArray_SIZE(x))


def gate(cnp.ndarray x not None, cnp.ndarray gate not None, cnp.ndarray out not None, tuple activation not None, /):
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
    C.gate(&of)
    resume(released)


def respond(cnp.ndarray x not None, cnp.ndarray out not None, Py_ssize_t size, bint anchored, double alpha, double beta,
            double k, /):
    """Of (N, C, ...): out = x / (k + alpha * window)^beta; window: the sum of x^2 of so many channels.

    Of an even number one more lies below; anchored: one less, but channel 0 stays.
    """
    cdef cn_call call
    cdef cn_status status
    cdef cn_lrn_window how
    cdef PyThreadState *released
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_operand(&call, CN_Y, out)
    how.below = min((size - 1) // 2 if anchored else size // 2, call.shape[1] - 1)
    how.above = min((size - 1) // 2, call.shape[1] - 1)
    how.anchored = anchored
    how.alpha, how.beta, how.k = alpha, beta, k
    released = release(cnp.PyArray_SIZE(x))
    status = C.lrn(&call, 1, &how)
    resume(released)
    check(status)


def respond_at_once(object x, object size, object alpha, object beta, object k, bint anchored, int rank, object out, /):
    """`respond` to windows of so many channels of (N, C, ...), `rank` axes at least; None where care is needed."""
    cdef Py_ssize_t n
    cdef double a, b, c
    y = output(x, out)
    if y is None or cnp.PyArray_NDIM(<cnp.ndarray>x) < rank or not as_size(size, &n) or n < 1:
        return None
    if not (as_double(alpha, &a) and as_double(beta, &b) and as_double(k, &c)):
        return None
    respond(x, y, n, anchored, a / n, b, c)
    return y


cdef cnp.ndarray new_moment(cnp.ndarray x, tuple axes):
    """A number for each group, in the dtype x is computed in; ascending axes are dropped."""
    cdef cnp.npy_intp[64] dims
    cdef int axis, ndim = 0, at = 0
    for axis in range(cnp.PyArray_NDIM(x)):
        if at < len(axes) and <int>axes[at] == axis:
            at += 1
        else:
            dims[ndim] = cnp.PyArray_DIM(x, axis)
            ndim += 1
    return new_of(ndim, dims, float_of(is_wide(x)))


def standardize_at_once(object x, object axis, object weight, object bias, object eps, object where, object out,
                        bint return_moments, int eps_mode, /):
    """Groups over axes by their moments, scaled and shifted: y, or with its moments; None where care is needed."""
    cdef cn_results to
    cdef double by
    cdef tuple over
    cdef cnp.ndarray mean, var
    y = output(x, out)
    if y is None or not (where is None or mask(where, x, out)) or not as_double(eps, &by) or by < 0:
        return None
    weight, bias = in_lanes(weight, x), in_lanes(bias, x)
    for p in (weight, bias):
        if p is not None and not parameter(p, x, out):
            return None
    over = axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>x))
    w = None if weight is None else spread(weight, x.shape)
    b = None if bias is None else spread(bias, x.shape)
    if over is None or (w is None and weight is not None) or (b is None and bias is not None):
        return None
    if not return_moments:
        normalized(x, y, over, w, b, by, CN_VAR, None, NULL, where, None, None, False, 1, eps_mode, None, False)
        return y
    if cnp.PyArray_SIZE(<cnp.ndarray>x) == 0:
        return None
    mean, var = new_moment(x, over), new_moment(x, over)
    open_results(&to, mean, var, is_wide(x))
    normalized(x, y, over, w, b, by, CN_VAR, None, &to, where, None, None, False, 1, eps_mode, None, False)
    return (y, mean, var) if cnp.PyArray_NDIM(mean) else (y, mean[()], var[()])


def normalize_at_once(object x, object p, object axis, object eps, object out, /):
    """x over its norms of p, 1 ... inf, along axes; None where care is needed."""
    cdef double power, least
    cdef tuple over
    y = output(x, out)
    if y is None or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0 or not as_double(eps, &least):
        return None
    if PyFloat_CheckExact(p) and PyFloat_AS_DOUBLE(p) == INFINITY:
        power = INFINITY
    elif not as_double(p, &power) or power < 1:
        return None
    over = axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>x))
    if not over:
        return None
    normalized(x, y, over, None, None, least, CN_L2 if power == 2 else CN_LP, None, NULL, None, None, None, False, power, 0,
               None, False)
    return y
