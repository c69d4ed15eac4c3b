# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""States [..., 5]: merged, and the numbers they are wanted as."""

cimport numpy as cnp

from cnorm._native.core cimport CN_EXTREMES, CN_SUMS, CN_VAR, cn_kind, cn_partial, cn_results, open_results, verbs
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport apart
from cnorm._native.layout cimport is_packed, is_vector, is_wide

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_verbs:
        int (*merge_states)(cn_partial *to, const cn_partial *a, const double *b, ptrdiff_t step, ptrdiff_t n, int omit_nan) noexcept nogil
        void (*results_of)(const cn_partial *states, ptrdiff_t n, cn_kind kind, const cn_results *to) noexcept nogil
        int (*spreads)(const cn_partial *states, ptrdiff_t n, double count, double *mean, double *var, double *std) noexcept nogil
        void (*move)(void *running, int wide, const double *to, ptrdiff_t n, double share) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


def merge(cnp.ndarray state not None, cnp.ndarray other not None, bint omit=False):
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
    done = C.merge_states(to, a, b, step, n, omit)
    resume(released)
    return merged if done else None


cdef cnp.ndarray of_states(cnp.ndarray state, bint wide):
    """A new array of a number for each state [..., 5]."""
    cdef int dtype = cnp.NPY_FLOAT64 if wide else cnp.NPY_FLOAT32
    return cnp.PyArray_EMPTY(cnp.PyArray_NDIM(state) - 1, cnp.PyArray_DIMS(state), dtype, 0)


cdef bint are_states(cnp.ndarray state) noexcept:
    """Doubles in C order, five for each group?"""
    return (cnp.PyArray_TYPE(state) == cnp.NPY_FLOAT64 and cnp.PyArray_ISCARRAY_RO(state)
            and cnp.PyArray_NDIM(state) > 0 and cnp.PyArray_DIM(state, cnp.PyArray_NDIM(state) - 1) == 5)


cdef int of_all(cnp.ndarray state, cn_kind kind, const cn_results *to) except -1:
    """Results of states [..., 5] in C order."""
    cdef ptrdiff_t n = cnp.PyArray_SIZE(state) // 5
    cdef PyThreadState *released = release(n)
    C.results_of(<const cn_partial *>cnp.PyArray_DATA(state), n, kind, to)
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


def spreads(cnp.ndarray state not None, double count=0):
    """Mean, variance and deviation of states; None where they are not ordinary, or of another count (`spreads`)."""
    cdef cnp.ndarray mean, var, std
    if not are_states(state):
        return None
    mean, var, std = of_states(state, True), of_states(state, True), of_states(state, True)
    if not C.spreads(<const cn_partial *>cnp.PyArray_DATA(state), cnp.PyArray_SIZE(mean), count,
                      <double *>cnp.PyArray_DATA(mean), <double *>cnp.PyArray_DATA(var),
                      <double *>cnp.PyArray_DATA(std)):
        return None
    return mean, var, std


cdef bint may_move(cnp.ndarray running, cnp.ndarray to) noexcept:
    return (is_packed(running) and cnp.PyArray_ISWRITEABLE(running)
            and is_vector(to, cnp.NPY_FLOAT64, cnp.PyArray_SIZE(running)))


cdef void move_one(cnp.ndarray running, cnp.ndarray to, double share) noexcept:
    C.move(cnp.PyArray_DATA(running), is_wide(running), <const double *>cnp.PyArray_DATA(to), cnp.PyArray_SIZE(to), share)


def move(cnp.ndarray mean not None, cnp.ndarray var not None, cnp.ndarray to_mean not None, cnp.ndarray to_var not None,
         double share):
    """running = (1 - share) * running + share * to, rounded once, of both; False where care is needed, and nothing done."""
    if not may_move(mean, to_mean) or not may_move(var, to_var) or not apart(mean, var):
        return False
    move_one(mean, to_mean, share)
    move_one(var, to_var, share)
    return True
