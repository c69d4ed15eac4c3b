# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Tables fitted, and by what was fitted, at once: None of what needs care, which the careful steps then look at."""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memcmp

from cnorm._native.core cimport CN_VAR, cn_call, cn_partial, run, set_real, set_weights
from cnorm._native.glance cimport are_plain_weights, is_number_table, is_plain, take_range
from cnorm._native.kept cimport new_as, new_like, new_of
from cnorm._native.layout cimport is_vector
from cnorm._native.maps cimport doubles, numbers, run_map, states_in
from cnorm._native.states cimport find_divisors
from cnorm._native.tables cimport (
    find_ends, find_factors, find_moments, in_single, of_groups, resolution, run_ends, run_moments,
)

from cnorm._native.core import get_num_threads
from cnorm._native.reductions import bounded, finite
from cnorm._native.states import merge

cnp.import_array()

ctypedef cnp.npy_intp intp
cdef tuple ROWS = (0,), ALL = (0, 1)
cdef cnp.dtype DOUBLE = cnp.PyArray_DescrFromType(cnp.NPY_FLOAT64)
cdef enum: FEW = 1 << 14  # elements
# Bytes that a thread maps while they are in its cache, no less than it gets of float64: half as many cost tables of 80 MB a tenth.
cdef enum: LOOKED_AT = 1 << 20
cdef double INFINITY = float("inf")


cdef bint as_before(cnp.ndarray a, bytes seen) noexcept:
    """Has it these bytes?"""
    return (cnp.PyArray_IS_C_CONTIGUOUS(a) and cnp.PyArray_NBYTES(a) == PyBytes_GET_SIZE(seen)
            and memcmp(cnp.PyArray_DATA(a), PyBytes_AS_STRING(seen), PyBytes_GET_SIZE(seen)) == 0)


def unchanged(cnp.ndarray statistics not None, bytes seen not None, /):
    """Have statistics these bytes yet?"""
    return as_before(statistics, seen)


cdef bint is_bounded(cnp.ndarray x) except -1:
    """Is a table without infinity? Told at once of small ones: each `transform` asks."""
    cdef double least, greatest
    if cnp.PyArray_SIZE(x) <= FEW and bounded(x):
        return True
    find_ends(x, ALL, True, &least, &greatest)
    return least != -INFINITY and greatest != INFINITY


