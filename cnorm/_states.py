"""Moments of large tables in little memory: NaN left out, weights, squares beyond float64, exact merges.

A table state is a float64 array [..., 5]: count, mean, mean_lo, m2, unit, with reduced axes of size 1. The
first four are those of `_moments`, taken of x * unit. The unit is 1 but where squares leave float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm import _core
from cnorm._arrays import Array, compute_dtype
from cnorm._moments import merge, variance
from cnorm._tables import BLOCK, blocks, check_no_inf

__all__ = [
    "combined",
    "deviation",
    "normalized",
    "plain_moments",
    "separated",
    "stream_moments",
    "table_moments",
    "values_of",
]

# States of blocks that wait to be merged.
PARTS = 32
# Elements up to which moments of narrower floats are taken in float64: 1e-15 instead of 3e-7 for a copy of
# half a megabyte.
WIDE = 1 << 16
# Squares of any finite float64 times this, 2^50 of them summed, are finite.
SMALL = 2.0**-540
# Share of the elements and of m2 that is left when a part is taken out, at least: errors grow by its inverse.
LEFT = 2.0**-10
# The merge takes a part out whose count and m2 are negative: Chan's formulas hold for both signs.
TAKEN_OUT = np.array([-1.0, 1, 1, -1, 1])
EMPTY = np.array([0.0, 0, 0, 0, 1])


def normalized(
    x: Array, out: Array, axes: tuple[int, ...], ddof: float, mask: Array | None = None
) -> Array | None:
    """out = (x - mean) / std in one go, and the table state.

    None if that is not finite or would spoil x.
    """
    n = math.prod(x.shape[a] for a in axes)
    if np.may_share_memory(x, out) or n <= ddof or (mask is not None and ddof):
        return None
    weight = None if not ddof else np.full((1,) * x.ndim, math.sqrt((n - ddof) / n), compute_dtype(x))
    state = _core.normalize(x, out, axes, weight, None, 0.0, "var", True, mask)
    return with_unit(state, 1.0) if np.isfinite(state).all() else None


def plain_moments(x: Array, axes: tuple[int, ...], mask: Array | None = None) -> Array:
    """Partials [..., 4] of x over axes, unit 1; not finite where x is not, or where squares leave float64."""
    wide = x if x.size > WIDE else x.astype(np.float64, copy=False)
    partials: Array = _core.moments(wide, axes, mask)
    return partials


def table_moments(
    x: Array, axes: tuple[int, ...], weights: Array | None = None, *, infinite: bool = False
) -> Array:
    """Table state of x over axes without NaN, elements repeated as weights (broadcast) tell.

    Raises ValueError if x contains infinity and may not.
    """
    if weights is None:
        state = plain_moments(x, axes)
        if np.isfinite(state).all():
            return with_unit(state, 1.0)
    if not infinite:
        check_no_inf(x)
    state = careful(x, axes, weights, np.float64(1))
    over = ~np.isfinite(state).all(-1)
    if not over.any():
        return with_unit(state, 1.0)
    unit = np.where(over, SMALL, 1.0)
    return with_unit(careful(x, axes, weights, unit), unit)


def with_unit(state: Array, unit: Any) -> Array:
    return np.concatenate([state, np.broadcast_to(unit, state.shape[:-1])[..., None]], -1)


def careful(x: Array, axes: tuple[int, ...], weights: Array | None, unit: Array | np.float64) -> Array:
    """State of x * unit over axes, in float64, block by block, without NaN."""
    state = np.zeros((*(1 if a in axes else n for a, n in enumerate(x.shape)), 4))
    unit = np.broadcast_to(unit, state.shape[:-1])
    split = int(np.argmax(x.shape)) in axes
    parts: list[Array] = []
    near = np.zeros(state.shape[:-1])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for part in blocks(x.shape, BLOCK):
            kept = tuple(slice(None) if a in axes else s for a, s in enumerate(part))
            values = np.multiply(x[part], unit[kept], dtype=np.float64)
            if weights is None:
                partial = without_nan(values, axes, near[kept])
            else:
                rows = tuple(s if n > 1 else slice(None) for s, n in zip(part, weights.shape, strict=False))
                partial = weighted(values, axes, weights[rows])
            if not split:
                state[kept] = partial
                continue
            np.copyto(near, partial[..., 1], where=partial[..., 0] > 0)
            np.copyto(partial[..., 1], near, where=partial[..., 0] == 0)
            parts.append(partial)
            if len(parts) == PARTS:
                parts = [merged(parts)]
        return merged(parts) if split else state


def merged(parts: list[Array]) -> Array:
    """One state of several; means are taken about the last, which is that of real data."""
    state: Array = merge(np.stack(parts[::-1]), (0,))[0]
    return state


def without_nan(values: Array, axes: tuple[int, ...], near: Array) -> Array:
    """State of a block that may be overwritten. NaN is replaced by a value near the mean, taken out again.

    What is taken out of m2 is small beside it, or beside the distance of the block `near` comes from.
    """
    hidden = np.isnan(values)
    if not hidden.any():
        return _core.moments(values, axes)
    filled = hidden.sum(axes, keepdims=True)
    total = math.prod(values.shape[a] for a in axes)
    count = total - filled
    if not near.any():
        near = np.where(hidden, 0, values).sum(axes, keepdims=True) / np.maximum(count, 1)
    np.copyto(values, near, where=hidden)
    state = _core.moments(values, axes)
    apart = ((state[..., 1] - near) + state[..., 2]) * (total / np.maximum(count, 1))
    m2 = state[..., 3] - apart * apart * (filled * count / total)
    apart = np.where(filled > 0, apart, state[..., 2])
    near = np.where(filled > 0, near, state[..., 1])
    state = np.stack([count, near, apart, np.maximum(m2, 0)], -1)
    return np.asarray(np.where(count[..., None] > 0, state, 0))


def weighted(values: Array, axes: tuple[int, ...], weights: Array) -> Array:
    """State of a block that may be overwritten: two corrected passes; NaN has weight 0."""

    def summed(v: Array) -> Array:
        return weights.T @ v if table else (v * weights).sum(axes, keepdims=True)

    table = values.ndim == 2 and axes == (0,) and weights.shape[1] == 1
    hidden = np.isnan(values)
    some = bool(hidden.any())
    if some:
        np.copyto(values, 0, where=hidden)
    count = summed((~hidden).astype(np.float64)) if some or not table else weights.sum()
    divisor = np.where(count > 0, count, 1)
    pivot = summed(values) / divisor
    values -= pivot
    if some:
        np.copyto(values, 0, where=hidden)
    rest = summed(values) / divisor
    np.multiply(values, values, out=values)
    m2 = summed(values) - rest * rest * count
    return np.stack([np.broadcast_to(count, m2.shape), pivot, rest, np.maximum(m2, 0)], -1)


def stream_moments(x: Array, axes: tuple[int, ...], weights: Array | None, nan_policy: str) -> Array:
    """Table state of x over axes in which infinity counts, and NaN as the policy tells; weight 0 hides both.

    A feature with such an element has the sum of these as its mean, and NaN for m2.
    """
    given, nan, infinite = x, np.isnan(x), np.isinf(x)
    odd = infinite.copy()
    if infinite.any():
        x = x.copy()
        x[infinite] = np.nan
    if nan_policy != "omit":
        odd |= nan
    if weights is not None:
        odd &= weights > 0
    if nan_policy == "raise" and (odd & nan).any():
        raise ValueError('x: contains NaN and nan_policy is "raise"')
    state = table_moments(x, axes, weights, infinite=True)
    lost = np.asarray(odd.any(axes, keepdims=True))
    if lost.any():
        count = np.where(odd, 1.0 if weights is None else weights, 0).sum(axes, keepdims=True)
        with np.errstate(invalid="ignore"):
            mean = np.where(odd, given, 0).astype(np.float64).sum(axes, keepdims=True)
        state = without_spread(state, lost, state[..., 0] + count, mean)
    return state


def without_spread(state: Array, lost: Array, count: Array, mean: Array) -> Array:
    """The state with the given count, mean and no m2 where it is lost."""
    nothing = np.zeros_like(count)
    replaced = np.stack([count, mean, nothing, nothing + np.nan, nothing + 1], -1)
    return np.where(lost[..., None], replaced, state)


def joined(a: Array, b: Array) -> Array:
    """Two states of one shape and unit, merged."""
    both = merge(np.stack([a, b]), (0,))[0]
    return np.where(a[..., :1] == 0, b, np.where(b[..., :1] == 0, a, both))


def combined(a: Array, b: Array) -> Array:
    """Two table states, merged (Chan): order and split of the data matter to rounding only."""
    plain = _core.merge_states(a, b)
    if plain is not None:
        return plain
    if not all(s.flags.aligned and s.flags.c_contiguous for s in (a, b)):  # as from a pickle's foreign buffer
        return combined(np.array(a, order="C"), np.array(b, order="C"))
    unit = np.minimum(a[..., 4], b[..., 4])
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        total = joined(rescaled(a, unit), rescaled(b, unit))
        over = ~np.isfinite(total).all(-1) & (unit == 1)
        if over.any():
            unit = np.where(over, SMALL, unit)
            total = joined(rescaled(a, unit), rescaled(b, unit))
        lost = ~(np.isfinite(a[..., 1]) & np.isfinite(b[..., 1]))
        return without_spread(with_unit(total, unit), lost, a[..., 0] + b[..., 0], a[..., 1] + b[..., 1])


def separated(whole: Array, part: Array, *, whole_counts: bool) -> Array:
    """The table state that gives `whole` when `part` is merged with it.

    Raises ValueError if `part` cannot be one, or so little is left that rounding would show. With whole
    counts one element that is left has no spread.
    """
    if not np.isfinite(part).all():
        raise ValueError("other: contains NaN or infinity, which cannot be taken out")
    left = whole[..., 0] - part[..., 0]
    if (left < 0).any():
        raise ValueError("other: expected a part of these moments, but it has more elements")
    rest = combined(whole, part * TAKEN_OUT)
    if not left.all():
        rest[left == 0] = EMPTY
    known = left == 0
    if whole_counts and (left == 1).any():
        rest[left == 1, 3] = 0
        known |= left == 1
    least = LEFT * whole[..., 3] * (rest[..., 4] / whole[..., 4]) ** 2
    if (((left < LEFT * whole[..., 0]) & (left > 0)) | ((rest[..., 3] < least) & ~known)).any():
        raise ValueError(
            "other: too little is left without it (below 1/1024 of the elements, or of the sum of squares "
            "about the mean): take the moments of what is left anew"
        )
    return rest


def rescaled(state: Array, unit: Array) -> Array:
    """The four numbers in another unit."""
    ratio = unit / state[..., 4]
    return np.stack([state[..., 0], *(state[..., i] * ratio for i in (1, 2)), state[..., 3] * ratio**2], -1)


def values_of(state: Array) -> tuple[Array, Array, Array, Array]:
    """Count, mean, variance (inf beyond float64) and standard deviation; 0 where the feature is constant.

    Constant is what rounding could have made of a constant, by scikit-learn's bound [1]_.

    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.
    """
    count, mean, mean_lo, m2, unit = np.moveaxis(state, -1, 0)
    eps = np.finfo(np.float64).eps
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        spread = m2 / count
        bound = count * eps * spread + (count * (mean + mean_lo) * eps) ** 2
        std = np.where(spread <= bound, 0, np.sqrt(spread) / unit)
        center = np.where(count > 0, (mean + mean_lo) / unit, np.nan)
        return count, center, spread / unit / unit, std


def deviation(state: Array, ddof: float) -> Array:
    """Standard deviation with ddof; inf or NaN where there are too few values."""
    return np.asarray(np.sqrt(variance(state, ddof)) / state[..., 4])
