"""The affine maps scalers apply: the one of moments, and the one of extremes, exact at both ends."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, empty_like
from cnorm._accept.axes import as_number, broadcast
from cnorm._stats.passes import CACHED, affine, blocks
from cnorm._stats.state import MEAN, MEAN_LO, UNIT

__all__ = [
    "Map",
    "check_range",
    "compute",
    "exact_map",
    "inverse_range",
    "near_constant",
    "range_inverse",
    "ratio_map",
    "resolution",
    "standard_inverse",
    "standard_map",
]


class Odd(NamedTuple):
    """Columns whose numbers leave the compute dtype: their map is taken in float64, in a unit of their own.

    where: which; before, after: powers of two that x and y are multiplied with, 1 in other columns.
    """

    where: Array
    before: Any = 1.0
    after: Any = 1.0


class Map(NamedTuple):
    """y = ((x * before - center) * factor * weight + bias) * after; arrays broadcast against x.

    center and factor are float64. What is decided here is decided for each column: no column's result
    depends on another. odd: None where before and after are 1 for all; pin: where x equals the first, y is
    the second.
    """

    center: Array
    factor: Array
    weight: Array | None = None
    bias: Array | None = None
    odd: Odd | None = None
    pin: tuple[Array, Array] | None = None

    @property
    def direct(self) -> bool:
        """One call of `affine` and nothing else?"""
        return self.odd is None and self.pin is None

    def run(self, x: Array, out: Array, where: Array | None = None) -> None:
        """Writes y to `out`, which may be x itself; where: to these columns alone."""
        if self.direct and where is None:
            checked_affine(x, out, self)
            return
        for part in blocks(x.shape, CACHED // x.itemsize):
            piece = cut(self, part)
            if where is None:
                piece.some(x[part], out[part])
                continue
            y = empty_like(x[part])
            piece.some(x[part], y)
            np.copyto(out[part], y, where=cut(where, part))

    def some(self, x: Array, out: Array) -> None:
        """A piece of no more elements than there may be temporaries for."""
        pinned = None if self.pin is None else x == self.pin[0]
        apart = None if self.odd is None else self.careful(x, self.odd)
        checked_affine(x, out, self)
        if self.odd is not None and apart is not None:
            np.copyto(out, apart, where=self.odd.where)
        if self.pin is not None and pinned is not None:
            np.copyto(out, self.pin[1], where=pinned)

    def careful(self, x: Array, odd: Odd) -> Array:
        """y in float64, rounded as that of other columns."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            y = (x.astype(np.float64) * odd.before - self.center) * self.factor
            if self.weight is not None:
                y *= self.weight
            if self.bias is not None:
                y += self.bias
            return np.asarray((y * odd.after).astype(compute(x.dtype)).astype(x.dtype))

    def taken(self, columns: Array) -> Map:
        """For a vector of elements of these columns (not with `pin`)."""
        m: Map = each(self, lambda p: p.reshape(-1)[columns])
        return m


