"""States [..., 5] as others make numbers of them."""

cimport numpy as cnp

cdef bint are_states(cnp.ndarray state) noexcept
cdef cnp.ndarray of_states(cnp.ndarray state, bint wide)