cdef bint map_bounded(cnp.ndarray x, cnp.ndarray y, tuple m) except -1:
    """y by the map of a table's columns; False, and y means nothing, where x has infinity.

    Rows that fit the caches of all threads at a time: what was looked at is mapped from there.
    """
    cdef intp rows = cnp.PyArray_DIM(x, 0), some = rows, first
    if cnp.PyArray_IS_C_CONTIGUOUS(x) and cnp.PyArray_NBYTES(y) > LOOKED_AT:
        some = <intp>get_num_threads() * LOOKED_AT // (cnp.PyArray_NBYTES(y) // rows) + 1
    for first in range(0, rows, some):
        part, to = (x, y) if some == rows else (x[first:first + some], y[first:first + some])
        if not is_plain(part):
            cnp.PyArray_CopyInto(to, part)
            part = to
        elif not is_bounded(part):
            return False
        run_map(part, to, ROWS, m[0], m[1], m[2], m[3], (rows + some - 1) // some)
    return True


def by_fitted(object x, dict known, cnp.ndarray statistics not None, bytes seen not None, /):
    """The map known for the dtype of a matrix without infinity, while the statistics it is of have these bytes; else None.

    Integers become float64.
    """
    cdef tuple m
    cdef cnp.ndarray y
    if not is_number_table(x):
        return None
    dtype = (<cnp.ndarray>x).dtype if is_plain(x) else DOUBLE
    m = known.get(dtype)
    if m is None or not as_before(statistics, seen):
        return None
    if cnp.PyArray_SIZE(<cnp.ndarray>m[0]) != cnp.PyArray_DIM(<cnp.ndarray>x, 1):
        return None
    y = new_as(x, dtype, cnp.NPY_KEEPORDER)
    return y if map_bounded(x, y, m) else None


cdef cnp.ndarray rows_of(intp n, intp columns):
    """Doubles, in rows."""
    cdef intp dims[2]
    dims[0], dims[1] = n, columns
    return new_of(2, dims, cnp.NPY_FLOAT64)


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
    if not are_plain_weights(least, most) or (is_plain(x) and not finite(x)):
        return False
    seen = (<object>x).astype("d") if wide and is_plain(x) and cnp.PyArray_ITEMSIZE(x) < 8 else x
    set_real(&call, seen, ROWS, CN_VAR, state)
    set_weights(&call, w, 1)
    call.moments.omit_nan = True
    run(&call, cnp.PyArray_SIZE(x))
    return True


def column_moments(object x, Py_ssize_t few, object weights, bint omit=True):
    """States of a table's columns, without weights NaN left out if `omit`; None where care is needed.

    few, weights: as for `fit_moments`. What weights tell of is finite.
    """
    cdef cnp.ndarray seen, state
    cdef bint wide
    if not is_number_table(x):
        return None
    wide = cnp.PyArray_SIZE(<cnp.ndarray>x) <= few
    seen = in_single(x) if wide and is_plain(x) else x
    if seen is None:
        return None
    state = rows_of(cnp.PyArray_DIM(<cnp.ndarray>x, 1), 5)
    cnp.PyArray_FILLWBYTE(state, 0)
    if weights is None:
        find_moments(seen, ROWS, wide, state, omit and is_plain(x))
    elif not find_weighted(x, weights, wide, state):
        return None
    return state


cdef object counts_of(cnp.ndarray state):
    """The count of all states, or an array where they have others."""
    cdef const cn_partial *of = states_in(state)
    cdef intp i, n = cnp.PyArray_DIM(state, 0)
    cdef bint alike = True
    for i in range(n):
        alike &= of[i].count == of[0].count
    return of[0].count if alike else (<object>state)[:, 0].copy()


def fit_moments(object x, cnp.ndarray before, Py_ssize_t few, object weights, /):
    """State of a table's columns, with that of earlier data; its count, or counts; deviation, mean and variance in rows.

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
    if state is None or not find_divisors(states_in(state), n, 0, numbers(rows) + n, numbers(rows) + 2 * n, numbers(rows)):
        return None
    return state, counts_of(state), rows


def by_fit_moments(object x, cnp.ndarray state not None, cnp.ndarray std not None, /):
    """What was fitted, a table, less its means, over its deviations; None where care is needed."""
    y = new_like(x)
    return y if run_moments(x, y, ROWS, state, std, of_groups(x, ROWS), of_groups(x, ROWS)) else None


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
    if not is_number_table(x) or not take_range(target, &first, &last):
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
    cdef bint fine = True
    if not is_number_table(x):
        return None
    n = cnp.PyArray_DIM(<cnp.ndarray>x, 1)
    rows = rows_of(2, n)
    to = numbers(rows)
    find_ends(x, ROWS, True, to, to + n)
    if before is not None and not is_vector(before, cnp.NPY_FLOAT64, n):
        return None
    for i in range(n):
        to[i] = to[n + i] if to[n + i] > -to[i] else -to[i]
    for i in range(0 if before is None else n):
        to[i] = to[i] if numbers(before)[i] <= to[i] else numbers(before)[i]
    for i in range(n):
        fine &= (to[i] > 0) & (to[i] < INFINITY)
        to[n + i] = to[i]
    return rows if fine else None


cdef cnp.ndarray as_row(object vector):
    """With an axis of size 1 in front."""
    return vector[None]


def by_fit_ends(object x, cnp.ndarray low, cnp.ndarray high not None, object target, double eps, /):
    """What was fitted, a table, to a range by its ends, known to eps, or by its largest magnitudes; None where care is needed.

    low: None with the largest magnitudes.
    """
    cdef double first = 0, last = 1
    cdef bint ranged = low is not None
    if ranged and not take_range(target, &first, &last):
        return None
    y = new_like(x)
    least = as_row(low) if ranged else of_groups(x, ROWS, True)
    return y if run_ends(x, y, ROWS, least, as_row(high), ranged, first, last, eps) else None
