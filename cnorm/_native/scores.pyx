# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Standard scores of few elements, or of their logarithms, at once; logarithms."""

cimport numpy as cnp
from cpython.unicode cimport PyUnicode_CheckExact
from cython cimport floating

from cnorm._native.core cimport CN_VAR, cn_dtype, cn_results, dtype_of, new_state, open_results, put_rounded, verbs
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport alike, axes, mask, output
from cnorm._native.kept cimport new_among, new_of
from cnorm._native.layout cimport float_of, has_gaps, is_wide
from cnorm._native.maps cimport numbers
from cnorm._native.norms cimport normalized
from cnorm._native.states cimport has_spreads

from cnorm._native.reductions import moments

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    enum: CN_LOG_OF_ZERO, CN_LOG_OF_NEGATIVE
    ctypedef struct cn_verbs:
        int (*are_spread)(const double *mean, const double *var, ptrdiff_t n) noexcept nogil
        int (*logs)(cn_dtype dtype, const char *x, double *y, ptrdiff_t n) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()
cdef cnp.dtype DOUBLE = cnp.PyArray_DescrFromType(cnp.NPY_FLOAT64)
cdef double NAN = float("nan")
cdef enum: FEW = 1 << 16  # elements that are soon read a second time, where one look was not enough
cdef enum: SOME = 64  # groups that are looked at together


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
    weight = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), ones, float_of(is_wide(x)), 0)
    if is_wide(x):
        (<double *>cnp.PyArray_DATA(weight))[0] = share
    else:
        (<float *>cnp.PyArray_DATA(weight))[0] = <float>share
    return weight


cdef bint take_policy(object nan_policy, object share, object where, bint *omit, bint *complete) noexcept:
    """Is it known, and what is not said of it together with the others?"""
    omit[0], complete[0] = nan_policy == "omit", nan_policy == "raise"
    if not PyUnicode_CheckExact(nan_policy) or not (omit[0] or complete[0] or nan_policy == "propagate"):
        return False
    if complete[0] and where is not None:
        return False
    return share is None or not (omit[0] or complete[0] or where is not None)


cdef bint are_spread(const double *mean, const double *var, Py_ssize_t n, bint lost, bint *found) noexcept:
    """As `has_spreads`, of moments."""
    cdef Py_ssize_t first, i
    for first in range(0, n, SOME):
        if C.are_spread(mean + first, var + first, min(SOME, n - first)):
            continue
        for i in range(first, min(first + SOME, n)):
            if var[i] != var[i] and lost:
                found[0] = True
            elif not C.are_spread(mean + i, var + i, 1):
                return False
    return True


cdef bint score_plain(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray weight, bint lost, bint moderate,
                      bint *found) except -1:
    """Where every element counts, and y is fresh."""
    cdef cn_results to
    cdef cnp.ndarray mean, var
    cdef cnp.npy_intp n = cnp.PyArray_SIZE(x)
    for axis in over:
        n //= cnp.PyArray_DIM(x, axis)
    mean, var = new_of(1, &n, cnp.NPY_FLOAT64), new_of(1, &n, cnp.NPY_FLOAT64)
    open_results(&to, mean, var, True)
    normalized(x, y, over, weight, None, 0, CN_VAR, None, &to, None, None, None, False, 1, 0, None, moderate)
    return are_spread(numbers(mean), numbers(var), n, lost, found)


cdef bint score_by_states(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray weight, bint omit, bint complete, object where,
                          bint fresh, bint lost, bint moderate, bint *found) except -1:
    """Where groups have counts of their own, or y is written once they are known."""
    cdef cnp.ndarray state
    cdef double count = 0
    cdef bint leaves_out = omit or complete
    if fresh:
        state = new_state(x, over)
        normalized(x, y, over, weight, None, 0, CN_VAR, state, NULL, where, None, None, leaves_out, 1, 0, None, moderate)
    else:
        state = moments(x, over, where, None, leaves_out)
    if complete or weight is not None:
        count = cnp.PyArray_SIZE(x) // (cnp.PyArray_SIZE(state) // 5)
    elif where is not None and not omit:
        count = -1  # of hidden groups zeros are written
    if not has_spreads(state, count, lost, found):
        return False
    if not fresh:
        normalized(x, y, over, weight, None, 0, CN_VAR, None, NULL, where, None, None, leaves_out, 1, 0, state, moderate)
    return True


