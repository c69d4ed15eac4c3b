"""What the looks at arrays share with the short ways in."""

cimport numpy as cnp

cdef bint apart(cnp.ndarray y, object a) noexcept
cdef bint alike(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint in_place_or_apart(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint same_sizes(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint is_written(object y) noexcept
cdef bint fits(object y, cnp.ndarray x) noexcept
cdef bint is_plain(object x) noexcept
cdef bint is_table(object x) noexcept
cdef bint is_number_table(object x) noexcept
cpdef bint number(object x) noexcept
cdef bint as_double(object value, double *to) noexcept
cdef bint as_size(object value, Py_ssize_t *to) noexcept
cdef int line_axis(object axis, cnp.ndarray x) noexcept
cdef bint take_range(object target, double *first, double *last) noexcept
cdef bint are_plain_weights(double least, double most) noexcept
cpdef tuple axes(object axis, int ndim, bint ordered=*)
cpdef object spread(object p, tuple shape)
cpdef object output(object x, object out)
cpdef object in_lanes(object p, object x)
cpdef bint parameter(object p, cnp.ndarray x, object out)
cpdef bint mask(object p, cnp.ndarray x, object out)
