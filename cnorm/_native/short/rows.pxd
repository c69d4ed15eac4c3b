"""Rows of the last axes, or of any, as the forms in bytes take them, too."""

cimport numpy as cnp

from cnorm._native.core cimport cn_call, cn_kind
from cnorm._native.short.taken cimport intp

cdef bint take_kind(cn_call *call, cn_kind kind, object eps, object mode) noexcept
cdef int open_trailing(cn_call *call, object input, object shape, object weight, object bias, object eps,
                       object eps_mode, object activation, cn_kind kind, intp *n) noexcept
cdef void add_trailing(cn_call *call, intp size, intp n, intp width) noexcept
cdef object offset_weight(object weight, object offset)
cdef object against(object p, cnp.ndarray x, tuple over, object out)
cdef object axes_of(cnp.ndarray x, object shape, object axis)
cdef int run_over(cn_call *call, cnp.ndarray x, cnp.ndarray y, tuple over, cnp.ndarray weight, cnp.ndarray bias,
                  cnp.ndarray where) except -1
