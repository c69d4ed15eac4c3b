"""Rows of the last axes, or of any, as the forms in bytes take them, too."""

cimport numpy as cnp

from cnorm._native.core cimport cn_call, cn_kind
from cnorm._native.short.taken cimport intp

cdef object offset_weight(object weight, object offset)
cdef unsigned long long open_rows(cn_call *call, object input, object shape, object weight, object bias, object eps, object eps_mode,
                                  object out, object axis, object where, object activation, cn_kind kind)
