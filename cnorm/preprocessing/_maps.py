"""The affine maps scalers apply, column by column, and the one of moments."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, empty_like
from cnorm._accept.axes import broadcast
from cnorm._stats.passes import CACHED, affine, blocks, moderate
from cnorm._stats.state import MEAN, MEAN_LO, UNIT, factors

__all__ = [
    "Map",
    "Odd",
    "as_float",
    "beyond",
    "compute",
    "odd_columns",
    "same",
    "standard_inverse",
    "standard_map",
]


_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


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

    def ready(self, x: Array) -> Map:
        """With weight and bias as the core takes them for x."""
        return self._replace(weight=in_compute_dtype(self.weight, x), bias=in_compute_dtype(self.bias, x))

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
    center, factor = m.center, m.factor
    if center.shape != factor.shape or center.ndim != x.ndim:
        center, factor = broadcast(center, x.shape, "map"), broadcast(factor, x.shape, "map")
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
    return p if p.ndim == x.ndim else broadcast(p, x.shape, "map")


def compute(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the map is computed in for elements of this dtype."""
    return _FLOAT64 if dtype.itemsize == 8 else _FLOAT32


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
    if moderate(spread, *values):
        return None
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
    ordinary = factors(state, std) if with_mean else None
    if ordinary is not None:
        center, factor, shift = ordinary
        return Map(center, factor, None, shift if dtype.itemsize == 8 else None)
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


def as_float(values: Any, shape: tuple[int, ...]) -> Array:
    """Statistics in float64 and a shape: a view of them if they are so already."""
    array = np.asarray(values, np.float64)
    return array.reshape(shape) if array.size == math.prod(shape) else np.broadcast_to(array, shape)


def same(values: Any, derived: Array) -> bool:
    """Is a public attribute (a scalar stands for all alike) what the state gives?"""
    return bool(np.array_equal(np.broadcast_to(values, derived.shape), derived, equal_nan=True))
