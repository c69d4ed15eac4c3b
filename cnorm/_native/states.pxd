"""States [..., 5] as others make numbers of them."""

cimport numpy as cnp

from cnorm._native.core cimport cn_partial

cdef bint are_states(cnp.ndarray state) noexcept
cdef cnp.ndarray of_states(cnp.ndarray state, bint wide)
cpdef tuple mix(cnp.ndarray state, object batch, cnp.ndarray powers, double eps, bint counted)
cpdef cnp.ndarray lowered(cnp.ndarray a, cnp.ndarray b)
cdef bint find_divisors(const cn_partial *of, Py_ssize_t n, double count, double *mean, double *var, double *std) noexcept
cdef bint has_spreads(cnp.ndarray state, double count, bint lost, bint *found) noexcept
