"""The affine maps of extremes: exact at both ends of a range, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, empty_like
from cnorm._accept.axes import as_number
from cnorm._stats.passes import inverse_ranges, largest, meet, moderate
from cnorm.preprocessing._maps import Map, Odd, beyond, compute, odd_columns

__all__ = [
    "check_range",
    "exact_map",
    "fitted_range",
    "inverse_range",
    "largest_map",
    "near_constant",
    "plain_factor",
    "range_inverse",
    "ranges",
    "ratio_map",
    "resolution",
]


def check_range(feature_range: Any) -> tuple[float, float]:
    """The ends of a range, in order."""
    try:
        low, high = (as_number(end, "feature_range") for end in feature_range)
    except (TypeError, ValueError):
        raise TypeError(f"feature_range: expected two numbers, got {feature_range!r}") from None
    if math.isnan(low) or math.isnan(high):
        raise ValueError(f"feature_range: expected two numbers, got {feature_range}")
    if not low < high:
        raise ValueError(
            f"Minimum of desired feature range must be smaller than maximum. Got {feature_range}."
        )
    if not math.isfinite(high - low):
        raise ValueError(f"feature_range: expected finite numbers, got {feature_range}")
    return low, high


def resolution(dtype: np.dtype[Any]) -> float:
    """eps of a float dtype."""
    return 2.0**-7 if dtype.char not in "efd" else float(np.finfo(dtype).eps)


def near_constant(low: Array, high: Array, eps: float) -> Array:
    """Is the range nothing but rounding to eps?

    Below 10 eps, as scikit-learn has it, but also in relation to the values: a feature in small units is no
    constant. Or so small that its inverse is beyond float64.
    """
    eps = 10 * eps
    with np.errstate(over="ignore", invalid="ignore"):
        extent = high - low
    tiny = (extent < eps) & (extent <= eps * np.maximum(np.abs(low), np.abs(high)))
    return np.asarray(tiny | (extent < 2.0**-1000))


def inverse_range(low: Array, high: Array) -> Array:
    """1 / (high - low), where the difference may be beyond float64."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.asarray(0.25 / (high * 0.25 - low * 0.25))


def exact_map(
    dtype: np.dtype[Any],
    ends: tuple[Array, Array],
    factor: Array,
    regular: Array | None,
    target: tuple[float, float],
) -> Map:
    """((x - low) * factor) * weight + target[0], with `high` at target[1] and nothing between beyond it.

    Each step is rounded but monotone, so only what becomes of `high` matters. Few floats r have an s with
    r * s == 1, but a second factor a few ulps from 1 / (r * s) always gets there. Where adding target[0]
    steps over target[1], the column's maximum is set apart (`pin`).

    factor: 1 / (high - low) where `regular`; other columns are constant and have factor 1. None: all are, and
    moderate.
    """
    kind = compute(dtype)
    low, high = ends
    center, odd = low, None
    if regular is not None:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            odd = odd_columns(dtype, np.where(regular, high - low, 1.0), low, high)
            if odd is not None:
                center, factor = low * odd.before, factor / odd.before
    found = None if odd is not None else meet(high, center, factor, regular, target, dtype.itemsize == 8)
    if found is not None:
        weight, bias, missed = found
        m = Map(center, factor, weight, bias)
    else:
        bias = np.full(low.shape, target[0], kind) if target[0] else None
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            m, missed = meeting(Map(center, factor, bias=bias, odd=odd), high.astype(kind), regular, target)
    if missed is None:
        return m
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        pin = np.where(missed, high, np.nan).astype(dtype), np.full(low.shape, target[1], dtype)
    return m._replace(pin=pin)


def fitted_range(
    target: Any, least: Array, per_range: Array, scale: Array, shift: Array
) -> tuple[float, float, Array] | None:
    """The range and regular columns if scale and shift to it are of the least and of 1 / (most - least)."""
    low, high = (float(v) for v in target)
    with np.errstate(over="ignore", invalid="ignore"):
        regular = scale == (high - low) * per_range
        same = (regular | (scale == high - low) | np.isnan(scale)) & (
            (shift == low - least * scale) | np.isnan(shift)
        )
    return (low, high, regular) if same.all() else None


def plain_factor(
    target: Any, ends: tuple[Array, Array], eps: float, scale: Array, shift: Array
) -> Array | None:
    """1 / (most - least) where all are moderate and scale and shift have the bits it gives, else None."""
    (low, high), (least, most) = target, ends
    factor = inverse_ranges(least, most, 10 * eps)
    if factor is None:
        return None
    wanted = (high - low) * factor
    alike = wanted.tobytes() == scale.tobytes()
    return factor if alike and (low - least * wanted).tobytes() == shift.tobytes() else None