cdef bint score(cnp.ndarray x, cnp.ndarray y, tuple over, object share, bint omit, bint complete, object where,
                bint fresh, bint moderate) except -1:
    """y = scores of x over axes; False where care is needed, with y as it was unless it is fresh. moderate: no square is large."""
    cdef bint found = False, fine, plain = not (omit or complete or where is not None)
    cdef bint lost = plain and share is None and cnp.PyArray_ITEMSIZE(y) > 2 and not has_gaps(y)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x)
    weight = None if share is None else share_of(y, share)
    if fresh and plain:
        fine = score_plain(x, y, over, weight, lost, moderate, &found)
    else:
        fine = score_by_states(x, y, over, weight, omit, complete, where, fresh, lost, moderate, &found)
    if not fine:
        return False
    if found and is_wide(y):
        unify(<double *>cnp.PyArray_DATA(y), size, NAN)
    elif found:
        unify(<float *>cnp.PyArray_DATA(y), size, <float>NAN)
    return True


def scores_at_once(object x, object axis, object share, object nan_policy, object where, object out, /):
    """Standard scores over axes, of few elements, a group of constants or without one apart; None where care is needed.

    share: what those of complete groups are multiplied with; or None.
    """
    cdef tuple over
    cdef bint omit, complete
    if not take_policy(nan_policy, share, where, &omit, &complete):
        return None
    y = output(x, out)
    if y is None or not (where is None or mask(where, x, out)):
        return None
    over = axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not 0 < cnp.PyArray_SIZE(<cnp.ndarray>y) <= FEW or not over:
        return None
    return y if score(x, y, over, share, omit, complete, where, out is None, False) else None


cdef int put_logs(cnp.ndarray x, cnp.ndarray to) except -1:
    """Logarithms of floats into doubles without gaps, in the order of x; what of it has none."""
    cdef int dtype = dtype_of(x), seen
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef cnp.ndarray source = x
    cdef PyThreadState *released
    if has_gaps(x):
        source = new_among(x, x.dtype)
        cnp.PyArray_CopyInto(source, x)
    released = release(n)
    seen = C.logs(<cn_dtype>dtype, cnp.PyArray_BYTES(source), numbers(to), n)
    resume(released)
    return seen


def logarithms(cnp.ndarray x not None, /):
    """Of native, aligned floats, as doubles in the order of x; is one of 0, is one of less?"""
    cdef cnp.ndarray to = new_among(x, DOUBLE)
    cdef int seen = put_logs(x, to)
    return to, bool(seen & CN_LOG_OF_ZERO), bool(seen & CN_LOG_OF_NEGATIVE)


def log_scores_at_once(object x, object axis, object share, object nan_policy, object out, /):
    """Standard scores of logarithms, where all are numbers; else as `scores_at_once`."""
    cdef tuple over
    cdef bint omit, complete
    cdef cnp.ndarray logs
    if not take_policy(nan_policy, share, None, &omit, &complete):
        return None
    y = output(x, out)
    over = None if y is None else axes(axis, cnp.PyArray_NDIM(<cnp.ndarray>y))
    if not over or not 0 < cnp.PyArray_SIZE(<cnp.ndarray>y) <= FEW:
        return None
    if out is not None and not (alike(y, x) and not has_gaps(y)):
        return None
    logs = y if out is None and is_wide(<cnp.ndarray>y) else new_among(x, DOUBLE)
    if put_logs(x, logs) or not score(logs, logs, over, share, omit, complete, None, True, True):
        return None
    if logs is not y:
        put_rounded(logs, y)
    return y
