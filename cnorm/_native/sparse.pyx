# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Matrices with an index beside each element that is stored: statistics of rows or columns, order, quotients."""

cimport numpy as cnp
from cpython.long cimport PyLong_CheckExact
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_SIZE
from libc.stdint cimport int32_t, int64_t

from cnorm._native.core cimport CN_NO_NUMBER, check, cn_number, cn_partial, cn_status, number_of, verbs
from cnorm._native.gil cimport PyThreadState, release, resume
from cnorm._native.kept cimport new_of

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_sparse:
        const char *data
        cn_number number
        const char *indices
        int wide
        const int64_t *starts
        ptrdiff_t rows, width
    ctypedef enum cn_order: CN_IN_ORDER, CN_OUT_OF_ORDER, CN_OUTSIDE
    ctypedef struct cn_verbs:
        cn_order (*sparse_order)(const cn_sparse *m) noexcept nogil
        cn_status (*sparse_moments)(const cn_sparse *m, int across, const double *weights, int omit_nan, cn_partial *to,
                                    cn_order *order) noexcept nogil
        cn_status (*sparse_extremes)(const cn_sparse *m, int across, cn_partial *to, cn_order *order) noexcept nogil
        cn_status (*sparse_repeats)(const cn_sparse *m, int *repeats) noexcept nogil
        cn_status (*sparse_add_repeats)(const cn_sparse *m, char *data, char *indices, int64_t *starts) noexcept nogil
        void (*sparse_divide)(const cn_sparse *m, int across, const double *by, double most, char *y) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef int set_sparse(cn_sparse *m, cnp.ndarray data, cnp.ndarray indices, cnp.ndarray starts,
                    Py_ssize_t width) except -1:
    """Vectors without gaps; what the starts say of the others is the caller's to check."""
    m.data, m.number = cnp.PyArray_BYTES(data), number_of(data)
    m.indices, m.wide = cnp.PyArray_BYTES(indices), cnp.PyArray_ITEMSIZE(indices) == 8
    m.starts = <const int64_t *>cnp.PyArray_DATA(starts)
    m.rows, m.width = cnp.PyArray_SIZE(starts) - 1, width
    if m.number == CN_NO_NUMBER:
        raise TypeError(f"data: expected real numbers the core takes, got {data.dtype}")
    return 0


cdef bint is_vector_of(object a, bint whole) noexcept:
    """A vector without gaps, of numbers the core takes, or of whole ones of 4 or 8 bytes with a sign?"""
    cdef int num
    if not cnp.PyArray_CheckExact(a) or cnp.PyArray_NDIM(<cnp.ndarray>a) != 1 or not cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>a):
        return False
    num = cnp.PyArray_TYPE(<cnp.ndarray>a)
    if whole:
        return cnp.PyTypeNum_ISSIGNED(num) and cnp.PyTypeNum_ISINTEGER(num) and cnp.PyArray_ITEMSIZE(<cnp.ndarray>a) in (4, 8)
    return number_of(<cnp.ndarray>a) != CN_NO_NUMBER


ctypedef fused start_t:
    int32_t
    int64_t


cdef bint copy_starts(const start_t *given, int64_t *to, Py_ssize_t n) noexcept:
    """As 64-bit numbers; do they begin with 0 and never decrease?"""
    cdef Py_ssize_t i
    cdef int64_t start, before = 0, signs = 0
    for i in range(n):
        start = given[i]
        signs |= start | (start - before)
        to[i] = before = start
    return given[0] == 0 and signs >= 0


cdef bint take_starts(cnp.ndarray given, int64_t *to, int64_t stored) noexcept:
    """Copies them; do they begin with 0, end with what is stored and never decrease?"""
    cdef Py_ssize_t n = cnp.PyArray_SIZE(given)
    cdef bint rise
    if cnp.PyArray_ITEMSIZE(given) == 4:
        rise = copy_starts(<const int32_t *>cnp.PyArray_DATA(given), to, n)
    else:
        rise = copy_starts(<const int64_t *>cnp.PyArray_DATA(given), to, n)
    return rise and to[n - 1] == stored


def parts(object data, object indices, object indptr, object shape, object format, /):
    """Data, indices, int64 starts, shape and compressed axis of a matrix with all that its parts need; else None."""
    cdef cnp.ndarray starts
    cdef cnp.npy_intp n
    cdef int major = 0 if format == "csr" else 1
    if not PyTuple_CheckExact(shape) or PyTuple_GET_SIZE(shape) != 2 or (major and format != "csc"):
        return None
    if not PyLong_CheckExact(shape[0]) or not PyLong_CheckExact(shape[1]):
        return None
    if not is_vector_of(data, False) or not is_vector_of(indices, True) or not is_vector_of(indptr, True):
        return None
    n = cnp.PyArray_SIZE(<cnp.ndarray>indptr)
    if n != shape[major] + 1 or cnp.PyArray_SIZE(<cnp.ndarray>data) != cnp.PyArray_SIZE(<cnp.ndarray>indices):
        return None
    starts = cnp.PyArray_EMPTY(1, &n, cnp.NPY_INT64, 0)
    if not take_starts(<cnp.ndarray>indptr, <int64_t *>cnp.PyArray_DATA(starts), cnp.PyArray_SIZE(<cnp.ndarray>data)):
        return None
    return data, indices, starts, shape, major