def ranges(low: Array, high: Array, eps: float) -> tuple[Array, Array | None]:
    """Factors as `exact_map` takes them, and which columns are regular; None for all."""
    factor = inverse_ranges(low, high, 10 * eps)
    if factor is not None:
        return factor, None
    regular = ~near_constant(low, high, eps)
    return np.where(regular, inverse_range(low, high), 1.0), regular


def meeting(
    m: Map, top: Array, regular: Array | None, target: tuple[float, float]
) -> tuple[Map, Array | None]:
    """The map with weights that take `top` to target[1], or just below; where that is missed (None: nowhere).

    A weight is about the width of the target over what the map of `top` without it is; that width itself in
    columns that are not regular.
    """
    kind = top.dtype
    wanted, span = kind.type(target[1]), kind.type(target[1] - target[0])
    regular = np.ones(top.shape, np.bool_) if regular is None else regular
    unit = mapped(m._replace(bias=None), top)
    known = regular & np.isfinite(top) & (unit > 0)
    weight = (span / np.where(known, unit, kind.type(1))).reshape(-1)
    best, chosen = np.full(top.size, -np.inf, kind), np.where(known.reshape(-1), weight, span)
    left = np.flatnonzero(known)
    for steps in (0, 1, -1, 2, -2, 3, -3, -4):
        trial = stepped(weight[left], steps)
        y = mapped(m.taken(left)._replace(weight=trial), top.reshape(-1)[left])
        better = (y <= wanted) & (y > best[left])
        best[left[better]], chosen[left[better]] = y[better], trial[better]
        left = left[best[left] != wanted]
        if not left.size:
            break
    chosen = chosen.reshape(top.shape)
    m = m._replace(weight=None if (chosen == 1).all() else chosen)
    if not left.size:
        return m, None
    missed = np.zeros(top.size, np.bool_)
    missed[left] = True
    return m, missed.reshape(top.shape)


def largest_map(dtype: np.dtype[Any], ends: tuple[Array, Array]) -> Map:
    """x / the larger magnitude of both ends, 1 in place of 0."""
    plain = largest(*ends)
    if plain is not None:
        most, factor = plain
        center = np.zeros_like(factor)
        found = meet(most, center, factor, None, (0, 1), dtype.itemsize == 8)
        if found is not None:
            return Map(center, factor, found[0])
    most = np.maximum(-ends[0], ends[1])
    return ratio_map(dtype, most + (most == 0))


def ratio_map(dtype: np.dtype[Any], scale: Array) -> Map:
    """x / scale, with `scale` at 1, its negative at -1 and nothing between beyond them."""
    odd = None
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        if not moderate(scale):
            odd = odd_columns(dtype, np.abs(scale), scale)
        center, factor = np.zeros(scale.shape), 1 / (scale if odd is None else scale * odd.before)
        regular = scale > 0
        found = None if odd is not None else meet(scale, center, factor, regular, (0, 1), dtype.itemsize == 8)
        if found is not None:
            return Map(center, factor, found[0])
        return meeting(Map(center, factor, odd=odd), scale.astype(compute(dtype)), regular, (0.0, 1.0))[0]


def range_inverse(
    dtype: np.dtype[Any], ends: tuple[Array, Array], regular: Array, target: tuple[float, float]
) -> Map:
    """(x - target[0]) / (target[1] - target[0]) * (high - low) + low; constant columns have a range of 1."""
    low, high = ends
    with np.errstate(over="ignore", invalid="ignore"):
        large, small = beyond(compute(dtype), np.where(regular, high - low, 1.0), low, high)
    odd = Odd(large | small, 1.0, np.where(large, 2.0**2, 1.0)) if (large | small).any() else None
    after = 1.0 if odd is None else odd.after
    least = low / after
    factor = np.where(regular, high / after - least, 1 / after) / (target[1] - target[0])
    return Map(np.full(low.shape, target[0]), factor, None, least, odd)


def mapped(m: Map, x: Array) -> Array:
    """What the map makes of x."""
    y = empty_like(x)
    m.run(x, y)
    return y


def stepped(values: Array, steps: int) -> Array:
    """The float so many steps above (below)."""
    for _ in range(abs(steps)):
        values = np.nextafter(values, values.dtype.type(np.inf if steps > 0 else -np.inf))
    return values
