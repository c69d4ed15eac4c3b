# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Statistics of groups of positions along an axis, by labels or by where each begins."""

cimport numpy as cnp
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from cpython.unicode cimport PyUnicode_CheckExact
from libc.stdint cimport int32_t

from cnorm._native.core cimport (
    CN_EXTREMES, CN_READY, CN_STAT, CN_VAR, CN_Y, check, check_against, cn_call, cn_eps_mode, cn_kind, cn_results, cn_status, dtype_of,
    open_results, set_affine, set_operand, set_real, set_stats, set_weights, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport apart, as_double, axes, in_lanes, mask, number, output, parameter, spread
from cnorm._native.kept cimport new_as, new_of
from cnorm._native.layout cimport float_of

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
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
    ctypedef struct cn_verbs:
        int (*count_labels)(cn_labels labels, ptrdiff_t n, ptrdiff_t n_groups, ptrdiff_t *starts) noexcept nogil
        size_t (*group_space)(const cn_call *call, const cn_groups *groups) noexcept nogil
        cn_status (*group_moments)(const cn_call *call, const cn_groups *groups, void *params) noexcept nogil
        cn_status (*group_apply)(const cn_call *call, const cn_groups *groups) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


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
    shuffled = C.count_labels(of, n, groups, to_starts)
    resume(released)
    return starts, bool(shuffled)


cdef list new_results(cnp.ndarray x, tuple axes, Py_ssize_t groups, int num, int count, int together):
    """Arrays of x's shape with axes reduced to 1, the first to the groups, and `together` more numbers for each (0: none)."""
    cdef cnp.npy_intp dims[65]
    cdef int ndim = cnp.PyArray_NDIM(x), axis
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in axes:
        dims[axis] = 1
    dims[<int>axes[0]] = groups
    dims[ndim] = together
    return [new_of(ndim + (together > 0), dims, num) for _ in range(count)]


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
    cdef cnp.npy_intp bytes = C.group_space(call, groups) if groups.labels.at != NULL else 0, none = 0
    cdef cnp.ndarray like = cnp.PyArray_New(cnp.ndarray, 1, &bytes, cnp.NPY_BOOL, &none, &none, 0, 0, <object>NULL)
    cdef cnp.ndarray space = new_as(like, cnp.PyArray_DescrFromType(cnp.NPY_BOOL))
    cdef PyThreadState *released
    cdef cn_status status
    groups.space, groups.space_size = cnp.PyArray_DATA(space), bytes
    released = release(size)
    status = C.group_moments(call, groups, params)
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
    set_affine(&call, None, None, mask)
    set_weights(&call, weights, by)
    call.moments.omit_nan = omit
    set_groups(&call, &groups, x, axes, starts, labels)
    run_groups(&call, &groups, NULL, cnp.PyArray_SIZE(x))
    return state


def extremes(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
             cnp.ndarray mask=None):
    """As reductions.extremes, of groups along the first of axes: group i has starts[i + 1] - starts[i] of the positions sorted by
    labels, or, without, of them as they are."""
    return grouped(CN_EXTREMES, x, axes, starts, labels, mask, None, False, 1)


def moments(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
            cnp.ndarray mask=None, cnp.ndarray weights=None, bint omit=False, double by=1):
    """As reductions.moments, of groups along the first of axes."""
    return grouped(CN_VAR, x, axes, starts, labels, mask, weights, omit, by)


def values(cnp.ndarray x not None, tuple axes not None, cnp.ndarray starts not None, cnp.ndarray labels,
           cnp.ndarray mask, bint omit, double correction, /):
    """Mean and variance of groups along the first of axes: float64 of float64 and integers, else float32."""
    cdef cn_call call
    cdef cn_groups groups
    cdef cn_results to
    cdef bint wide = cnp.PyArray_ITEMSIZE(x) == 8 or cnp.PyTypeNum_ISINTEGER(cnp.PyArray_TYPE(x)) or (
        cnp.PyArray_TYPE(x) == cnp.NPY_BOOL)
    cdef cnp.ndarray mean, var
    mean, var = new_results(x, axes, cnp.PyArray_SIZE(starts) - 1, float_of(wide), 2, 0)
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


def normalize(cnp.ndarray x not None, cnp.ndarray out not None, tuple axes not None, cnp.ndarray starts not None,
              cnp.ndarray labels, cnp.ndarray weight, cnp.ndarray bias, double eps, cnp.ndarray mask=None, int eps_mode=0):
    """out = (x - mean) * scale * weight + bias with the moments of groups along the first of axes.

    starts, labels: as of extremes; where the mask hides x, or a position is in no group, out is 0.
    """
    cdef cn_call call
    cdef cn_groups groups
    cdef cn_status status
    cdef int axis, along = axes[0]
    cdef ptrdiff_t kept = 1
    cdef cnp.ndarray params
    cdef PyThreadState *released
    check_against(x, weight, "weight")
    check_against(x, bias, "bias")
    check_against(x, mask, "mask")
    params = new_results(x, axes, cnp.PyArray_SIZE(starts) - 1,
                         float_of(cnp.PyArray_ITEMSIZE(x) == 8), 1, 4)[0]
    if cnp.PyArray_SIZE(x) == 0:
        return
    set_x(&call, x, dtype_of(x))
    set_affine(&call, None, None, mask)
    call.moments.eps, call.moments.eps_mode = eps, <cn_eps_mode>eps_mode
    set_groups(&call, &groups, x, axes, starts, labels)
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
    status = C.group_apply(&call, &groups)
    resume(released)
    check(status)


ctypedef fused Label:
    int32_t
    cnp.npy_intp


cdef enum: FEW = 1 << 10  # labels that are compared sooner here than by NumPy


cdef cnp.npy_intp greatest(const Label *labels, cnp.npy_intp n) noexcept:
    """Of labels; -1 if none is in a group."""
    cdef cnp.npy_intp i
    cdef Label most = -1
    for i in range(n):
        most = max(most, labels[i])
    return most


cdef bint ascend(const cnp.npy_intp *offsets, cnp.npy_intp n, cnp.npy_intp length) noexcept:
    """Does none lie below the one before, the first below 0, or the last beyond the length?"""
    cdef cnp.npy_intp i
    cdef bint rises = offsets[0] >= 0 and offsets[n - 1] <= length
    for i in range(1, n):
        rises &= offsets[i - 1] <= offsets[i]
    return rises


cdef tuple parts_of(object x, object parts, object num_groups, bint labelled, object axis):
    """The axis of groups by labels or offsets, where each begins, labels out of order or None; None where care is needed."""
    cdef cnp.ndarray at
    cdef tuple over = axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>x)) if PyLong_CheckExact(axis) else None
    cdef cnp.npy_intp n, length, groups, most
    cdef int overflow
    if over is None or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0 or not cnp.PyArray_CheckExact(parts):
        return None
    at, length = <cnp.ndarray>parts, cnp.PyArray_DIM(<cnp.ndarray>x, <int>over[0])
    n = cnp.PyArray_SIZE(at)
    if cnp.PyArray_NDIM(at) != 1 or not cnp.PyArray_ISCARRAY_RO(at) or n < 2 - labelled:
        return None
    if not labelled:
        fine = cnp.PyArray_TYPE(at) == cnp.NPY_INTP and ascend(<const cnp.npy_intp *>cnp.PyArray_DATA(at), n, length)
        return (over, at, None) if fine else None
    if n != length or cnp.PyArray_TYPE(at) not in (cnp.NPY_INT32, cnp.NPY_INTP):
        return None
    if n > FEW:
        most = (<object>at).max()
    elif cnp.PyArray_TYPE(at) == cnp.NPY_INT32:
        most = greatest(<const int32_t *>cnp.PyArray_DATA(at), n)
    else:
        most = greatest(<const cnp.npy_intp *>cnp.PyArray_DATA(at), n)
    groups = most + 1
    if num_groups is not None:
        groups = PyLong_AsLongAndOverflow(num_groups, &overflow) if PyLong_CheckExact(num_groups) else 0
    if groups <= max(most, 0):
        return None
    starts, shuffled = count_labels(at, groups)
    return over, starts, at if shuffled else None


