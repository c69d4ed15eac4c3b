"""What the gate to the blocks shares with the short way in."""

cimport numpy as cnp

cdef object new_like(cnp.ndarray x)
cdef object new_as(cnp.ndarray x, cnp.dtype dtype, cnp.NPY_ORDER order=*)
cdef object new_among(cnp.ndarray x, cnp.dtype dtype)
cdef cnp.ndarray new_of(int ndim, cnp.npy_intp *dims, int num, bint zeros=*)
