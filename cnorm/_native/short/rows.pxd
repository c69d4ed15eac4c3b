"""Rows of the last axes, as the forms in bytes take them, too."""

from cnorm._native.core cimport cn_call, cn_kind
from cnorm._native.short.taken cimport intp

cdef int open_trailing(cn_call *call, object input, object shape, object weight, object bias, object eps,
                       object eps_mode, object activation, cn_kind kind, intp *n) noexcept
cdef void add_trailing(cn_call *call, intp size, intp n, intp width) noexcept
cdef object offset_weight(object weight, object offset)
