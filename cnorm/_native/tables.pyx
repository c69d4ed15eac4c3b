# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Tables by their statistics, or others', at once: None of what needs care, which the careful steps then look at."""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cython cimport floating
from libc.float cimport DBL_EPSILON, FLT_EPSILON
from libc.string cimport memcmp

from cnorm._native.core cimport (
    CN_EXTREMES, CN_F16, CN_F32, CN_F64, CN_VAR, cn_call, cn_partial, cn_results, known_dtype, new_state, open_results, run, set_real,
    set_weights, verbs,
)
from cnorm._native.glance cimport are_plain_weights, axes, is_plain, is_table, output, take_range
from cnorm._native.kept cimport new_like
from cnorm._native.layout cimport is_vector, is_wide
from cnorm._native.maps cimport doubles, meet, numbers, run_map, states_in
from cnorm._native.states cimport find_divisors

from cnorm._native.core import widen
from cnorm._native.reductions import finite
from cnorm._native.states import merge

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef enum cn_factors: CN_FACTORS_NONE, CN_FACTORS_SHIFTED
    ctypedef struct cn_verbs:
        int (*moderate)(const double *values, ptrdiff_t n) noexcept nogil
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        cn_factors (*factors_of)(const cn_partial *states, ptrdiff_t n, const double *std, double *center, double *factor,
                                 double *shift) noexcept nogil
        int (*inverse_ranges)(const double *low, const double *high, ptrdiff_t n, double tiny, double *factor) noexcept nogil
        int (*largest)(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor) noexcept nogil

ctypedef cnp.npy_intp intp
cdef tuple ROWS = (0,)
cdef double INFINITY = float("inf")
# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


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
    return cnp.PyArray_ZEROS(ndim, dims, cnp.NPY_FLOAT64, 0) if zero else cnp.PyArray_EMPTY(ndim, dims, cnp.NPY_FLOAT64, 0)


cdef double resolution(cnp.ndarray x) noexcept:
    """The step from 1 to the next of these floats."""
    cdef int dtype = known_dtype(x)
    return DBL_EPSILON if dtype == CN_F64 else FLT_EPSILON if dtype == CN_F32 else 1.0 / 1024 if dtype == CN_F16 else 1.0 / 128


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


def by_ends(object x, object axis, object out, object target, bint omit, /):
    """Groups over axes to a range, of None by their largest magnitude; None where care is needed.

    omit: NaN counts nowhere, and stays.
    """
    cdef cnp.ndarray low, high, top, center, factor, ranged = None
    cdef double first = 0, last = 1
    cdef tuple over, found
    cdef int fine
    y = output(x, out)
    over = None if y is None else axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not over or cnp.PyArray_SIZE(<cnp.ndarray>y) == 0 or not (target is None or take_range(target, &first, &last)):
        return None
    low, high, factor = of_groups(x, over), of_groups(x, over), of_groups(x, over)
    find_ends(x, over, omit, numbers(low), numbers(high))
    if target is None:
        top, center = of_groups(x, over), of_groups(x, over, True)
        fine = C.largest(numbers(low), numbers(high), cnp.PyArray_SIZE(low), numbers(top), numbers(factor))
    else:
        top, center = high, low
        fine = find_factors(numbers(low), numbers(high), cnp.PyArray_SIZE(low), 10 * resolution(x), numbers(factor))
        ranged = <object>low != high if fine == 1 else None
    found = meet(top, center, factor, ranged, first, last, cnp.PyArray_ITEMSIZE(<cnp.ndarray>y) == 8) if fine else None
    if found is None or found[2] is not None:
        return None
    run_map(x, y, over, center, factor, found[0], found[1])
    return y


cdef int find_moments(cnp.ndarray x, tuple over, bint wide, cnp.ndarray state, bint omit=True) except -1:
    """States of groups, NaN left out if `omit`, of small float32 summed as float64."""
    cdef cn_call call
    set_real(&call, x, over, CN_VAR, state, wide)
    call.moments.omit_nan = omit
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


def by_moments(object x, object other, object axis, object out, bint divided, bint complete, Py_ssize_t few, /):
    """Groups over axes less their means, over their deviations if `divided`, of `other`; None where care is needed.

    other: x itself, or an array of the same dtype and sizes but for the axes. complete: none of it is NaN. few: up to how many
    elements are summed as float64.
    """
    cdef cnp.ndarray seen, state, mean, var, std, center, factor, shift
    cdef tuple over
    cdef cn_factors found
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
    find_moments(seen, over, cnp.PyArray_SIZE(seen) <= few, state)
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
    center, factor, shift = mean, var, of_groups(x, over)
    found = C.factors_of(states_in(state), n, numbers(std), numbers(center), numbers(factor), numbers(shift))
    if found == CN_FACTORS_NONE:
        return None
    run_map(x, y, over, center, factor, None,
            shift if found == CN_FACTORS_SHIFTED and cnp.PyArray_ITEMSIZE(<cnp.ndarray>y) == 8 else None)
    return y


cdef bint as_before(cnp.ndarray a, bytes seen) noexcept:
    """Has it these bytes?"""
    return (cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_NBYTES(a) == PyBytes_GET_SIZE(seen)
            and memcmp(cnp.PyArray_DATA(a), PyBytes_AS_STRING(seen), PyBytes_GET_SIZE(seen)) == 0)


def by_fitted(object x, dict known, cnp.ndarray statistics not None, bytes seen not None, object is_finite, /):
    """The map known for the dtype of a finite matrix, while the statistics it is of have these bytes; else None."""
    cdef tuple m
    cdef cnp.ndarray y, center
    if not is_table(x):
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


