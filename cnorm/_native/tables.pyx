# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Tables by their statistics, or others', at once: None of what needs care, which the careful steps then look at."""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.long cimport PyLong_AsLongAndOverflow, PyLong_CheckExact
from libc.float cimport DBL_EPSILON, FLT_EPSILON
from libc.string cimport memcmp

from cnorm._native.core cimport (
    CN_B, CN_EXTREMES, CN_F16, CN_F32, CN_F64, CN_GIVEN, CN_STAT, CN_VAR, CN_Y, cn_call, cn_partial, cn_results, known_dtype, new_state,
    open_results, run, set_affine, set_operand, set_real, set_reduced, set_stats, set_x, verbs,
)
from cnorm._native.glance cimport axes, is_plain, output
from cnorm._native.kept cimport new_like
from cnorm._native.layout cimport is_vector, is_wide, same_shape
from cnorm._native.maps cimport full, meet, numbers, rounded, states_in

from cnorm._native.core import widen

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef enum cn_factors: CN_FACTORS_NONE, CN_FACTORS_SHIFTED
    ctypedef struct cn_verbs:
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        cn_factors (*factors_of)(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                                 double *shift) noexcept nogil
        int (*inverse_ranges)(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor) noexcept nogil
        int (*largest)(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor) noexcept nogil

cdef tuple ROWS = (0,)
# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef void open_map(cn_call *call, cnp.ndarray x, cnp.ndarray y, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight,
                   cnp.ndarray bias):
    """y = (x - center) * factor * weight + bias, but for the axes that these have one of each for."""
    set_x(call, x, known_dtype(x))
    set_operand(call, CN_Y, y)
    set_affine(call, weight, bias, None)
    call.moments.source = CN_GIVEN
    call.moments.center, call.moments.scale = cnp.PyArray_DATA(center), cnp.PyArray_DATA(factor)


cdef int run_map(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight,
                 cnp.ndarray bias) except -1:
    """The map of groups over these axes."""
    cdef cn_call call
    open_map(&call, x, y, center, factor, weight, bias)
    set_reduced(&call, over)
    return run(&call, cnp.PyArray_SIZE(x))


cdef int find_ends(cnp.ndarray x, tuple over, bint omit, cnp.ndarray low, cnp.ndarray high) except -1:
    """Least and greatest of each group, NaN where one is and is not omitted."""
    cdef cn_call call
    cdef cn_results to
    set_real(&call, x, over, CN_EXTREMES, None)
    open_results(&to, low, high, True)
    to.omit, call.moments.results = omit, &to
    return run(&call, cnp.PyArray_SIZE(x))


cdef cnp.ndarray of_groups(cnp.ndarray x, tuple over, bint zero=False):
    """A double for each group over these axes, which are kept with size 1."""
    cdef cnp.npy_intp[64] dims
    cdef int axis, ndim = cnp.PyArray_NDIM(x)
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in over:
        dims[axis] = 1
    return cnp.PyArray_ZEROS(ndim, dims, cnp.NPY_FLOAT64, 0) if zero else cnp.PyArray_EMPTY(ndim, dims, cnp.NPY_FLOAT64, 0)


cdef double resolution(cnp.ndarray x) noexcept:
    """The step from 1 to the next of these floats."""
    cdef int dtype = known_dtype(x)
    return DBL_EPSILON if dtype == CN_F64 else FLT_EPSILON if dtype == CN_F32 else 1.0 / 1024 if dtype == CN_F16 else 1.0 / 128


cdef bint take_range(object target, double *first, double *last) noexcept:
    """Is it a pair of plain numbers, the second larger by a finite distance?"""
    cdef double *ends[2]
    cdef int i, overflow = 0
    ends[0], ends[1] = first, last
    if not isinstance(target, tuple) or len(<tuple>target) != 2:
        return False
    for i in range(2):
        end = (<tuple>target)[i]
        if PyFloat_CheckExact(end):
            ends[i][0] = PyFloat_AS_DOUBLE(end)
        elif PyLong_CheckExact(end):
            ends[i][0] = <double>PyLong_AsLongAndOverflow(end, &overflow)
        else:
            return False
    return overflow == 0 and first[0] < last[0] and last[0] - first[0] - (last[0] - first[0]) == 0


def by_ends(object x, object axis, object out, object target, bint omit):
    """Groups over axes to a range, of None by their largest magnitude; None where care is needed.

    omit: NaN counts nowhere, and stays.
    """
    cdef cnp.ndarray low, high, top, center, factor
    cdef double first = 0, last = 1
    cdef tuple over, found
    cdef bint fine
    y = output(x, out)
    over = None if y is None else axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not over or cnp.PyArray_SIZE(<cnp.ndarray>y) == 0 or not (target is None or take_range(target, &first, &last)):
        return None
    low, high, factor = of_groups(x, over), of_groups(x, over), of_groups(x, over)
    find_ends(x, over, omit, low, high)
    if target is None:
        top, center = of_groups(x, over), of_groups(x, over, True)
        fine = C.largest(numbers(low), numbers(high), cnp.PyArray_SIZE(low), numbers(top), numbers(factor))
    else:
        top, center = high, low
        fine = C.inverse_ranges(numbers(low), numbers(high), cnp.PyArray_SIZE(low), 10 * resolution(x), numbers(factor))
    found = meet(top, center, factor, None, first, last, cnp.PyArray_ITEMSIZE(<cnp.ndarray>y) == 8) if fine else None
    if found is None or found[2] is not None:
        return None
    run_map(x, y, over, center, factor, found[0], found[1])
    return y


