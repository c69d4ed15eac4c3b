"""What the way between tensors and arrays shares with the functions on it."""

cimport numpy as cnp

cdef bint is_tensor(object x) noexcept
cdef object array_of(object x, bint values=*)
cdef object tensor_of(cnp.ndarray a)
