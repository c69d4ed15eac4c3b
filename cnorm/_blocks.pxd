"""What the gate to the blocks shares with the short way in."""

cimport numpy as cnp

cdef object new_like(cnp.ndarray x)
