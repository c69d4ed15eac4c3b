"""States [..., 5] as others make numbers of them."""

cimport numpy as cnp

cdef bint are_states(cnp.ndarray state) noexcept
cdef cnp.ndarray of_states(cnp.ndarray state, bint wide)
cpdef tuple mix(cnp.ndarray state, object batch, cnp.ndarray powers, double eps, bint counted)
cpdef cnp.ndarray lowered(cnp.ndarray a, cnp.ndarray b)
