# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Statistics of windows along an axis."""

cimport numpy as cnp

from cnorm._native.core cimport (
    CN_F64, CN_NO_NUMBER, CN_W, CN_Y, check, check_against, cn_call, cn_eps_mode, cn_number, cn_status, number_of, set_operand, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef enum cn_window_kind:
        CN_WINDOW_SUM, CN_WINDOW_MEAN, CN_WINDOW_MOMENTS, CN_WINDOW_LEAST, CN_WINDOW_GREATEST
        CN_WINDOW_LEAST_AT, CN_WINDOW_GREATEST_AT, CN_WINDOW_STANDARD
    ctypedef enum cn_spread: CN_SPREAD_VAR, CN_SPREAD_STD, CN_SPREAD_SCALE
    ctypedef struct cn_window:
        cn_number x
        int floats
        cn_window_kind kind
        ptrdiff_t window, forward, least
        cn_spread spread
        double correction, eps
        cn_eps_mode eps_mode
    ctypedef struct cn_decay:
        cn_number x
        int floats, adjust
        double alpha
        ptrdiff_t least
    ctypedef struct cn_verbs:
        cn_status (*windows)(const cn_call *call, int axis, const cn_window *how) noexcept nogil
        cn_status (*decayed)(const cn_call *call, int axis, const cn_decay *how) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef dict WINDOW_KINDS = {"sum": CN_WINDOW_SUM, "mean": CN_WINDOW_MEAN, "moments": CN_WINDOW_MOMENTS,
                          "min": CN_WINDOW_LEAST, "max": CN_WINDOW_GREATEST,
                          "argmin": CN_WINDOW_LEAST_AT, "argmax": CN_WINDOW_GREATEST_AT, "standard": CN_WINDOW_STANDARD}
cdef dict SPREADS = {"var": CN_SPREAD_VAR, "std": CN_SPREAD_STD, "scale": CN_SPREAD_SCALE}


cdef int set_lines(cn_call *call, cnp.ndarray x, cnp.ndarray first, cnp.ndarray second) except -1:
    """Results of x's shape, both float32 or both float64; is it float32?"""
    cdef int num = cnp.PyArray_TYPE(first)
    check_against(first, x, "x")
    check_against(x, first, "first")
    if second is not None:
        check_against(second, x, "x")
        check_against(x, second, "second")
    if num not in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) or (second is not None and cnp.PyArray_TYPE(second) != num):
        raise TypeError(f"results: expected float32 or float64, got {first.dtype}")
    if number_of(x) == CN_NO_NUMBER:
        raise TypeError(f"x: expected real numbers the core takes, got {x.dtype}")
    set_x(call, x, CN_F64)
    set_operand(call, CN_Y, first)
    if second is not None:
        set_operand(call, CN_W, second)
    return num == cnp.NPY_FLOAT32


def reduce(cnp.ndarray x not None, cnp.ndarray first not None, cnp.ndarray second, int axis, str kind not None,
           Py_ssize_t window, Py_ssize_t least, Py_ssize_t forward=0, str spread="var", double correction=0,
           double eps=0, int eps_mode=0):
    """first, and second of "moments", of the windows along axis that end `forward` behind each position.

    kind: "sum", "mean", "moments", "min", "max", "argmin" or "argmax"; spread: what second is: "var" or "std". Or "standard": elements less the
    mean of their window, times the "scale" by eps and its mode.
    NaN counts nothing; NaN where there are fewer than `least` others. Results: float32 or float64, apart from x.
    """
    cdef cn_call call
    cdef cn_window how
    cdef cn_status status
    cdef PyThreadState *released
    if window < 1 or not 0 <= forward < window or not 1 <= least or (kind == "moments") != (second is not None):
        raise ValueError(f"window: expected a positive one, got {window} ({forward}, {least}, {kind})")
    how.floats = set_lines(&call, x, first, second)
    if cnp.PyArray_SIZE(x) == 0:
        return
    how.x, how.kind, how.spread = number_of(x), <cn_window_kind>WINDOW_KINDS[kind], <cn_spread>SPREADS[spread]
    how.window, how.forward, how.least = window, min(forward, call.shape[axis] - 1), least
    if how.forward < forward:  # beyond the line all is known
        how.window = window - (forward - how.forward)
    how.correction, how.eps, how.eps_mode = correction, eps, <cn_eps_mode>eps_mode
    released = release(cnp.PyArray_SIZE(x))
    status = C.windows(&call, axis, &how)
    resume(released)
    check(status)


def decayed(cnp.ndarray x not None, cnp.ndarray mean not None, cnp.ndarray var not None, int axis, double alpha,
            bint adjust, Py_ssize_t least):
    """Exponentially weighted mean and variance along axis: float32 or float64, apart from x."""
    cdef cn_call call
    cdef cn_decay how
    cdef cn_status status
    cdef PyThreadState *released
    how.floats = set_lines(&call, x, mean, var)
    if cnp.PyArray_SIZE(x) == 0:
        return
    how.x, how.adjust, how.alpha, how.least = number_of(x), adjust, alpha, least
    released = release(cnp.PyArray_SIZE(x))
    status = C.decayed(&call, axis, &how)
    resume(released)
    check(status)
