# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Gate to derived.h: factors and shifts that follow from a few statistics of each channel."""

cimport numpy as cnp

from cnorm._native.core cimport verbs
from cnorm._native.layout cimport same_shape

cnp.import_array()

cdef extern from "api/verbs.h" nogil:
    ctypedef struct cn_verbs:
        int (*largest)(const double *low, const double *high, ptrdiff_t n, double *largest, double *factor) noexcept nogil
        void (*affine_form)(const double *mean, const double *var, const double *weight, const double *bias, double eps,
                            ptrdiff_t n, double *scale, double *shift) noexcept nogil
        void (*compare_norms)(const double *norms, ptrdiff_t samples, ptrdiff_t n, const double *eps, const double *weight,
                              double *scale) noexcept nogil

# The table of the C core, which the extension `core` holds.
cdef const cn_verbs *C = <const cn_verbs *>verbs()


cdef cnp.ndarray doubles(cnp.ndarray a):
    """As doubles in C order: itself, or a copy; None is no array."""
    if a is None:
        return None
    return cnp.PyArray_FROMANY(a, cnp.NPY_FLOAT64, 0, 0, cnp.NPY_ARRAY_CARRAY_RO)


cdef const double *data_of(cnp.ndarray a) noexcept:
    return NULL if a is None else <const double *>cnp.PyArray_DATA(a)


cdef int check_size(cnp.ndarray a, Py_ssize_t n, str name) except -1:
    if a is not None and cnp.PyArray_SIZE(a) != n:
        raise ValueError(f"{name}: expected {n} numbers, got shape {(<object>a).shape}")
    return 0


def largest(cnp.ndarray low not None, cnp.ndarray high not None):
    """The larger magnitude of both ends, 1 in place of 0, and 1 / that; None where care is needed (`cn_largest`)."""
    cdef cnp.ndarray a = doubles(low), b = doubles(high)
    cdef cnp.ndarray most = same_shape(a, cnp.NPY_FLOAT64), factor = same_shape(a, cnp.NPY_FLOAT64)
    check_size(b, cnp.PyArray_SIZE(a), "high")
    if not C.largest(data_of(a), data_of(b), cnp.PyArray_SIZE(a), <double *>cnp.PyArray_DATA(most),
                      <double *>cnp.PyArray_DATA(factor)):
        return None
    return most, factor


def affine_form(cnp.ndarray mean not None, cnp.ndarray var not None, cnp.ndarray weight, cnp.ndarray bias, double eps):
    """Scale and shift in float64: of running statistics, as `cn_affine_form` has them."""
    cdef cnp.ndarray m = doubles(mean), v = doubles(var), w = doubles(weight), b = doubles(bias)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(m)
    cdef cnp.ndarray scale = same_shape(m, cnp.NPY_FLOAT64), shift = same_shape(m, cnp.NPY_FLOAT64)
    check_size(v, n, "var")
    check_size(w, n, "weight")
    check_size(b, n, "bias")
    C.affine_form(data_of(m), data_of(v), data_of(w), data_of(b), eps, n, <double *>cnp.PyArray_DATA(scale),
                   <double *>cnp.PyArray_DATA(shift))
    return scale, shift


def compare_norms(cnp.ndarray norms not None, cnp.ndarray eps not None, cnp.ndarray weight not None):
    """Of norms (N, ..., C) by the mean of each sample's: 1 + weight * norm / (mean + eps) (`cn_compare_norms`)."""
    cdef cnp.ndarray a = doubles(norms), e = doubles(eps), w = doubles(weight)
    cdef cnp.ndarray scale = same_shape(a, cnp.NPY_FLOAT64)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(w), samples = cnp.PyArray_DIM(a, 0)
    check_size(a, n * samples, "norms")
    check_size(e, samples, "eps")
    if n:
        C.compare_norms(data_of(a), samples, n, data_of(e), data_of(w), <double *>cnp.PyArray_DATA(scale))
    return scale
