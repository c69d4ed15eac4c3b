"""What the way between tensors and arrays shares with the functions on it."""

cimport numpy as cnp

from cnorm._native.dlpack cimport DLTensor

cdef bint is_tensor(object x) noexcept
cdef bint needs_gradient(object x)
cdef bint look_at(object x, DLTensor *t)
cdef object array_of(object x, bint values=*)
cdef object tensor_of(cnp.ndarray a)
