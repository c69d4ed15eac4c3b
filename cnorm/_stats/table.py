"""Moments of large tables in little memory: NaN left out, weights, squares beyond float64.

States and partials are those of `state`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._native import core
from cnorm._stats.passes import BLOCK, blocks, check_no_inf, shows
from cnorm._stats.state import (
    COUNT,
    MEAN,
    UNIT,
    combined,
    deviation,
    is_plain,
    joined,
    looks_zero,
    two_sum,
    unit_for,
    values_of,
    with_unit,
    without_spread,
)

__all__ = [
    "combined",
    "deviation",
    "plain_moments",
    "settled",
    "table_moments",
    "values_of",
    "with_unit",
]

# Elements up to which moments of narrower floats are taken in float64: 1e-15 instead of 3e-7 for a copy of
# half a megabyte.
WIDE = 1 << 16


def plain_moments(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array:
    """Partials [..., 4] of x over axes; not right where `right` says so."""
    wide = x if x.size > WIDE else x.astype(np.float64, copy=False)
    partials: Array = core.moments(wide, axes, mask)
    return partials


def table_moments(
    x: Array,
    axes: tuple[int, ...],
    weights: Array | None = None,
    *,
    infinite: bool = False,
    mask: Array | None = None,
) -> Array:
    """Table state of x over axes without NaN, elements repeated as weights (broadcast) tell.

    Raises ValueError if x contains infinity and may not. A group with infinity has its sum as its mean, and
    NaN for m2.
    """
    partials = None
    if weights is None:
        partials = plain_moments(x, axes, mask)
        state = whole(partials, x, axes)
        if state is not None:
            return state
    elif not infinite:
        check_no_inf(x)  # also what has no weight
    state = settled(partials, x, axes, weights, mask, "omit")
    if not infinite and not np.isfinite(state[..., MEAN]).all():
        check_no_inf(x)
    return state


def right(partials: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """Which groups of x have these partials: those where nothing left float64, nor was NaN or infinite."""
    good = is_plain(partials)
    zero = good & looks_zero(partials)
    if x.dtype.itemsize == 8 and zero.any():
        good &= ~(zero & shows(x, axes, zero))
    return good


def whole(partials: Array, x: Array, axes: tuple[int, ...]) -> Array | None:
    """The table state of these partials of x, None if a group needs care."""
    empty = np.zeros((*partials.shape[:-1], 5))
    empty[..., UNIT] = 1
    state: Array | None = core.merge_states(empty, partials)
    if state is None and right(partials, x, axes).all():
        state = with_unit(partials, 1.0)
    return state


def settled(
    partials: Array | None,
    x: Array,
    axes: tuple[int, ...],
    weights: Array | None,
    mask: Array | None,
    nan_policy: str,
) -> Array:
    """Table state of what weights and mask show of x: of its partials where they are right.

    Elsewhere x is read again, in float64, without NaN and infinity. A group with infinity, or with NaN unless
    the policy is "omit", has the sum of these as its mean, and NaN for m2; NaN under "raise" is a ValueError.
    """
    good: Array = np.zeros((), np.bool_)
    if partials is not None:
        good = right(partials, x, axes)
        if good.all():
            return with_unit(partials, 1.0)
    with np.errstate(over="ignore", invalid="ignore", under="ignore", divide="ignore"):
        count, total = strays(x, axes, weights, mask, nan_policy)
        lost = count > 0
        one = np.ones(lost.shape)
        state = moments_without_nan(x, axes, weights, mask, one)
        again = ~(good | lost) & (~is_plain(state) | looks_zero(state))
        if again.any():
            peak = np.log2(peaks(x, axes, weights, mask))
            unit = np.where(again, unit_for(peak, state[..., COUNT]), 1)
            if (unit != 1).any():
                state = moments_without_nan(x, axes, weights, mask, unit)
        if lost.any():
            state = without_spread(state, lost, state[..., COUNT] + count, total)
        if not np.isfinite(state[..., COUNT]).all():
            raise ValueError("weights: expected a finite sum, got more than float64 holds")
        if partials is not None:
            state = np.where(good[..., None], with_unit(partials, 1.0), state)
        return state


def pieces(
    x: Array, axes: tuple[int, ...], weights: Array | None, mask: Array | None
) -> Iterator[tuple[Any, Array, Array | None, Array]]:
    """Blocks of x: index of their groups, elements, weights, which elements count (shown, with weight)."""

    def cut(values: Array, part: tuple[slice, ...]) -> Array:
        return values[tuple(s if n > 1 else slice(None) for s, n in zip(part, values.shape, strict=False))]

    for part in blocks(x.shape, BLOCK):
        kept = tuple(slice(None) if a in axes else s for a, s in enumerate(part))
        w = None if weights is None else cut(weights, part)
        counts = np.ones((1,) * x.ndim, np.bool_) if mask is None else cut(mask, part)
        yield kept, x[part], w, counts if w is None else counts & (w > 0)


def strays(
    x: Array, axes: tuple[int, ...], weights: Array | None, mask: Array | None, nan_policy: str
) -> tuple[Array, Array]:
    """Weight and sum of the elements of each group that are infinite or, unless omitted, NaN."""
    count, total = np.zeros((2, *(1 if a in axes else n for a, n in enumerate(x.shape))))
    for kept, values, w, counts in pieces(x, axes, weights, mask):
        odd = ~np.isfinite(values)
        if not odd.any():
            continue
        odd &= counts
        if nan_policy != "propagate":
            nan = np.isnan(values)
            if nan_policy == "raise" and (odd & nan).any():
                raise ValueError('x: contains NaN and nan_policy is "raise"')
            odd &= ~nan
        count[kept] += np.where(odd, 1.0 if w is None else w, 0).sum(axes, keepdims=True)
        total[kept] += np.where(odd, values, 0).astype(np.float64).sum(axes, keepdims=True)
    return count, total


def peaks(x: Array, axes: tuple[int, ...], weights: Array | None, mask: Array | None) -> Array:
    """The largest magnitude of each group, NaN and infinity left out."""
    peak = np.zeros(tuple(1 if a in axes else n for a, n in enumerate(x.shape)))
    for kept, values, _, counts in pieces(x, axes, weights, mask):
        size = np.where(np.isfinite(values) & counts, np.abs(values), 0).astype(np.float64)
        peak[kept] = np.maximum(peak[kept], size.max(axes, keepdims=True, initial=0))
    return peak


def moments_without_nan(
    x: Array, axes: tuple[int, ...], weights: Array | None, mask: Array | None, unit: Array
) -> Array:
    """Table state of x over axes in this unit, in float64, block by block, NaN and infinity left out."""
    state = with_unit(np.zeros((*unit.shape, 4)), unit)
    for kept, values, w, counts in pieces(x, axes, weights, mask):
        values = np.multiply(values, unit[kept], dtype=np.float64)
        counts = np.isfinite(values) & counts
        if w is None:
            part = core.moments(values, axes, counts)
        else:
            part = weighted(values, axes, np.where(counts, w, 0))
        before, part = state[kept], with_unit(part, unit[kept])
        state[kept] = joined(before, part) if before[..., COUNT].any() else part
    return state


def weighted(values: Array, axes: tuple[int, ...], weights: Array) -> Array:
    """Partials of a block of float64, where a weight of 0 hides an element, whatever it is.

    Sums are taken about a mean that was found about one of the elements: equal ones have no spread. Groups
    become rows, which NumPy sums in pairs.
    """
    kept = [a for a in range(values.ndim) if a not in axes]
    size = tuple(math.prod(values.shape[a] for a in some) for some in (kept, axes))
    x, w = (v.transpose(*kept, *axes).reshape(size) for v in (values, weights))
    x, w = x.copy(), np.ascontiguousarray(w)
    count = w.sum(1, keepdims=True)
    divisor = np.where(count > 0, count, 1)
    some = np.where(count > 0, np.where(w > 0, x, -np.inf).max(1, keepdims=True, initial=-np.inf), 0)
    np.copyto(x, some, where=w == 0)
    mean = some + (w * (x - some)).sum(1, keepdims=True) / divisor
    x -= mean
    apart = w * x
    rest = apart.sum(1, keepdims=True) / divisor
    apart *= x
    m2 = apart.sum(1, keepdims=True) - rest * rest * count
    partials = np.stack([count, *two_sum(mean, rest), np.maximum(m2, 0)], -1)
    return partials.reshape(*(1 if a in axes else n for a, n in enumerate(values.shape)), 4)
