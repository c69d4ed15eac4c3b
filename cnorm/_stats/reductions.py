"""What the core knows of groups: moments, sums, extremes; by weights, of what a mask shows, without NaN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import FLOATS, Array, native, to_ndarray
from cnorm._accept.axes import broadcast
from cnorm._native import core, reductions
from cnorm._stats.state import COUNT, M2, MEAN, MEAN_LO, SPREAD_ORDER, UNIT

__all__ = [
    "GREATEST",
    "LEAST",
    "NAN",
    "SUM",
    "SUM_LO",
    "Weights",
    "as_weights",
    "by_weight",
    "check_nan_policy",
    "extremes_of",
    "moments_of",
    "norms_of",
    "omits",
    "squares_of",
    "sums_of",
]

# Binary orders of units, up and down.
UNIT_ORDER = 1000
# Weights beyond these binary orders, up and down, are scaled: the core multiplies floats with them.
ORDER = 60
# Elements up to which moments of narrower floats may be taken in float64: 1e-15 instead of 3e-7.
WIDE = 1 << 16
# Columns of sums and of extremes; both begin with COUNT.
SUM, SUM_LO = 1, 2
LEAST, GREATEST, NAN = 1, 2, 3


def check_nan_policy(nan_policy: Any) -> None:
    """Raises unless it is one of the three."""
    if not isinstance(nan_policy, str) or nan_policy not in ("propagate", "omit", "raise"):
        raise ValueError(f'nan_policy: expected "propagate", "omit" or "raise", got {nan_policy!r}')


class Weights(NamedTuple):
    """Repeat counts of a dtype the core takes, with as many axes as x; the binary order of the largest."""

    values: Array
    order: int


def as_weights(weights: Any, x: Array) -> Weights | None:
    """Repeat counts: real, finite and not negative; they broadcast against x."""
    if weights is None:
        return None
    w = broadcast(to_ndarray(weights, "weights"), x.shape, "weights")
    if w.dtype.kind not in "biuf" and w.dtype.name not in FLOATS:
        raise TypeError(f"weights: expected a real dtype, got {w.dtype}")
    if w.dtype.kind not in "biu" and w.dtype.char not in "fd":
        w = w.astype(np.float32 if w.dtype.itemsize == 2 else np.float64)
    w = native(w)
    _, least, greatest, nan, _ = reductions.extremes(w, tuple(range(w.ndim))).ravel().tolist()
    if w.size and (nan or not 0 <= least <= greatest < math.inf):
        raise ValueError("weights: expected no negative, infinite or NaN weight")
    return Weights(w, math.frexp(greatest)[1] if w.size else 0)


def extremes_of(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array:
    """State [..., (count, least, greatest, 1 if a NaN counts, 1)]; inf and -inf of nothing but NaN."""
    found = reductions.extremes(x, axes, mask)
    if not x.size:
        found[..., LEAST], found[..., GREATEST] = np.inf, -np.inf
    return found


def moments_of(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Weights | None = None,
    omit: bool = False,
    wide: bool = False,
) -> Array:
    """The table state of x, of any real dtype; omit: NaN counts nothing. Weights come from `as_weights`.

    wide: a small x of narrower floats is summed in float64.
    """
    wide &= x.size <= WIDE and x.dtype.itemsize < 8 and x.dtype.kind not in "biu"
    if weights is None:
        return reductions.moments(single(x) if wide else x, axes, mask, None, omit, 1.0, wide)
    if wide:
        x = x.astype(np.float64)
    return by_weight(reductions.moments, in_data_weights, x, axes, mask, weights, omit)


def single(x: Array) -> Array:
    """Narrow floats as float32."""
    if x.dtype.itemsize == 4:
        return x
    y: Array | None = core.widen(x)
    return x.astype(np.float32) if y is None else y


def sums_of(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None = None,
    weights: Weights | None = None,
    omit: bool = False,
) -> Array:
    """State [..., (count, sum, what the sum lacks, 0, 1)]; arguments as for `moments_of`."""
    if weights is None:
        return reductions.sums(x, axes, mask, None, omit)
    return by_weight(reductions.sums, sums_in_data_weights, x, axes, mask, weights, omit)


def squares_of(x: Array, axes: tuple[int, ...], mask: Array | None = None, omit: bool = False) -> Array:
    """State [..., (count, 0, 0, sum of squares, unit)]; arguments as for `moments_of`."""
    return reductions.squares(x, axes, mask, omit)


def norms_of(x: Array, axes: tuple[int, ...], p: float, mask: Array | None = None) -> Array:
    """The norms of x by p = 1 or inf over axes (kept), of what the mask shows; infinite beyond float64."""
    state = reductions.norms(x, axes, p, mask)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(state[..., M2] / state[..., UNIT])


def by_weight(
    reduce: Callable[..., Array],
    back: Callable[[Array, Array], Array],
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None,
    weights: Weights,
    omit: bool,
    extremes: Callable[..., Array] = reductions.extremes,
    spread: Callable[[Array], Array] = np.asarray,
) -> Array:
    """What the core finds by weights of any size: those of a light group by the largest of its own.

    back: what makes the state one of the data's weights; extremes: of the groups of `reduce`; spread: a
    number of each group to its elements.
    """
    values = weights.values
    order = weights.order if abs(weights.order) > ORDER else 0
    state = reduce(x, axes, mask, values, omit, 2.0**-order)
    light = state[..., COUNT] < 2.0**-ORDER
    if light.any():
        counted = known(x, mask) if omit else mask
        heaviest = greatest(extremes(np.broadcast_to(values, x.shape), axes, counted))
        own = np.where(light & (heaviest > 0), order_of(heaviest), order)
        if (own != order).any():
            scaled = np.ldexp(values.astype(np.float64), -spread(own))
            return back(reduce(x, axes, mask, scaled, omit), own)
    return back(state, np.full(light.shape, order))


def known(x: Array, mask: Array | None) -> Array:
    """Of what the mask shows: all but NaN."""
    return np.asarray(x == x if mask is None else (x == x) & mask)


def greatest(found: Array) -> Array:
    """Of weights; 0 of none."""
    return np.maximum(found[..., GREATEST], 0)


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
        unit = np.frexp(state[..., UNIT])[1]
        half = np.clip(half, unit - UNIT_ORDER, unit + UNIT_ORDER)
        state[..., M2] = np.ldexp(state[..., M2], order - 2 * half)
        for column, shift in ((MEAN, -half), (MEAN_LO, -half), (UNIT, -half)):
            state[..., column] = np.ldexp(state[..., column], shift)
    check_counts(state)
    return state


def sums_in_data_weights(state: Array, order: Array) -> Array:
    """The same of a state of sums, which may be infinite then."""
    if order.any():
        with np.errstate(over="ignore", under="ignore"):
            state[..., : SUM_LO + 1] = np.ldexp(state[..., : SUM_LO + 1], order[..., None])
        check_counts(state)
        state[..., SUM_LO] = np.where(np.isfinite(state[..., SUM]), state[..., SUM_LO], 0)
    return state


def check_counts(state: Array) -> None:
    if not np.isfinite(state[..., COUNT]).all():
        raise ValueError("weights: expected a finite sum, got more than float64 holds")


def omits(
    x: Array,
    axes: tuple[int, ...],
    mask: Array | None,
    weights: Weights | None,
    nan_policy: str,
    name: str = "x",
    extremes: Callable[..., Array] = reductions.extremes,
) -> bool:
    """Is NaN left out? Under "raise" a NaN that counts, by these extremes, is a ValueError."""
    if nan_policy != "raise":
        return nan_policy == "omit"
    seen = mask
    if weights is not None:
        seen = weights.values > 0 if mask is None else mask & (weights.values > 0)
    if x.dtype.kind not in "biu" and extremes(x, axes, seen)[..., NAN].any():
        raise ValueError(f'{name}: contains NaN and nan_policy is "raise"')
    return False