def moments_at_once(object x, object parts, object num_groups, bint labelled, object axis, object correction, object where,
                    object nan_policy, /):
    """Mean and variance of groups by labels or offsets; None where care is needed."""
    cdef double by
    if not number(x) or not as_double(correction, &by) or not (where is None or mask(where, x, None)):
        return None
    if not PyUnicode_CheckExact(nan_policy) or nan_policy not in ("propagate", "omit"):
        return None
    found = parts_of(x, parts, num_groups, labelled, axis)
    if found is None:
        return None
    return values(x, found[0], found[1], found[2], where, nan_policy == "omit", by)


def standardize_at_once(object x, object parts, object num_groups, bint labelled, object axis, object weight, object bias,
                        object eps, object where, object out, object eps_mode, /):
    """Elements by the moments of their group, by labels or offsets; None where care is needed."""
    cdef double by
    y = output(x, out)
    if y is None or not as_double(eps, &by) or by < 0 or not (where is None or mask(where, x, out)):
        return None
    if not PyUnicode_CheckExact(eps_mode) or eps_mode != "inside":
        return None
    weight, bias = in_lanes(weight, x), in_lanes(bias, x)
    for p in (weight, bias):
        if p is not None and not parameter(p, x, out):
            return None
    w = None if weight is None else spread(weight, x.shape)
    b = None if bias is None else spread(bias, x.shape)
    found = parts_of(x, parts, num_groups, labelled, axis)
    if found is None or (w is None and weight is not None) or (b is None and bias is not None):
        return None
    if out is not None and not apart(<cnp.ndarray>y, parts):
        return None
    normalize(x, y, found[0], found[1], found[2], w, b, by, where)
    return y