def divisors(object by, Py_ssize_t n, /):
    """A vector of so many floats as doubles, 1 in the place of 0; None where care is needed."""
    cdef cnp.npy_intp i, size = n
    cdef cnp.ndarray to
    cdef double *d
    if not is_vector_of(by, False) or not cnp.PyTypeNum_ISFLOAT(cnp.PyArray_TYPE(<cnp.ndarray>by)) or cnp.PyArray_SIZE(<cnp.ndarray>by) != n:
        return None
    to = new_of(1, &size, cnp.NPY_FLOAT64)
    d = <double *>cnp.PyArray_DATA(to)
    for i in range(n):
        d[i] = (<double *>cnp.PyArray_DATA(<cnp.ndarray>by))[i] if cnp.PyArray_ITEMSIZE(<cnp.ndarray>by) == 8 else (
            (<float *>cnp.PyArray_DATA(<cnp.ndarray>by))[i])
        d[i] = 1 if d[i] == 0 else d[i]
    return to


def order(cnp.ndarray indices not None, cnp.ndarray starts not None, Py_ssize_t width, /):
    """Of the indices in each row: 0 ascending, 1 all within the width, 2 not."""
    cdef cn_sparse m
    cdef cn_order order
    set_sparse(&m, indices, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(indices))
    order = C.sparse_order(&m)
    resume(released)
    return order


def moments(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
            Py_ssize_t width, bint across, cnp.ndarray weights=None, bint omit=False):
    """State [rows, 5], or [width, 5] (across), of a matrix with all its zeros; and the order of its indices.

    weights: float64, of the positions of a group. omit: NaN counts nothing. Of order 2 nothing else is right.
    """
    cdef cn_sparse m
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray state
    cdef const double *w = NULL
    cdef cn_order order
    cdef cn_status status
    if weights is not None:
        w = <const double *>cnp.PyArray_DATA(weights)
    set_sparse(&m, data, indices, starts, width)
    dims[0], dims[1] = width if across else m.rows, 5
    state = new_of(2, dims, cnp.NPY_FLOAT64, True)
    cdef cn_partial *to = <cn_partial *>cnp.PyArray_DATA(state)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = C.sparse_moments(&m, across, w, omit, to, &order)
    resume(released)
    check(status)
    return state, order


def extremes(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
             Py_ssize_t width, bint across, /):
    """State [..., (count, least, greatest, 0, 1)] and the order of indices; as moments."""
    cdef cn_sparse m
    cdef cnp.npy_intp dims[2]
    cdef cnp.ndarray state
    cdef cn_order order
    cdef cn_status status
    set_sparse(&m, data, indices, starts, width)
    dims[0], dims[1] = width if across else m.rows, 5
    state = new_of(2, dims, cnp.NPY_FLOAT64, True)
    cdef cn_partial *to = <cn_partial *>cnp.PyArray_DATA(state)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = C.sparse_extremes(&m, across, to, &order)
    resume(released)
    check(status)
    return state, order


def repeats(cnp.ndarray indices not None, cnp.ndarray starts not None, Py_ssize_t width, /):
    """Is an element stored twice? The indices are within the width."""
    cdef cn_sparse m
    cdef int repeats
    cdef cn_status status
    set_sparse(&m, indices, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(indices))
    status = C.sparse_repeats(&m, &repeats)
    resume(released)
    check(status)
    return bool(repeats)


def add_repeats(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
                Py_ssize_t width, cnp.ndarray to_data not None, cnp.ndarray to_indices not None,
                cnp.ndarray to_starts not None, /):
    """Writes the same matrix, elements stored twice added in their dtype, to arrays of the same shapes and dtypes."""
    cdef cn_sparse m
    cdef cn_status status
    cdef char *x = cnp.PyArray_BYTES(to_data)
    cdef char *i = cnp.PyArray_BYTES(to_indices)
    cdef int64_t *s = <int64_t *>cnp.PyArray_DATA(to_starts)
    set_sparse(&m, data, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    status = C.sparse_add_repeats(&m, x, i, s)
    resume(released)
    check(status)


def divide(cnp.ndarray data not None, cnp.ndarray indices not None, cnp.ndarray starts not None,
           Py_ssize_t width, bint across, cnp.ndarray by not None, double most, cnp.ndarray out not None, /):
    """out = min(data / by of its group, most); data and out float32 or float64, by float64; out may be data.

    The indices are within the width.
    """
    cdef cn_sparse m
    cdef const double *divisor = <const double *>cnp.PyArray_DATA(by)
    cdef char *y = cnp.PyArray_BYTES(out)
    set_sparse(&m, data, indices, starts, width)
    cdef PyThreadState *released = release(cnp.PyArray_SIZE(data))
    C.sparse_divide(&m, across, divisor, most, y)
    resume(released)
