"""How the memory of an array lies."""

cimport numpy as cnp

from cnorm._native.kept cimport new_of


cdef inline bint is_wide(cnp.ndarray x) noexcept:
    """Of float64?"""
    return cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT64


cdef inline int float_of(bint wide) noexcept:
    """The type of float64, or of float32."""
    return cnp.NPY_FLOAT64 if wide else cnp.NPY_FLOAT32


cdef inline bint is_block(cnp.ndarray x) noexcept:
    """Without gaps, aligned and native?"""
    return (cnp.PyArray_ISBEHAVED_RO(x)
            and (cnp.PyArray_IS_C_CONTIGUOUS(x) or cnp.PyArray_IS_F_CONTIGUOUS(x)))


cdef inline bint is_packed(cnp.ndarray x) noexcept:
    """float32 or float64 without gaps, aligned and native?"""
    return cnp.PyArray_TYPE(x) in (cnp.NPY_FLOAT32, cnp.NPY_FLOAT64) and is_block(x)


cdef inline bint is_vector(cnp.ndarray a, int num, Py_ssize_t n) noexcept:
    """n elements of this type without gaps?"""
    return cnp.PyArray_TYPE(a) == num and cnp.PyArray_ISCARRAY_RO(a) and cnp.PyArray_SIZE(a) == n


cdef inline cnp.ndarray same_shape(cnp.ndarray x, int num):
    """A new array in C order."""
    return new_of(cnp.PyArray_NDIM(x), cnp.PyArray_DIMS(x), num)


cdef inline bint has_gaps(cnp.ndarray x) noexcept:
    """Is x other than a block from its first element on, its axes in any order?"""
    cdef int axis
    cdef cnp.npy_intp end = cnp.PyArray_ITEMSIZE(x)
    if cnp.PyArray_IS_C_CONTIGUOUS(x):
        return False
    for axis in range(cnp.PyArray_NDIM(x)):
        if cnp.PyArray_DIM(x, axis) != 1:
            if cnp.PyArray_STRIDE(x, axis) < 0:
                return True
            end += (cnp.PyArray_DIM(x, axis) - 1) * cnp.PyArray_STRIDE(x, axis)
    return end != cnp.PyArray_NBYTES(x)
