# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Tables by their statistics, or others', at once: None of what needs care, which the careful steps then look at."""

cimport numpy as cnp
from libc.float cimport DBL_EPSILON, FLT_EPSILON

from cnorm._native.core cimport (
    CN_B, CN_EXTREMES, CN_F16, CN_F32, CN_F64, CN_STAT, CN_VAR, cn_call, cn_partial, cn_results, known_dtype, new_state,
    open_results, run, set_real, set_stats, verbs,
)
from cnorm._native.glance cimport axes, is_plain, output, take_range
from cnorm._native.kept cimport new_of
from cnorm._native.layout cimport is_wide
from cnorm._native.maps cimport full, meet, numbers, open_map, rounded, run_map, states_in
from cnorm._native.states cimport are_states, find_divisors, of_states

from cnorm._native.core import widen
from cnorm._native.reductions import finite

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef enum cn_factors: CN_FACTORS_NONE, CN_FACTORS_SHIFTED
    ctypedef struct cn_verbs:
        int (*moderate)(const double *values, ptrdiff_t n) noexcept nogil
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        cn_factors (*factors_of)(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                                 double *shift) noexcept nogil
        int (*inverse_ranges)(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor) noexcept nogil
        void (*lengths)(double *a, ptrdiff_t n, double b) noexcept nogil
        int (*largest)(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor) noexcept nogil

ctypedef cnp.npy_intp intp
# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()
cdef enum: LOOKED_AT = 1 << 17  # elements that a look for NaN costs little


cdef int find_ends(cnp.ndarray x, tuple over, bint omit, double *low, double *high) except -1:
    """Least and greatest of each group, NaN where one is and is not omitted."""
    cdef cn_call call
    cdef cn_results to
    set_real(&call, x, over, CN_EXTREMES, None)
    open_results(&to, None, None, True)
    to.first, to.second, to.omit, call.moments.results = low, high, omit, &to
    return run(&call, cnp.PyArray_SIZE(x))


cdef cnp.ndarray of_groups(cnp.ndarray x, tuple over, bint zero=False):
    """A double for each group over these axes, which are kept with size 1."""
    cdef intp[64] dims
    cdef int axis, ndim = cnp.PyArray_NDIM(x)
    for axis in range(ndim):
        dims[axis] = cnp.PyArray_DIM(x, axis)
    for axis in over:
        dims[axis] = 1
    return new_of(ndim, dims, cnp.NPY_FLOAT64, zero)


cdef double resolution(cnp.ndarray x) noexcept:
    """The step from 1 to the next of these floats, of integers of float64."""
    cdef int dtype = known_dtype(x)
    return DBL_EPSILON if dtype == CN_F64 or dtype < 0 else FLT_EPSILON if dtype == CN_F32 else 1.0 / 1024 if dtype == CN_F16 else 1.0 / 128


cdef int find_factors(const double *low, const double *high, intp n, double tiny, double *factor) noexcept:
    """`inverse_ranges` of each column, 1 of equal elements: 0 where care is needed, 1 where some are equal, else 2."""
    cdef intp i
    if C.inverse_ranges(low, high, n, tiny, factor):
        return 2
    for i in range(n):
        factor[i] = 1
        if (low[i] != high[i] or not C.moderate(low + i, 1)) and not C.inverse_ranges(low + i, high + i, 1, tiny, factor + i):
            return 0
    return 1


cdef bint run_ends(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray low, cnp.ndarray high, bint ranged, double first,
                   double last, double eps) except -1:
    """y = x by the ends of groups, known to eps, to a range or by the larger magnitude; False where care is needed."""
    cdef cnp.ndarray top = high, center = low, factor = of_groups(x, over), regular = None
    cdef tuple found
    cdef int fine
    if ranged:
        fine = find_factors(numbers(low), numbers(high), cnp.PyArray_SIZE(low), 10 * eps, numbers(factor))
        regular = <object>low != high if fine == 1 else None
    else:
        top, center = of_groups(x, over), of_groups(x, over, True)
        fine = C.largest(numbers(low), numbers(high), cnp.PyArray_SIZE(low), numbers(top), numbers(factor))
    found = meet(top, center, factor, regular, first, last, is_wide(y)) if fine else None
    if found is None or found[2] is not None:
        return False
    run_map(x, y, over, center, factor, found[0], found[1])
    return True


def by_ends(object x, object axis, object out, object target, bint omit, /):
    """Groups over axes to a range, of None by their largest magnitude; None where care is needed.

    omit: NaN counts nowhere, and stays.
    """
    cdef cnp.ndarray low, high
    cdef double first = 0, last = 1
    cdef tuple over
    y = output(x, out)
    over = None if y is None else axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not over or cnp.PyArray_SIZE(<cnp.ndarray>y) == 0 or not (target is None or take_range(target, &first, &last)):
        return None
    low, high = of_groups(x, over), of_groups(x, over)
    find_ends(x, over, omit, numbers(low), numbers(high))
    return y if run_ends(x, y, over, low, high, target is not None, first, last, resolution(x)) else None


