"""What calls with a result share with the ways that look at their statistics first."""

cimport numpy as cnp

from cnorm._native.core cimport cn_kind

cdef object normalized(cnp.ndarray x, cnp.ndarray out, tuple axes, cnp.ndarray weight, cnp.ndarray bias, double eps, cn_kind kind,
                       bint return_state, cnp.ndarray mask, tuple activation, tuple parts, bint omit, double p, int eps_mode,
                       cnp.ndarray known, bint moderate)