cdef int find_moments(cnp.ndarray x, tuple over, bint wide, cnp.ndarray state) except -1:
    """States of groups, NaN left out, of small float32 summed as float64."""
    cdef cn_call call
    set_real(&call, x, over, CN_VAR, state, wide)
    call.moments.omit_nan = True
    return run(&call, cnp.PyArray_SIZE(x))


cdef cnp.ndarray in_single(cnp.ndarray x):
    """Narrow floats that are summed as float64, as float32; None where care is needed."""
    return x if cnp.PyArray_ITEMSIZE(x) > 2 else widen(x)


cdef bint has_groups_of(cnp.ndarray other, cnp.ndarray x, tuple over) noexcept:
    """Is `other` x, or of its dtype and of its sizes but for these axes?"""
    cdef int axis, ndim = cnp.PyArray_NDIM(x)
    if other is x:
        return True
    if not is_plain(other) or cnp.PyArray_TYPE(other) != cnp.PyArray_TYPE(x) or cnp.PyArray_NDIM(other) != ndim:
        return False
    for axis in range(ndim):
        if cnp.PyArray_DIM(other, axis) != cnp.PyArray_DIM(x, axis) and axis not in over:
            return False
    return cnp.PyArray_SIZE(other) > 0


def by_moments(object x, object other, object axis, object out, bint divided, bint complete, Py_ssize_t few):
    """Groups over axes less their means, over their deviations if `divided`, of `other`; None where care is needed.

    other: x itself, or an array of the same dtype and sizes but for the axes. complete: none of it is NaN. few: up to how many
    elements are summed as float64.
    """
    cdef cnp.ndarray seen, state, mean, var, std, center, factor, shift
    cdef tuple over
    cdef cn_factors found
    cdef Py_ssize_t i, n, count
    y = output(x, out)
    over = None if y is None else axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not over or cnp.PyArray_SIZE(<cnp.ndarray>y) == 0 or not cnp.PyArray_CheckExact(other):
        return None
    if not has_groups_of(other, x, over):
        return None
    seen = in_single(other) if cnp.PyArray_SIZE(<cnp.ndarray>other) <= few else other
    if seen is None:
        return None
    state = new_state(x, over)
    find_moments(seen, over, cnp.PyArray_SIZE(seen) <= few, state)
    n = cnp.PyArray_SIZE(state) // 5
    count = cnp.PyArray_SIZE(seen) // n if complete else 0
    mean, var, std = of_groups(x, over), of_groups(x, over), of_groups(x, over)
    if not C.spreads(states_in(state), n, count, numbers(mean), numbers(var), numbers(std)):
        return None
    for i in range(0 if divided else n):
        numbers(std)[i] = 1
    center, factor, shift = mean, var, of_groups(x, over)
    found = C.factors_of(states_in(state), n, numbers(std), numbers(center), numbers(factor), numbers(shift))
    if found == CN_FACTORS_NONE:
        return None
    run_map(x, y, over, center, factor, None,
            shift if found == CN_FACTORS_SHIFTED and cnp.PyArray_ITEMSIZE(<cnp.ndarray>y) == 8 else None)
    return y


def by_roots(object x, object out, cnp.ndarray mean not None, cnp.ndarray root not None, bint back):
    """(x - mean) / root, or back x * root + mean, of moderate numbers for x's last axes; None where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray center, factor, bias = None
    cdef cnp.npy_intp[64] dims
    cdef int axis, first
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(root)
    y = output(x, out)
    if y is None or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0 or not is_vector(mean, cnp.NPY_FLOAT64, n):
        return None
    first = cnp.PyArray_NDIM(<cnp.ndarray>x) - cnp.PyArray_NDIM(root)
    if first < 0 or not is_vector(root, cnp.NPY_FLOAT64, n):
        return None
    for axis in range(cnp.PyArray_NDIM(<cnp.ndarray>x)):
        dims[axis] = 1 if axis < first else cnp.PyArray_DIM(root, axis - first)
        if axis >= first and dims[axis] != cnp.PyArray_DIM(<cnp.ndarray>x, axis):
            return None
    center, factor = mean, root
    if back:
        center, bias = full(mean, True, 0), rounded(mean, is_wide(x))
    else:
        factor = same_shape(root, cnp.NPY_FLOAT64)
        for i in range(n):
            numbers(factor)[i] = 1 / numbers(root)[i]
    open_map(&call, x, y, center, factor, None, None)
    set_stats(&call, dims)
    if back:
        call.op[<int>CN_B].data = <char *>cnp.PyArray_DATA(bias)
        for axis in range(call.ndim):
            call.op[<int>CN_B].strides[axis] = call.op[<int>CN_STAT].strides[axis] * cnp.PyArray_ITEMSIZE(bias)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>x))
    return y


cdef bint as_before(cnp.ndarray a, bytes seen) noexcept:
    """Has it these bytes?"""
    return (cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_NBYTES(a) == PyBytes_GET_SIZE(seen)
            and memcmp(cnp.PyArray_DATA(a), PyBytes_AS_STRING(seen), PyBytes_GET_SIZE(seen)) == 0)


def by_fitted(object x, dict known, cnp.ndarray statistics not None, bytes seen not None, object is_finite):
    """The map known for the dtype of a finite matrix, while the statistics it is of have these bytes; else None."""
    cdef tuple m
    cdef cnp.ndarray y, center
    if not is_plain(x) or cnp.PyArray_NDIM(<cnp.ndarray>x) != 2 or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0:
        return None
    m = known.get((<cnp.ndarray>x).dtype)
    if m is None or not as_before(statistics, seen):
        return None
    center = m[0]
    if cnp.PyArray_SIZE(center) != cnp.PyArray_DIM(<cnp.ndarray>x, 1) or not is_finite(x):
        return None
    y = new_like(x)
    run_map(x, y, ROWS, center, m[1], m[2], m[3])
    return y
