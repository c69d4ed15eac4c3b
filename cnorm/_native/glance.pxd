"""What the looks at arrays share with the short ways in."""

cimport numpy as cnp

cdef bint apart(cnp.ndarray y, object a) noexcept
cdef bint alike(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint in_place_or_apart(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint fits(cnp.ndarray y, cnp.ndarray x) noexcept
cdef bint is_plain(object x) noexcept
