"""What the ways that take tables at once share with the maps they make."""

cimport numpy as cnp

from cnorm._native.core cimport cn_call, cn_partial

cdef double *numbers(cnp.ndarray a) noexcept
cdef const cn_partial *states_in(cnp.ndarray state) noexcept
cdef cnp.ndarray full(cnp.ndarray x, bint wide, double value)
cdef cnp.ndarray rounded(cnp.ndarray x, bint wide)
cpdef tuple meet(cnp.ndarray x, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray regular, double first, double last, bint wide)
cdef void open_map(cn_call *call, cnp.ndarray x, cnp.ndarray y, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight, cnp.ndarray bias)
cdef int run_map(cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray center, cnp.ndarray factor, cnp.ndarray weight,
                 cnp.ndarray bias, Py_ssize_t parts=*) except -1
cdef cnp.ndarray doubles(cnp.ndarray a)
cdef int check_size(cnp.ndarray a, Py_ssize_t n, str name) except -1
