"""The error function on arrays, and GELU with it; NumPy has none."""

from __future__ import annotations

import math

import numpy as np

from cnorm._accept.arrays import Array

# Rational approximations of W. J. Cody, Math. Comp. 23 (1969): erf on |x| <= 0.46875, erfc up to 4.
_A = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
      3.20937758913846947e3)  # fmt: skip
_B = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_C = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
      2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
      1.23033935479799725e3)  # fmt: skip
_D = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
      3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip


def erf(x: Array) -> Array:
    """erf to 2e-8 (beyond |x| = 4 it is taken as 1)."""
    x = np.asarray(x, np.float64)
    size = np.minimum(np.abs(x), 6.0)
    square = x * x
    inner = np.clip(x, -0.5, 0.5)
    small = inner * np.polyval(_A, inner**2) / np.polyval(_B, inner**2)
    tail = np.exp(-np.minimum(square, 36.0)) * np.polyval(_C, size) / np.polyval(_D, size)
    return np.asarray(np.where(size <= 0.46875, small, np.copysign(np.where(size > 4, 1.0, 1 - tail), x)))


def gelu(x: Array) -> Array:
    """x * Phi(x), in the dtype of x (Hendrycks & Gimpel 2016)."""
    return np.asarray(x * (0.5 * (1 + erf(x / math.sqrt(2)))), dtype=x.dtype)
