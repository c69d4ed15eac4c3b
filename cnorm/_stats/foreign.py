"""Reductions of what the kernels do not have, complex and long double, by NumPy's ufuncs without warnings."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array

__all__ = ["extremes", "squares", "sums"]


def counted(x: Array, mask: Array | None, omit: bool) -> Array:
    """Which elements count."""
    counts: Array = np.ones((1,) * x.ndim, np.bool_) if mask is None else mask
    return counts & ~np.isnan(x) if omit else counts


def sums(
    x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array | None, omit: bool
) -> tuple[Array, Array]:
    """Count, or sum of weights, and sum, reduced axes with size 1."""
    counts = counted(x, mask, omit)
    w: Any = np.float64(1)
    if weights is not None:
        counts, w = counts & (weights > 0), weights
    with np.errstate(all="ignore"):
        number = np.add.reduce(np.broadcast_to(w, x.shape), axes, keepdims=True, where=counts)
        scaled = x if weights is None else (x * w).astype(x.dtype, copy=False)
        return number, np.add.reduce(scaled, axes, keepdims=True, where=counts)


def squares(
    x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array | None, omit: bool
) -> tuple[Array, Array]:
    """Count and sum of squares about the mean."""
    count, total = sums(x, axes, mask, weights, omit)
    with np.errstate(all="ignore"):
        apart = x - (total / count).astype(x.dtype, copy=False)
        square = (apart * apart.conj()).real
    return count, sums(square, axes, counted(x, mask, True) if omit else mask, weights, False)[1]


def extremes(x: Array, axes: tuple[int, ...], mask: Array | None, omit: bool) -> tuple[Array, Array]:
    """Minimum and maximum in NumPy's order of complex numbers; NaN where nothing else counts."""
    nan = np.isnan(x)
    values = x if mask is None else np.where(mask, x, x.dtype.type(np.nan))
    with np.errstate(all="ignore"):
        low, high = (f.reduce(values, axes, keepdims=True) for f in (np.fmin, np.fmax))
    if not omit:
        lost = np.logical_or.reduce(nan if mask is None else nan & mask, axes, keepdims=True)
        low, high = (np.where(lost, x.dtype.type(np.nan), v) for v in (low, high))
    return low, high
