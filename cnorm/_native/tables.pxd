"""What fits of tables share with the ways that take them at once."""

cimport numpy as cnp

cdef int find_ends(cnp.ndarray x, tuple over, bint omit, double *low, double *high) except -1
cdef double resolution(cnp.ndarray x) noexcept
cdef int find_factors(const double *low, const double *high, cnp.npy_intp n, double tiny, double *factor) noexcept
cdef int find_moments(cnp.ndarray x, tuple over, bint wide, cnp.ndarray state, bint omit) except -1
cdef cnp.ndarray in_single(cnp.ndarray x)
cdef cnp.ndarray of_groups(cnp.ndarray x, tuple over, bint zero=*)
cdef bint run_moments(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray state, cnp.ndarray std, cnp.ndarray center, cnp.ndarray factor) except -1
cdef bint run_ends(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray low, cnp.ndarray high, bint ranged, double first, double last, double eps) except -1