cdef int find_states(cnp.ndarray x, tuple over, bint wide, cnp.ndarray state, bint omit) except -1:
    """States of groups, NaN left out if `omit`, of small float32 summed as float64."""
    cdef cn_call call
    set_real(&call, x, over, CN_VAR, state, wide)
    call.moments.omit_nan = omit
    return run(&call, cnp.PyArray_SIZE(x))


cdef int find_moments(cnp.ndarray x, tuple over, bint wide, cnp.ndarray state, bint omit) except -1:
    """The same. Where nothing is to be left out they are found sooner: of what is not large that is looked up."""
    return find_states(x, over, wide, state, omit and not (cnp.PyArray_SIZE(x) <= LOOKED_AT and finite(x)))


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


cdef bint run_moments(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray state, cnp.ndarray std, cnp.ndarray center,
                      cnp.ndarray factor) except -1:
    """y = (x - mean) / std by states of groups; False where care is needed. center, factor: memory for a number of each."""
    cdef cnp.ndarray shift = of_groups(x, over)
    cdef cn_factors found = C.factors_of(states_in(state), cnp.PyArray_SIZE(std), numbers(std), numbers(center),
                                         numbers(factor), numbers(shift))
    if found == CN_FACTORS_NONE:
        return False
    run_map(x, y, over, center, factor, None, shift if found == CN_FACTORS_SHIFTED and is_wide(y) else None)
    return True


def by_moments(object x, object other, object axis, object out, bint divided, bint complete, Py_ssize_t few, /):
    """Groups over axes less their means, over their deviations if `divided`, of `other`; None where care is needed.

    other: x itself, or an array of the same dtype and sizes but for the axes. complete: none of it is NaN. few: up to how many
    elements are summed as float64.
    """
    cdef cnp.ndarray seen, state, mean, var, std
    cdef tuple over
    cdef Py_ssize_t i, n
    cdef bint fine
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
    find_moments(seen, over, cnp.PyArray_SIZE(seen) <= few, state, True)
    n = cnp.PyArray_SIZE(state) // 5
    mean, var, std = of_groups(x, over), of_groups(x, over), of_groups(x, over)
    if complete:
        fine = C.spreads(states_in(state), n, cnp.PyArray_SIZE(seen) // n, numbers(mean), numbers(var), numbers(std))
    else:
        fine = find_divisors(states_in(state), n, 0, numbers(mean), numbers(var), numbers(std))
    if not fine:
        return None
    for i in range(0 if divided else n):
        numbers(std)[i] = 1
    return y if run_moments(x, y, over, state, std, mean, var) else None


def lengths(cnp.ndarray a not None, double b, /):
    """Of doubles those of (a, b), which nothing overflows."""
    cdef cnp.ndarray to = cnp.PyArray_FROMANY(a, cnp.NPY_FLOAT64, 0, 0, cnp.NPY_ARRAY_CARRAY | cnp.NPY_ARRAY_ENSURECOPY)
    C.lengths(numbers(to), cnp.PyArray_SIZE(to), b)
    return to


cdef bint find_roots(cnp.ndarray state, double least, cnp.ndarray mean, cnp.ndarray root):
    """Means, and roots of variance and the square of `least`, of ordinary states; False of others."""
    cdef cnp.ndarray var = of_states(state, True)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(var)
    if not C.spreads(states_in(state), n, 0, numbers(mean), numbers(var), numbers(root)):
        return False
    C.lengths(numbers(root), n, least)
    return True


def by_roots(object x, object out, cnp.ndarray state not None, double least, bint back, /):
    """(x - mean) / root, or back x * root + mean, of ordinary states for x's last axes; None where care is needed.

    root: of variance and the square of `least`.
    """
    cdef cn_call call
    cdef cnp.ndarray mean, root, center, factor, bias = None
    cdef cnp.npy_intp[64] dims
    cdef int axis, first
    cdef Py_ssize_t i
    y = output(x, out)
    if y is None or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0 or not are_states(state):
        return None
    first = cnp.PyArray_NDIM(<cnp.ndarray>x) - cnp.PyArray_NDIM(state) + 1
    if first < 0:
        return None
    for axis in range(cnp.PyArray_NDIM(<cnp.ndarray>x)):
        dims[axis] = 1 if axis < first else cnp.PyArray_DIM(state, axis - first)
        if axis >= first and dims[axis] != cnp.PyArray_DIM(<cnp.ndarray>x, axis):
            return None
    mean, root = of_states(state, True), of_states(state, True)
    if not find_roots(state, least, mean, root):
        return None
    center, factor = mean, root
    if back:
        center, bias = full(mean, True, 0), rounded(mean, is_wide(<cnp.ndarray>x))
    for i in range(0 if back else cnp.PyArray_SIZE(root)):
        numbers(factor)[i] = 1 / numbers(root)[i]
    open_map(&call, <cnp.ndarray>x, <cnp.ndarray>y, center, factor, None, None)
    set_stats(&call, dims)
    if back:
        call.op[<int>CN_B].data = <char *>cnp.PyArray_DATA(bias)
        for axis in range(call.ndim):
            call.op[<int>CN_B].strides[axis] = call.op[<int>CN_STAT].strides[axis] * cnp.PyArray_ITEMSIZE(bias)
    run(&call, cnp.PyArray_SIZE(<cnp.ndarray>x))
    return y
