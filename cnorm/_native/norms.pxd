"""What calls with a result share with the ways that look at their statistics first."""

cimport numpy as cnp

from cnorm._native.core cimport cn_kind, cn_results

cdef int normalized(cnp.ndarray x, cnp.ndarray out, tuple axes, cnp.ndarray weight, cnp.ndarray bias, double eps, cn_kind kind,
                    cnp.ndarray state, const cn_results *results, cnp.ndarray mask, tuple activation, tuple parts, bint omit,
                    double p, int eps_mode, cnp.ndarray known, bint moderate) except -1
cdef int run_given(cnp.ndarray x, cnp.ndarray out, const cnp.npy_intp *dims, cnp.ndarray center, cnp.ndarray scale,
                   cnp.ndarray weight, cnp.ndarray bias, cnp.ndarray mask, tuple activation) except -1
