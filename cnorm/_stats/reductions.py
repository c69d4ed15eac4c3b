"""What reductions ask of the kernels: moments, sums and extremes of what a mask shows, NaN left out or not.

Axes are sorted and not negative; mask and weights have as many dimensions as x; reduced axes have size 1 in
what comes back.
"""

from __future__ import annotations

import numpy as np

from cnorm._accept.arrays import Array, is_float
from cnorm._accept.masks import shown
from cnorm._native import core
from cnorm._stats.passes import BLOCK, blocks
from cnorm._stats.state import COUNT
from cnorm._stats.table import settled, whole

__all__ = ["GREATEST", "LEAST", "NAN", "SUM", "SUM_LO", "extremes_of", "moments_of", "squares_of", "sums_of"]

# Columns of sums and of extremes; both begin with COUNT.
SUM, SUM_LO = 1, 2
LEAST, GREATEST, NAN = 1, 2, 3


def moments_of(
    x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array | None, omit: bool
) -> Array:
    """Table state [..., 5] of real numbers. NaN is left out or makes the mean of its group NaN."""
    if x.ndim == 0:
        one, some = (None if p is None else p[None] for p in (mask, weights))
        lone: Array = moments_of(x[None], (0,), one, some, omit)[0]
        return lone
    wide = x if is_float(x.dtype) else x.astype(np.float64)
    partials = None
    if weights is None:
        partials = core.moments(wide, axes, mask)
        state = whole(partials, wide, axes)
        if state is not None:
            return state
    return settled(partials, wide, axes, weights, mask, "omit" if omit else "propagate")


def sums_of(x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array | None, omit: bool) -> Array:
    """Count (or sum of weights) and sum in two words, [..., (count, sum, sum_lo, 0)], of real numbers.

    NaN is left out or makes the sum of its group NaN. Integers have an exact sum below 2^53.
    """
    counts = np.ones((1,) * x.ndim, np.bool_) if mask is None else mask
    if omit and is_float(x.dtype):
        counts = counts & ~np.isnan(x)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if weights is None:
            count = shown(counts, x.shape, axes)
            total = np.add.reduce(x, axes, np.longdouble, keepdims=True, where=counts)
        else:
            counts = counts & (weights > 0)
            count = np.add.reduce(np.broadcast_to(weights, x.shape), axes, keepdims=True, where=counts)
            weighted = np.multiply(x, weights, dtype=np.longdouble)
            total = np.add.reduce(weighted, axes, keepdims=True, where=counts)
        state = np.zeros((*total.shape, 4))
        state[..., COUNT], state[..., SUM] = count, total
        rest = (total - state[..., SUM]).astype(np.float64)
        state[..., SUM_LO] = np.where(np.isfinite(state[..., SUM]), rest, 0)
    return state


def squares_of(x: Array, axes: tuple[int, ...], mask: Array | None) -> Array:
    """Sums of squares of floats, in float64; NaN of a group with one."""
    total = np.zeros(tuple(1 if a in axes else n for a, n in enumerate(x.shape)))
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for part in blocks(x.shape, BLOCK):
            kept = tuple(slice(None) if a in axes else s for a, s in enumerate(part))
            values = x[part].astype(np.float64)
            values *= values
            counts = True if mask is None else np.broadcast_to(mask, x.shape)[part]
            total[kept] += np.add.reduce(values, axes, keepdims=True, where=counts)
    return total


def extremes_of(x: Array, axes: tuple[int, ...], mask: Array | None) -> Array:
    """Extremes [..., (count of what is shown, least, greatest, is NaN shown?)] of real numbers.

    inf and -inf where nothing but NaN is shown. Integers of 64 bits are rounded to float64.
    """
    wide = x if is_float(x.dtype) else x.astype(np.float64)
    if mask is not None:
        nan = np.logical_or.reduce(np.isnan(wide) & mask, axes, keepdims=True)
        found = core.extremes(np.where(mask, wide, wide.dtype.type(np.nan)), axes)
        found[..., COUNT] = shown(mask, x.shape, axes)
    else:
        with np.errstate(invalid="ignore"):  # bfloat16 warns
            nan = np.isnan(np.maximum.reduce(wide, axes, keepdims=True, initial=wide.dtype.type(-np.inf)))
        found = core.extremes(wide, axes)
    if not x.size:
        found[..., LEAST], found[..., GREATEST] = np.inf, -np.inf
    found[..., NAN] = nan
    return found
