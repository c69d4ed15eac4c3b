# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Statistics of windows along an axis."""

cimport numpy as cnp

from cnorm._native.core cimport (
    CN_EPS_INSIDE, CN_F64, CN_NO_NUMBER, CN_W, CN_Y, check, check_against, cn_call, cn_eps_mode, cn_number, cn_status, number_of, set_operand, set_x, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.glance cimport alike, as_double, as_size, line_axis, number, output
from cnorm._native.kept cimport new_as, new_like

from numpy import add

from cnorm._native.core import round_into, widen

cnp.import_array()

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX

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
# Longer than any line.
cdef Py_ssize_t LONGEST = PY_SSIZE_T_MAX // 8


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
    cdef cn_window how
    if window < 1 or not 0 <= forward < window or not 1 <= least or (kind == "moments") != (second is not None):
        raise ValueError(f"window: expected a positive one, got {window} ({forward}, {least}, {kind})")
    how.kind, how.spread = <cn_window_kind>WINDOW_KINDS[kind], <cn_spread>SPREADS[spread]
    how.window, how.forward, how.least = window, forward, least
    how.correction, how.eps, how.eps_mode = correction, eps, <cn_eps_mode>eps_mode
    slide(x, first, second, axis, &how)


cdef bint is_of_one(cn_window_kind kind) noexcept:
    """Is what a window of one element has this element?"""
    return kind in (CN_WINDOW_SUM, CN_WINDOW_MEAN, CN_WINDOW_LEAST, CN_WINDOW_GREATEST)


cdef int slide(cnp.ndarray x, cnp.ndarray first, cnp.ndarray second, int axis, cn_window *how) except -1:
    """The windows of `how`, of which numbers and room are set here."""
    cdef cn_call call
    cdef cn_status status
    cdef ptrdiff_t beyond
    cdef PyThreadState *released
    how.floats, how.x = set_lines(&call, x, first, second), number_of(x)
    if cnp.PyArray_SIZE(x) == 0:
        return 0
    if how.least == 1 and (how.window == 1 or call.shape[axis] == 1) and is_of_one(how.kind):
        cnp.PyArray_CopyInto(first, x)
        if how.kind == CN_WINDOW_SUM or how.kind == CN_WINDOW_MEAN:
            add(first, 0.0, first)  # a sum of -0 is 0
        return 0
    beyond = how.forward - (call.shape[axis] - 1)
    if beyond > 0:  # beyond the line all is known
        how.window, how.forward = how.window - beyond, how.forward - beyond
    released = release(cnp.PyArray_SIZE(x))
    status = C.windows(&call, axis, how)
    resume(released)
    return check(status)


cdef object lines(object a):
    """Numbers as the core has lines of, one at least; None where care is needed."""
    if not number(a) or cnp.PyArray_SIZE(<cnp.ndarray>a) == 0:
        return None
    return a if number_of(<cnp.ndarray>a) != CN_NO_NUMBER else widen(a)


cdef cnp.ndarray result_like(cnp.ndarray x):
    """Room for a result of lines: float64 of integers, else as x."""
    if cnp.PyTypeNum_ISFLOAT(cnp.PyArray_TYPE(x)):
        return new_like(x)
    return new_as(x, cnp.PyArray_DescrFromType(cnp.NPY_FLOAT64))


cdef bint take_window(cn_window *how, object window, object min_count, object center, bint filled) noexcept:
    """Is it an int above 0, the count from 0, or 1 if filled, up to it, or None, and are windows moved forward, or not?"""
    cdef Py_ssize_t size, least
    if not as_size(window, &size) or not 1 <= size <= LONGEST or (center is not True and center is not False):
        return False
    least = size
    if min_count is not None and (not as_size(min_count, &least) or not filled <= least <= size):
        return False
    how.window, how.least, how.forward = size, max(least, 1), (size - 1) // 2 if center is True else 0
    return True


def at_once(str kind not None, object a, object window, object min_count, object axis, object center, object by, object out,
            bint short, /):
    """What `reduce` gives of windows, of "moments" both, of their "var" and "std" alone; None where care is needed.

    by: the correction, of "standard" eps. short: windows are no longer than the line, and none is without an element.
    """
    cdef cn_window how
    cdef cnp.ndarray x, second = None
    cdef object y = None
    cdef int along
    cdef bint alone = kind == "var" or kind == "std"
    given = lines(a)
    along = -1 if given is None else line_axis(axis, given)
    if along < 0 or not take_window(&how, window, min_count, center, short) or not as_double(by, &how.correction):
        return None
    x = <cnp.ndarray>given
    if short and how.window > cnp.PyArray_DIM(x, along):
        return None
    how.kind = CN_WINDOW_MOMENTS if alone else <cn_window_kind>WINDOW_KINDS[kind]
    how.spread = CN_SPREAD_STD if kind == "std" else CN_SPREAD_VAR
    if how.kind == CN_WINDOW_STANDARD:
        y = output(a, out) if how.correction >= 0 else None
        if y is None or cnp.PyArray_DATA(<cnp.ndarray>y) == cnp.PyArray_DATA(x):
            return None
        first = y
        if given is not a:  # x is a copy, without gaps
            first = result_like(x)
            if not alike(<cnp.ndarray>y, <cnp.ndarray>a):
                return None
        how.spread, how.eps, how.eps_mode = CN_SPREAD_SCALE, how.correction, CN_EPS_INSIDE
        how.correction = 0
    else:
        first = result_like(x)
    if how.kind == CN_WINDOW_MOMENTS:
        second = result_like(x)
    slide(x, first, second, along, &how)
    if y is not None and first is not y:
        round_into(first, y)
        return y
    return second if alone else first if second is None else (first, second)


def decayed(cnp.ndarray x not None, cnp.ndarray mean not None, cnp.ndarray var not None, int axis, double alpha,
            bint adjust, Py_ssize_t least, /):
    """Exponentially weighted mean and variance along axis: float32 or float64, apart from x."""
    decay(x, mean, var, axis, alpha, adjust, least)


cdef int decay(cnp.ndarray x, cnp.ndarray mean, cnp.ndarray var, int axis, double alpha, bint adjust,
               Py_ssize_t least) except -1:
    cdef cn_call call
    cdef cn_decay how
    cdef cn_status status
    cdef PyThreadState *released
    how.floats = set_lines(&call, x, mean, var)
    if cnp.PyArray_SIZE(x) == 0:
        return 0
    how.x, how.adjust, how.alpha, how.least = number_of(x), adjust, alpha, least
    released = release(cnp.PyArray_SIZE(x))
    status = C.decayed(&call, axis, &how)
    resume(released)
    return check(status)


def decayed_at_once(object a, object alpha, object axis, object adjust, object min_count, /):
    """Exponentially weighted mean and variance; None where care is needed."""
    cdef double share
    cdef Py_ssize_t least
    cdef cnp.ndarray mean, var
    cdef int along
    x = lines(a)
    along = -1 if x is None else line_axis(axis, x)
    if along < 0 or not as_double(alpha, &share) or not 0 < share <= 1 or not as_size(min_count, &least) or least < 0:
        return None
    if adjust is not True and adjust is not False:
        return None
    mean, var = result_like(x), result_like(x)
    decay(x, mean, var, along, share, adjust is True, max(least, 1))
    return mean, var