def each(value: Any, change: Any) -> Any:
    """The same made of a function of each array in it."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, tuple):
        parts = [each(v, change) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def cut(value: Any, part: tuple[slice, ...]) -> Any:
    """What belongs to a part of x of arrays that broadcast against all of it."""

    def piece(p: Array) -> Array:
        return p[tuple(s if n > 1 else slice(None) for s, n in zip(part, p.shape, strict=False))]

    return each(value, piece)


def checked_affine(x: Array, out: Array, m: Map) -> None:
    """`affine`, which reads what is beyond arrays that do not broadcast, of arrays that do."""
    center, factor = broadcast(m.center, x.shape, "map"), broadcast(m.factor, x.shape, "map")
    if center.shape != factor.shape:
        center, factor = np.broadcast_arrays(center, factor)
    weight, bias = in_compute_dtype(m.weight, x), in_compute_dtype(m.bias, x)
    if out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError(f"out: expected {x.dtype} of shape {x.shape}, got {out.dtype} of {out.shape}")
    affine(x, out, center, factor, weight, bias)


def in_compute_dtype(p: Array | None, x: Array) -> Array | None:
    """A weight or bias as `affine` takes it for x."""
    if p is None:
        return None
    kind = compute(x.dtype)
    if p.dtype != kind:
        with np.errstate(over="ignore"):
            p = p.astype(kind)
    return broadcast(p, x.shape, "map")


def compute(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the map is computed in for elements of this dtype."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


# Differences of numbers up to the first, and 1 / what is not below the second, stay in the compute dtype (the
# core lifts float32 by 2^64 where it must).
WITHIN = {np.dtype(np.float32): (2.0**126, 2.0**-180), np.dtype(np.float64): (2.0**1022, 2.0**-960)}


def beyond(kind: np.dtype[Any], spread: Array, *values: Array) -> tuple[Array, Array]:
    """Columns in which a difference of elements about these values, or 1 / spread, may leave a dtype."""
    most, least = WITHIN[kind]
    large = np.any([np.abs(v) > most for v in np.broadcast_arrays(spread, *values)], axis=0)
    return large, (spread < least) & (spread > 0)


def odd_columns(dtype: np.dtype[Any], spread: Array, *values: Array) -> Odd | None:
    """Where (x - center) / spread needs care; None: nowhere."""
    large, small = beyond(compute(dtype), spread, *values)
    where = large | small
    if not where.any():
        return None
    large, small = beyond(np.dtype(np.float64), spread, *values)
    return Odd(where, np.where(large, 2.0**-4, np.where(small, 2.0**100, 1.0)))


def standard_map(
    dtype: np.dtype[Any], state: Array, std: Array, *, with_mean: bool = True, mean: Array | None = None
) -> Map:
    """(x - mean) / std with the mean of a table state, or this one (the same rounded to float64).

    What the mean has beyond float64 is added behind, in the columns where it makes a difference.
    """
    exact, low, unit = state[..., MEAN], state[..., MEAN_LO], state[..., UNIT]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        center = (exact + low) / unit if mean is None else mean
        center = center + 0.0 if with_mean else np.zeros(std.shape)  # of zeros it may be -0.0
        odd = odd_columns(dtype, std, center)
        before = 1.0 if odd is None else odd.before
        factor = 1 / (std * before)
        if not with_mean:
            return Map(center, factor, odd=odd)
        shift = -((exact - center * unit) + low) * (before / unit) * factor
    needed = np.abs(shift) > 2.0**-54
    bias = np.where(needed, shift, -0.0) if compute(dtype) == np.float64 and needed.any() else None
    return Map(center * before, factor, None, bias, odd)


def standard_inverse(dtype: np.dtype[Any], std: Array, mean: Array | None) -> Map:
    """x * std + mean."""
    large, small = beyond(compute(dtype), std, *(() if mean is None else (mean,)))
    odd = Odd(large | small, 1.0, np.where(large, 2.0**4, 1.0)) if (large | small).any() else None
    after = 1.0 if odd is None else odd.after
    return Map(np.zeros(std.shape), std / after, None, None if mean is None else mean / after, odd)


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
    return float(np.finfo(dtype).eps) if dtype.name != "bfloat16" else 2.0**-7


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
    regular: Array,
    target: tuple[float, float],
) -> Map:
    """((x - low) * factor) * weight + target[0], with `high` at target[1] and nothing between beyond it.

    Each step is rounded but monotone, so only what becomes of `high` matters. Few floats r have an s with
    r * s == 1, but a second factor a few ulps from 1 / (r * s) always gets there. Where adding target[0]
    steps over target[1], the column's maximum is set apart (`pin`).

    factor: 1 / (high - low) where `regular`; other columns are constant and have factor 1.
    """
    kind = compute(dtype)
    low, high = ends
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        odd = odd_columns(dtype, np.where(regular, high - low, 1.0), low, high)
        before = 1.0 if odd is None else odd.before
        m = Map(low * before, factor / before, odd=odd)
        m = m._replace(bias=np.full(low.shape, target[0], kind) if target[0] else None)
        wanted, span = kind.type(target[1]), kind.type(target[1] - target[0])
        m, missed = meeting(m, high.astype(kind), regular, wanted, span)
        if missed.any():
            pin = np.where(missed, high, np.nan).astype(dtype), np.full(low.shape, target[1], dtype)
            m = m._replace(pin=pin)
    return m


def meeting(m: Map, top: Array, regular: Array, wanted: Any, span: Any) -> tuple[Map, Array]:
    """The map with weights that take `top` to `wanted`, or just below; where that is missed.

    span: what the weight is where the map of `top` without it is 1, and in columns that are not regular.
    """
    kind = top.dtype
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
    missed = np.zeros(top.size, np.bool_)
    missed[left] = True
    chosen = chosen.reshape(top.shape)
    return m._replace(weight=None if (chosen == 1).all() else chosen), missed.reshape(top.shape)


def ratio_map(dtype: np.dtype[Any], scale: Array) -> Map:
    """x / scale, with `scale` at 1, its negative at -1 and nothing between beyond them."""
    one = compute(dtype).type(1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore"):
        odd = odd_columns(dtype, np.abs(scale), scale)
        before = 1.0 if odd is None else odd.before
        m = Map(np.zeros(scale.shape), 1 / (scale * before), odd=odd)
        return meeting(m, scale.astype(one.dtype), scale > 0, one, one)[0]


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
