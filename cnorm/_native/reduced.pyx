# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Reductions of arrays that need no care, straight to their results; None where they do.

No rule is written here, as in `glance`: the careful functions behind have the errors and the conversions.
"""

import numpy as np

cimport numpy as cnp
from cpython.long cimport PyLong_CheckExact
from cpython.tuple cimport PyTuple_GET_SIZE
from libc.string cimport memset

from cnorm._native.core cimport (
    CN_EXTREMES, CN_GREATEST_AT, CN_LEAST_AT, CN_M, CN_NO_NUMBER, CN_RMS, CN_SUMS, CN_VAR, cn_call, cn_kind, cn_partial, cn_results,
    new_state, number_of, open_results, rounded_doubles, run, set_operand, set_real, set_weights, verbs,
)
from cnorm._native.glance cimport apart, are_plain_weights, as_double, axes, is_plain, is_written, mask, number, spread
from cnorm._native.kept cimport new_of
from cnorm._native.layout cimport float_of

from cnorm._native.core import widen

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_verbs:
        void (*results_of)(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()

ctypedef cnp.npy_intp intp
cdef double LEAST_COUNT = 2.0 ** -60  # of weights of a group that need none larger
cdef enum What: SUM, MEAN, VAR, STD, SQUARES, LEAST, GREATEST, REACH, COUNT, ANY_NAN, ALL_NAN, LEAST_AT, GREATEST_AT, POOL

cdef dict NAMES = {"sum": SUM, "mean": MEAN, "var": VAR, "std": STD, "squares": SQUARES, "least": LEAST,
                   "greatest": GREATEST, "reach": REACH, "count": COUNT, "any_nan": ANY_NAN, "all_nan": ALL_NAN,
                   "least_at": LEAST_AT, "greatest_at": GREATEST_AT, "pool": POOL}
cdef cn_kind[14] KIND
KIND[:] = [CN_SUMS, CN_VAR, CN_VAR, CN_VAR, CN_RMS, CN_EXTREMES, CN_EXTREMES, CN_EXTREMES, CN_SUMS, CN_EXTREMES,
           CN_EXTREMES, CN_LEAST_AT, CN_GREATEST_AT, CN_SUMS]


# A reduction that is about to run: what of x is reduced, and the shape of what it gives.
cdef struct Opened:
    cn_call call
    cn_results to
    intp[64] dims
    int ndim, num


cdef bint take_weights(Opened *o, cnp.ndarray x, object given, double *least) except -1:
    """Do they broadcast against x, none negative, infinite or NaN, the largest of a size as x is multiplied with?"""
    cdef cn_call call
    cdef cn_results ends
    cdef double most
    weights = spread(given, (<object>x).shape)
    if weights is None or not number(weights) or number_of(weights) == CN_NO_NUMBER:
        return False
    set_real(&call, weights, axes(None, cnp.PyArray_NDIM(x)), CN_EXTREMES, None)
    open_results(&ends, None, None, True)
    ends.first, ends.second, call.moments.results = least, &most, &ends
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>weights))
    if not are_plain_weights(least[0], most):
        return False
    set_weights(&o.call, weights, 1)
    return True


cdef bint run_reduction(Opened *o, cnp.ndarray x, object axis, object weights) except -1:
    """Writes the results; False where weights need care."""
    cdef cnp.ndarray state
    cdef const cn_partial *of
    cdef intp i, n
    cdef double least = LEAST_COUNT
    if is_plain(weights) and number_of(<cnp.ndarray>weights) == CN_NO_NUMBER:
        weights = widen(weights)
        if weights is None:
            return False
    if weights is not None and not take_weights(o, x, weights, &least):
        return False
    if least >= LEAST_COUNT:  # then every group, or all of it is left out
        run(&o.call, cnp.PyArray_SIZE(x))
        return True
    state = new_state(x, axes(axis, cnp.PyArray_NDIM(x)))
    of, n = <const cn_partial *>cnp.PyArray_DATA(state), cnp.PyArray_SIZE(state) // 5
    o.call.moments.results, o.call.moments.to = NULL, <cn_partial *>cnp.PyArray_DATA(state)
    run(&o.call, cnp.PyArray_SIZE(x))
    for i in range(n):
        if not of[i].count >= LEAST_COUNT:
            return False
    C.results_of(of, n, o.call.moments.kind, &o.to)
    return True


cdef bint open_reduction(Opened *o, object a, object axis, object keepdims, object where, cn_kind kind,
                         bint omit) except -1:
    """Is a such an array, with axes to reduce and a mask as the kernels take it?"""
    cdef cnp.ndarray x
    cdef tuple over
    cdef int i, at = 0
    if not (number(a) if kind == CN_VAR else is_plain(a)) or (keepdims is not False and keepdims is not True):
        return False
    x, over = <cnp.ndarray>a, axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>a))
    if cnp.PyArray_SIZE(x) == 0 or over is None or PyTuple_GET_SIZE(over) == 0:
        return False
    if where is not None and not mask(where, x, None):
        return False
    o.ndim = 0
    for i in range(cnp.PyArray_NDIM(x)):
        if at < PyTuple_GET_SIZE(over) and <int>over[at] == i:
            at += 1
            if keepdims is True:
                o.dims[o.ndim] = 1
                o.ndim += 1
        else:
            o.dims[o.ndim] = cnp.PyArray_DIM(x, i)
            o.ndim += 1
    set_real(&o.call, x, over, kind, None)
    if where is not None:
        set_operand(&o.call, CN_M, <cnp.ndarray>where)
    memset(&o.to, 0, sizeof(o.to))
    o.call.moments.omit_nan = omit and kind != CN_EXTREMES and kind < CN_LEAST_AT
    o.to.omit = omit
    o.to.wide = cnp.PyArray_ITEMSIZE(x) == 8 or not is_plain(x)
    o.num = float_of(o.to.wide)
    o.call.moments.results = &o.to
    return True


cdef cnp.ndarray new_result(Opened *o, int num):
    return new_of(o.ndim, o.dims, num)


cdef object finished(cnp.ndarray y):
    """A scalar of an array without axes."""
    return y if cnp.PyArray_NDIM(y) else y[()]


cdef bint has_sizes(const Opened *o, object out) noexcept:
    """Is it an array to write such results to?"""
    cdef int i
    if not is_written(out) or cnp.PyArray_NDIM(<cnp.ndarray>out) != o.ndim:
        return False
    for i in range(o.ndim):
        if cnp.PyArray_DIM(<cnp.ndarray>out, i) != o.dims[i]:
            return False
    return True


cdef bint is_free(cnp.ndarray y, object a, object where, object weights):
    """Is y without gaps, and is nothing in its memory that is read?"""
    return (cnp.PyArray_IS_C_CONTIGUOUS(y) and apart(y, a) and apart(y, where)
            and (weights is None or (cnp.PyArray_CheckExact(weights) and apart(y, weights))))


cdef cnp.ndarray target(Opened *o, object a, object where, object weights, object out, int num, int what, bint given):
    """`out` where it can be written at once; else an array to be written to it, of doubles if they are rounded; None of another."""
    if out is None:
        return new_result(o, num)
    if not has_sizes(o, out):
        return None
    if cnp.PyArray_TYPE(<cnp.ndarray>out) == num:
        fits = not is_place(what) and is_free(<cnp.ndarray>out, a, where, weights)  # places may prove to be nowhere
        return <cnp.ndarray>out if fits else new_result(o, num)
    if num != o.num or given or what == REACH or not is_plain(out):
        return None
    o.to.wide = True
    return new_result(o, cnp.NPY_FLOAT64)


cdef object delivered(cnp.ndarray y, object out):
    """Results where they were wanted."""
    if out is None:
        return finished(y)
    if <object>y is not out:
        same = cnp.PyArray_TYPE(y) == cnp.PyArray_TYPE(<cnp.ndarray>out)
        cnp.PyArray_CopyInto(<cnp.ndarray>out, y if same else rounded_doubles(y, (<cnp.ndarray>out).descr))
    return out


cdef bint take_dtype(Opened *o, object wanted) except -1:
    """Is it float32 or float64?"""
    cdef cnp.dtype dtype = np.dtype(wanted)
    o.num, o.to.wide = dtype.type_num, dtype.type_num == cnp.NPY_FLOAT64
    return (o.to.wide or o.num == cnp.NPY_FLOAT32) and dtype.isnative


def moments(object x, object axis, object correction, object keepdims, object where, bint omit, object weights=None):
    """Mean and variance."""
    cdef Opened o
    cdef cnp.ndarray mean, var
    if not open_reduction(&o, x, axis, keepdims, where, CN_VAR, omit) or not as_double(correction, &o.to.correction):
        return None
    o.to.omit = False
    mean, var = new_result(&o, o.num), new_result(&o, o.num)
    o.to.first, o.to.second = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(var)
    return (finished(mean), finished(var)) if run_reduction(&o, x, axis, weights) else None


cdef bint is_place(int what) noexcept:
    return what == LEAST_AT or what == GREATEST_AT


cdef void aim(Opened *o, int what, void *data) noexcept:
    """The results that are wanted."""
    if what == COUNT or is_place(what):
        o.to.integers = <ptrdiff_t *>data
    elif what == ANY_NAN or what == ALL_NAN:
        o.to.flags = <unsigned char *>data
    elif what == VAR or what == STD or what == SQUARES or what == GREATEST:
        o.to.second = data
    else:
        o.to.first = data
    o.to.root, o.to.reach, o.to.shared = what == STD, what == REACH, what == POOL


cdef bint has_order(cnp.ndarray x, object axis) noexcept:
    """Do the kernels see the elements of a group in their order? Those of all axes in C order."""
    return all_ascend(x) if PyLong_CheckExact(axis) else axis is None and cnp.PyArray_IS_C_CONTIGUOUS(x)


cdef bint all_ascend(cnp.ndarray x) noexcept:
    cdef int i
    for i in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_STRIDE(x, i) < 0:
            return False
    return True


cdef bint all_there(cnp.ndarray places) noexcept:
    cdef intp i, n = cnp.PyArray_SIZE(places)
    cdef const intp *at = <const intp *>cnp.PyArray_DATA(places)
    cdef bint there = True
    for i in range(n):
        there &= at[i] >= 0
    return there


def pool_at_once(object x, object where, object axis, object out, bint exact, /):
    """Means of what a mask shows, which may lack the last axis; None where care is needed.

    exact: in float64 whatever x is, as they are of 16 bits, and with a last axis.
    """
    cdef intp[64] dims
    cdef cnp.PyArray_Dims shape
    cdef int i, n
    if not is_plain(x):
        return None
    n = cnp.PyArray_NDIM(<cnp.ndarray>x)
    over = axes(axis, n)
    if not over or len(over) == n or (exact and (out is not None or <int>over[len(over) - 1] == n - 1)):
        return None
    if out is not None and not (is_plain(out) and cnp.PyArray_TYPE(<cnp.ndarray>out) == cnp.PyArray_TYPE(<cnp.ndarray>x)):
        return None
    exact |= out is None and cnp.PyArray_ITEMSIZE(<cnp.ndarray>x) == 2
    if cnp.PyArray_CheckExact(where) and cnp.PyArray_NDIM(<cnp.ndarray>where) == n - 1:
        if <int>over[len(over) - 1] == n - 1:
            return None
        for i in range(n):
            dims[i] = cnp.PyArray_DIM(<cnp.ndarray>where, i) if i < n - 1 else 1
        shape.ptr, shape.len = dims, n
        where = cnp.PyArray_Newshape(<cnp.ndarray>where, &shape, cnp.NPY_CORDER)
    return reduce("pool", x, over, out, False, where, dtype=cnp.PyArray_DescrFromType(cnp.NPY_FLOAT64) if exact else None)


def reduce(str name not None, object a, object axis, object out, object keepdims, object where, bint omit=False,
           object ddof=0, object dtype=None, object weights=None):
    """A number of each group, NaN left out if `omit`: an array, a scalar, or `out`; None where care is needed."""
    cdef Opened o
    cdef cnp.ndarray y
    cdef int what = NAMES[name], num
    if axis is None and is_place(what) and is_plain(a):
        a = cnp.PyArray_GETCONTIGUOUS(<cnp.ndarray>a)
    if not open_reduction(&o, a, axis, keepdims, where, KIND[what], omit or what == COUNT or what == ALL_NAN):
        return None
    if dtype is not None and not take_dtype(&o, dtype):
        return None
    num = cnp.NPY_INTP if what == COUNT or is_place(what) else cnp.NPY_BOOL if what == ANY_NAN or what == ALL_NAN else o.num
    if not as_double(ddof, &o.to.correction) or (is_place(what) and not has_order(<cnp.ndarray>a, axis)):
        return None
    y = target(&o, a, where, weights, out, num, what, dtype is not None)
    if y is None:
        return None
    aim(&o, what, cnp.PyArray_DATA(y))
    if not run_reduction(&o, a, axis, weights):
        return None
    if is_place(what) and not all_there(y):
        return None
    return delivered(y, out)
