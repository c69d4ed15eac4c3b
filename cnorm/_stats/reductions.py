"""What the core knows of the elements of each group: moments, sums, extremes; of what a mask shows, by weights, with or without NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._accept.arrays import FLOATS, Array, native, to_ndarray
from cnorm._accept.axes import broadcast
from cnorm._native import core
from cnorm._stats.state import COUNT, M2, MEAN, MEAN_LO, SPREAD_ORDER, UNIT

__all__ = [
    "GREATEST",
    "LEAST",
    "NAN",
    "SUM",
    "SUM_LO",
    "as_weights",
    "check_nan_policy",
    "extremes_of",
    "moments_of",
    "omits",
    "squares_of",
    "sums_of",
]

# Weights beyond these binary orders, up and down, are scaled: the core multiplies floats with them.
ORDER = 60
# Columns of sums and of extremes; both begin with COUNT.
SUM, SUM_LO = 1, 2
LEAST, GREATEST, NAN = 1, 2, 3


def check_nan_policy(nan_policy: Any) -> None:
    """Raises unless it is one of the three."""
    if not isinstance(nan_policy, str) or nan_policy not in ("propagate", "omit", "raise"):
        raise ValueError(f'nan_policy: expected "propagate", "omit" or "raise", got {nan_policy!r}')


def as_weights(weights: Any, x: Array) -> Array | None:
    """Repeat counts of a dtype the core takes, with as many dimensions as x."""
    if weights is None:
        return None
    w = broadcast(to_ndarray(weights, "weights"), x.shape, "weights")
    if w.dtype.kind not in "biuf" and w.dtype.name not in FLOATS:
        raise TypeError(f"weights: expected a real dtype, got {w.dtype}")
    if w.dtype.kind not in "biu" and w.dtype.char not in "fd":
        w = w.astype(np.float32 if w.dtype.itemsize == 2 else np.float64)
    w = native(w)
    found = core.extremes(w, tuple(range(w.ndim)))[..., LEAST : NAN + 1]
    if w.size and (found[..., NAN - LEAST].any() or not (found[..., 0] >= 0).all() or np.isinf(found[..., 1]).any()):
        raise ValueError("weights: expected no negative, infinite or NaN weight")
    return w


def extremes_of(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array:
    """State [..., (count, least, greatest, 1 if a NaN counts, 1)]; inf and -inf where there is nothing but NaN."""
    found = core.extremes(x, axes, mask)
    if not x.size:
        found[..., LEAST], found[..., GREATEST] = np.inf, -np.inf
    return found


def moments_of(
    x: Array, axes: tuple[int, ...], mask: Array | None = None, weights: Array | None = None, omit: bool = False
) -> Array:
    """The table state of x, of any real dtype; omit: NaN counts nothing. Weights come from `as_weights`."""
    if weights is None:
        return core.moments(x, axes, mask, None, omit)
    return by_weight(core.moments, x, axes, mask, weights, omit)


def sums_of(
    x: Array, axes: tuple[int, ...], mask: Array | None = None, weights: Array | None = None, omit: bool = False
) -> Array:
    """State [..., (count, sum, what the sum lacks, 0, 1)]; arguments as for `moments_of`."""
    if weights is None:
        return core.sums(x, axes, mask, None, omit)
    return by_weight(core.sums, x, axes, mask, weights, omit)


def squares_of(x: Array, axes: tuple[int, ...], mask: Array | None = None, omit: bool = False) -> Array:
    """State [..., (count, 0, 0, sum of squares, unit)]; arguments as for `moments_of`."""
    return core.squares(x, axes, mask, omit)


def by_weight(
    reduce: Callable[..., Array], x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array, omit: bool
) -> Array:
    """What the core finds by weights of any size: those of a group by the largest of its own, if that is small."""
    order = order_of(greatest(weights, tuple(range(x.ndim))))
    order = int(order.max(initial=0)) if (np.abs(order) > ORDER).any() else 0
    state = reduce(x, axes, mask, weights, omit, 2.0**-order)
    light = state[..., COUNT] < 2.0**-ORDER
    if light.any():
        least = np.broadcast_to(weights, x.shape)
        own = np.where(light, order_of(greatest(least, axes, mask)), order)
        if (own != order).any():
            scaled = np.ldexp(weights.astype(np.float64), -own)
            return in_data_weights(reduce(x, axes, mask, scaled, omit), own)
    return in_data_weights(state, np.full(light.shape, order))


def greatest(w: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array:
    return np.maximum(core.extremes(w, axes, mask)[..., GREATEST], 0)


def order_of(size: Array) -> Array:
    """Binary exponents; 0 of 0."""
    return np.frexp(size)[1]


def in_data_weights(state: Array, order: Array) -> Array:
    """The state of weights that were 2^-order as large."""
    if not order.any():
        return state
    with np.errstate(over="ignore", under="ignore"):
        state[..., COUNT] = np.ldexp(state[..., COUNT], order)
        height = np.where(state[..., M2] > 0, np.frexp(state[..., M2])[1] + order, 0)
        half = (height - np.clip(height, -SPREAD_ORDER, SPREAD_ORDER)) // 2
        state[..., M2] = np.ldexp(state[..., M2], order - 2 * half)
        for column, shift in ((MEAN, -half), (MEAN_LO, -half), (UNIT, -half)):
            state[..., column] = np.ldexp(state[..., column], shift)
    if not np.isfinite(state[..., COUNT]).all():
        raise ValueError("weights: expected a finite sum, got more than float64 holds")
    return state


def omits(
    x: Array, axes: tuple[int, ...], mask: Array | None, weights: Array | None, nan_policy: str, name: str = "x"
) -> bool:
    """Is NaN left out? Under "raise" a NaN that counts is a ValueError."""
    if nan_policy != "raise":
        return nan_policy == "omit"
    seen = mask if weights is None else (weights > 0 if mask is None else mask & (weights > 0))
    if x.dtype.kind not in "biu" and core.extremes(x, axes, seen)[..., NAN].any():
        raise ValueError(f'{name}: contains NaN and nan_policy is "raise"')
    return False