cdef cnp.ndarray rows_of(intp n, intp columns):
    """Doubles, in rows."""
    cdef intp dims[2]
    dims[0], dims[1] = n, columns
    return cnp.PyArray_EMPTY(2, dims, cnp.NPY_FLOAT64, 0)


cdef bint find_weighted(cnp.ndarray x, object given, bint wide, cnp.ndarray state) except -1:
    """States of columns of rows that count as weights tell; False where care is needed."""
    cdef cn_call call
    cdef cnp.ndarray w, seen
    cdef double least = INFINITY, most = 0
    cdef intp i, n = cnp.PyArray_DIM(x, 0)
    if not is_plain(given) or cnp.PyArray_NDIM(<cnp.ndarray>given) != 1 or cnp.PyArray_SIZE(<cnp.ndarray>given) != n:
        return False
    w = (<object>doubles(given)).reshape(n, 1)
    for i in range(n):
        least, most = min(least, numbers(w)[i]), max(most, numbers(w)[i])
    if not are_plain_weights(least, most) or not finite(x):
        return False
    seen = (<object>x).astype("d") if wide and cnp.PyArray_ITEMSIZE(x) < 8 else x
    set_real(&call, seen, ROWS, CN_VAR, state)
    set_weights(&call, w, 1)
    call.moments.omit_nan = True
    run(&call, cnp.PyArray_SIZE(x))
    return True


cpdef cnp.ndarray column_moments(object x, Py_ssize_t few, object weights, bint omit=True):
    """States of a table's columns, without weights NaN left out if `omit`; None where care is needed.

    few, weights: as for `fit_moments`. What weights tell of is finite.
    """
    cdef cnp.ndarray seen, state
    cdef bint wide
    if not is_table(x):
        return None
    wide = cnp.PyArray_SIZE(<cnp.ndarray>x) <= few
    seen = in_single(x) if wide else x
    if seen is None:
        return None
    state = rows_of(cnp.PyArray_DIM(<cnp.ndarray>x, 1), 5)
    cnp.PyArray_FILLWBYTE(state, 0)
    if weights is None:
        find_moments(seen, ROWS, wide, state, omit)
    elif not find_weighted(x, weights, wide, state):
        return None
    return state


def fit_moments(object x, cnp.ndarray before, Py_ssize_t few, object weights, /):
    """State of a table's columns, with that of earlier data, the count, and deviation, mean and variance in rows.

    None where care is needed. few: elements up to which narrow floats are summed as float64. weights: of rows, or None.
    """
    cdef cnp.ndarray state = column_moments(x, few, weights), rows
    cdef intp n
    if state is None:
        return None
    n = cnp.PyArray_DIM(state, 0)
    rows = rows_of(3, n)
    if before is not None:
        state = merge(before, state) if cnp.PyArray_SIZE(before) == 5 * n else None
    if state is None or not find_divisors(states_in(state), n, states_in(state).count, numbers(rows) + n,
                                          numbers(rows) + 2 * n, numbers(rows)):
        return None
    return state, states_in(state).count, rows


cdef bint join_ends(double *low, double *high, intp n, cnp.ndarray least, cnp.ndarray greatest) noexcept:
    """Widens ends by earlier ones, which may be None; False where care is needed, as for zeros of two signs."""
    cdef intp i
    cdef double a, b
    if least is None:
        return True
    if not is_vector(least, cnp.NPY_FLOAT64, n) or not is_vector(greatest, cnp.NPY_FLOAT64, n):
        return False
    for i in range(n):
        a, b = numbers(least)[i], numbers(greatest)[i]
        if (a == 0 and low[i] == 0) or (b == 0 and high[i] == 0) or a != a or b != b:
            return False
        low[i], high[i] = min(a, low[i]), max(b, high[i])
    return True


def fit_range(object x, cnp.ndarray least, cnp.ndarray greatest, object target, double eps, /):
    """Least, greatest, their distance, scale and shift of a table's columns, in rows, and what they are known to.

    None where care is needed. least, greatest: of earlier data, known to eps, or None.
    """
    cdef cnp.ndarray rows
    cdef double first, last
    cdef double *to
    cdef intp n, i
    if not is_table(x) or not take_range(target, &first, &last):
        return None
    n, eps = cnp.PyArray_DIM(<cnp.ndarray>x, 1), min(eps, resolution(x))
    rows = rows_of(5, n)
    to = numbers(rows)
    find_ends(x, ROWS, True, to, to + n)
    if not join_ends(to, to + n, n, least, greatest) or not find_factors(to, to + n, n, 10 * eps, to + 3 * n):
        return None
    for i in range(n):
        to[2 * n + i], to[3 * n + i] = to[n + i] - to[i], (last - first) * to[3 * n + i]
        to[4 * n + i] = first - to[i] * to[3 * n + i]
    return rows, eps


def fit_largest(object x, cnp.ndarray before):
    """The largest magnitudes of a table's columns, twice, in rows; None where care is needed, as for none above 0."""
    cdef cnp.ndarray rows
    cdef double *to
    cdef intp n, i
    if not is_table(x):
        return None
    n = cnp.PyArray_DIM(<cnp.ndarray>x, 1)
    rows = rows_of(2, n)
    to = numbers(rows)
    find_ends(x, ROWS, True, to, to + n)
    if before is not None and not is_vector(before, cnp.NPY_FLOAT64, n):
        return None
    for i in range(n):
        to[i] = max(-to[i], to[n + i])
        if before is not None and not numbers(before)[i] <= to[i]:
            to[i] = numbers(before)[i]
        if not 0 < to[i] < INFINITY:
            return None
        to[n + i] = to[i]
    return rows
