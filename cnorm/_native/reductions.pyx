# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Calls without a result: states of x over axes, and what a look at all of x tells."""

cimport numpy as cnp

from cnorm._native.core cimport (
    CN_EXTREMES, CN_LP, CN_RMS, CN_SUMS, CN_VAR, check_against, cn_call, cn_dtype, cn_kind, dtype_of, known_dtype, new_state, run,
    set_affine, set_real, set_weights, verbs,
)
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.layout cimport is_block

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_verbs:
        int (*finite)(const void *x, cn_dtype dtype, ptrdiff_t n) noexcept nogil
        int (*bounded)(const void *x, cn_dtype dtype, ptrdiff_t n) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef cnp.ndarray reduction(cn_kind kind, cnp.ndarray x, tuple axes, cnp.ndarray mask, cnp.ndarray weights, bint omit,
                           double by, double p=1, bint wide=False):
    cdef cn_call call
    cdef cnp.ndarray state = new_state(x, axes)
    check_against(x, mask, "mask")
    check_against(x, weights, "weights")
    if cnp.PyArray_SIZE(x) == 0:
        state[..., 4] = 1
        return state
    set_real(&call, x, axes, kind, state, wide)
    call.moments.p = p
    set_affine(&call, None, None, mask)
    set_weights(&call, weights, by)
    call.moments.omit_nan = omit
    run(&call, cnp.PyArray_SIZE(x))
    return state


def moments(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, cnp.ndarray weights=None,
            bint omit=False, double by=1, bint wide=False):
    """State [..., (count, mean, mean_lo, m2, unit)] of x over axes (kept with size 1), of what the mask shows.

    x: of any real dtype. omit: NaN counts nothing. weights times `by`, a power of two: what elements count. wide:
    float32 is summed as float64.
    """
    return reduction(CN_VAR, x, axes, mask, weights, omit, by, 1, wide)


def sums(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, cnp.ndarray weights=None,
         bint omit=False, double by=1):
    """State [..., (count, sum, what the sum lacks, 0, 1)]; arguments as for moments."""
    return reduction(CN_SUMS, x, axes, mask, weights, omit, by)


def squares(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None, bint omit=False):
    """State [..., (count, 0, 0, sum of squares, unit)]; arguments as for moments."""
    return reduction(CN_RMS, x, axes, mask, None, omit, 1)


def norms(cnp.ndarray x not None, tuple axes not None, double p, cnp.ndarray mask=None):
    """State [..., (count, 0, 0, of p = 1 or inf the norm, unit)] of x * unit; arguments as for moments."""
    return reduction(CN_LP, x, axes, mask, None, False, 1, p)


def extremes(cnp.ndarray x not None, tuple axes not None, cnp.ndarray mask=None):
    """State [..., (count, least, greatest, NaN, 1)] of x over axes (kept with size 1), of what the mask shows.

    NaN is neither least nor greatest, inf and -inf if there is nothing else; it makes the fourth 1.
    """
    return reduction(CN_EXTREMES, x, axes, mask, None, False, 1)


cdef bint tell(cnp.ndarray x, bint infinite) except -1:
    """Of floats without gaps: is nothing infinite nor, unless that alone is asked, NaN?"""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x)
    cdef PyThreadState *released
    cdef int found, dtype = known_dtype(x)
    if dtype < 0 and x.dtype.name == "bfloat16":
        dtype = dtype_of(x)
    if dtype < 0 or not is_block(x):
        return False
    released = release(n)
    found = (C.bounded if infinite else C.finite)(cnp.PyArray_DATA(x), <cn_dtype>dtype, n)
    resume(released)
    return found


def finite(cnp.ndarray x not None):
    """Is x of floats without gaps, and has neither infinity nor NaN?"""
    return tell(x, False)


def bounded(cnp.ndarray x not None):
    """The same, but for NaN."""
    return tell(x, True)
