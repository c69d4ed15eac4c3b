# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Calls with a result: what x is normalized to, by its own statistics, by given ones, by running ones; gates and windows of channels."""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from cython cimport floating

from cnorm._native.core cimport (
    CN_GIVEN, CN_KNOWN, CN_L2, CN_LP, CN_RMS, CN_RUNNING, CN_SCALES_GIVEN, CN_SCALE_GIVEN, CN_STAT, CN_VAR, CN_Y, check, check_against,
    cn_activation, cn_call, cn_dtype, cn_eps_mode, cn_gating, cn_kind, cn_partial, cn_status, dtype_of, new_state, run, set_affine,
    set_operand, set_reduced, set_stats, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport as_double, axes, mask, output, parameter, spread
from cnorm._native.layout cimport is_vector, is_wide

from cnorm._native.reductions import moments

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_lrn_window:
        ptrdiff_t below, above
        int anchored
        double alpha, beta, k
    ctypedef struct cn_verbs:
        void (*gate)(const cn_gating *of) noexcept nogil
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        cn_status (*lrn)(const cn_call *call, int axis, const cn_lrn_window *how) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef cn_kind kind_of(str kind):
    return CN_VAR if kind == "var" else CN_RMS if kind == "rms" else CN_L2 if kind == "l2" else CN_LP


cdef int set_activation(cn_call *call, tuple activation) except -1:
    """None, or the number of one and its slope."""
    if activation is not None:
        call.activation, call.slope = <cn_activation><int>activation[0], activation[1]
    return 0


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
    C.gate(&of)
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
    status = C.lrn(&call, axis, &how)
    resume(released)
    check(status)


def standardize_at_once(object x, object axis, object weight, object bias, object eps, object where, object out,
                        bint return_state, int eps_mode):
    """Groups over axes by their moments, scaled and shifted, and the state or None; None where care is needed."""
    cdef double by
    cdef tuple over
    y = output(x, out)
    if y is None or not (where is None or mask(where, x, out)) or not as_double(eps, &by) or by < 0:
        return None
    for p in (weight, bias):
        if p is not None and not parameter(p, x, out):
            return None
    over = axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>x))
    w = None if weight is None else spread(weight, x.shape)
    b = None if bias is None else spread(bias, x.shape)
    if over is None or (w is None and weight is not None) or (b is None and bias is not None):
        return None
    return y, over, normalize(x, y, over, w, b, by, "var", return_state, where, eps_mode=eps_mode)


def normalize_at_once(object x, object p, object axis, object eps, object out):
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
    normalize(x, y, over, None, None, least, "l2" if power == 2 else "lp", p=power)
    return y


cdef double NAN = float("nan"), INFINITY = float("inf")
cdef enum: SOME = 64  # groups that are looked at together
cdef enum: FEW = 1 << 16  # elements that are soon read a second time, where one look was not enough


cdef bint has_spreads(cnp.ndarray state, double count, bint lost, bint *found) noexcept:
    """Is each group ordinary (`spreads`), or, where that is allowed, lost to what is not finite? Finds out if one is."""
    cdef const cn_partial *of = <const cn_partial *>cnp.PyArray_DATA(state)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(state) // 5, first, i
    cdef double mean[SOME]
    cdef double var[SOME]
    cdef double std[SOME]
    found[0] = False
    for first in range(0, n, SOME):
        if C.spreads(of + first, min(SOME, n - first), count, mean, var, std):
            continue
        for i in range(first, min(first + SOME, n)):
            if of[i].m2 != of[i].m2 and lost:
                found[0] = True
            elif not C.spreads(of + i, 1, count, mean, var, std):
                return False
    return True


cdef void unify(floating *y, Py_ssize_t n, floating nan) noexcept:
    """One NaN for all."""
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = y[i] if y[i] == y[i] else nan


cdef cnp.ndarray share_of(cnp.ndarray x, double share):
    """A weight for all of x."""
    cdef cnp.npy_intp[64] ones
    cdef int axis
    cdef cnp.ndarray weight
    for axis in range(cnp.PyArray_NDIM(x)):
        ones[axis] = 1
    weight = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), ones, cnp.NPY_FLOAT64 if is_wide(x) else cnp.NPY_FLOAT32, 0)
    if is_wide(x):
        (<double *>cnp.PyArray_DATA(weight))[0] = share
    else:
        (<float *>cnp.PyArray_DATA(weight))[0] = <float>share
    return weight


def scores_at_once(object x, object axis, object share, object nan_policy, object where, object out):
    """Standard scores over axes, of few elements, a group of constants or without one apart; None where care is needed.

    share: what those of complete groups are multiplied with; or None.
    """
    cdef tuple over
    cdef cnp.ndarray state, y
    cdef bint omit = nan_policy == "omit", found = False, complete = nan_policy == "raise"
    cdef Py_ssize_t size, count = 0
    if not PyUnicode_CheckExact(nan_policy) or not (omit or complete or nan_policy == "propagate"):
        return None
    if (complete and where is not None) or (share is not None and (omit or complete or where is not None)):
        return None
    target = output(x, out)
    if target is None or not (where is None or mask(where, x, out)):
        return None
    size, y = cnp.PyArray_SIZE(<cnp.ndarray>x), target
    over = axes(axis, cnp.PyArray_NDIM(y))
    if size == 0 or size > FEW or not over:
        return None
    weight = None if share is None else share_of(y, share)
    if out is None:
        state = normalize(x, y, over, weight, None, 0, "var", True, where, omit=omit or complete)
    else:
        state = moments(x, over, where, None, omit or complete)
    lost = not (omit or complete or where is not None or share is not None) and cnp.PyArray_ITEMSIZE(y) > 2
    if complete or share is not None:
        count = size // (cnp.PyArray_SIZE(state) // 5)
    elif where is not None and not omit:
        count = -1  # of hidden groups zeros are written
    if not has_spreads(state, count, lost, &found):
        return None
    if out is not None:
        normalize(x, y, over, weight, None, 0, "var", False, where, omit=omit or complete, known=state)
    if found and is_wide(y):
        unify(<double *>cnp.PyArray_DATA(y), size, NAN)
    elif found:
        unify(<float *>cnp.PyArray_DATA(y), size, <float>NAN)
    return y
