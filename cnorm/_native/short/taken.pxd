"""What the short ways share."""

cimport numpy as cnp

from cnorm._native.core cimport cn_activation, cn_call

ctypedef cnp.npy_intp intp

cdef bint take_activation(object activation, cn_activation *number, double *slope) noexcept
cdef bint take_eps(cn_call *call, object eps, object mode) noexcept
cdef bint open_call(cn_call *call, object input, object activation) noexcept
cdef bint take_parameter(const cn_call *call, object p, int ndim, const intp *dims, char **data) noexcept
cdef bint take_affine(cn_call *call, object weight, object bias, int ndim, const intp *dims) noexcept
cdef object take_out(cn_call *call, cnp.ndarray x, object weight, object bias, object out)
cdef void add_axis(cn_call *call, intp n, intp stride, intp stat, intp parameter) noexcept
cdef void add_axis_of(cn_call *call, cnp.ndarray x, cnp.ndarray y, object where, int axis, intp stat, intp parameter) noexcept
cdef void split_axis(cn_call *call, intp members) noexcept
cdef intp positive(object n) noexcept
