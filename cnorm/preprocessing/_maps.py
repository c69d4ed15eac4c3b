"""The affine maps scalers apply: the one of moments, and the one of extremes, exact at both ends."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnorm._arrays import Array, empty_like
from cnorm._axes import as_number
from cnorm._tables import CACHED, affine

__all__ = [
    "Map",
    "check_range",
    "compute",
    "exact_map",
    "inverse_range",
    "near_constant",
    "standard_inverse",
    "standard_map",
]


class Map(NamedTuple):
    """y = ((x * pre - center) * factor * weight + bias) * post; arrays broadcast against x.

    pin: where x equals the first, y is the second. pre and post keep differences of large floats finite.
    """

    center: Array
    factor: Array
    weight: Array | None = None
    bias: Array | None = None
    pre: float = 1.0
    post: float = 1.0
    pin: tuple[Array, Array] | None = None

    @property
    def direct(self) -> bool:
        """One call of `affine` and nothing else?"""
        return self.pre == self.post == 1 and self.pin is None

    def run(self, x: Array, out: Array) -> None:
        """Writes y to `out`, which may be x itself."""
        if self.pin is None:
            self.once(x, out)
            return
        at, value = (np.broadcast_to(p, x.shape) for p in self.pin)
        rows = max(1, CACHED // max(x[:1].nbytes, 1))
        for start in range(0, len(x), rows):
            part = slice(start, start + rows)
            ends = x[part] == at[part]
            self.once(x[part], out[part])
            np.copyto(out[part], value[part], where=ends)

    def once(self, x: Array, out: Array) -> None:
        if self.pre != 1:
            one = np.ones((1,) * x.ndim)
            affine(x, out, one * 0, one * self.pre, None, None)
            x = out
        affine(x, out, self.center, self.factor, self.weight, self.bias)
        if self.post != 1:
            with np.errstate(over="ignore"):
                np.multiply(out, self.post, out=out)


def compute(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the map is computed in for elements of this dtype."""
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def too_large(dtype: np.dtype[Any], *values: Array) -> bool:
    """May a difference of elements about these values leave the dtype?"""
    limit = float(np.finfo(compute(dtype)).max) / 4
    return any(bool(np.any(np.abs(v) > limit)) for v in values)


def standard_map(
    dtype: np.dtype[Any], state: Array, std: Array, *, with_mean: bool = True, mean: Array | None = None
) -> Map:
    """(x - mean) / std with the mean of a table state, or this one (the same rounded to float64).

    What the mean has beyond float64 is added behind, where it makes a difference.
    """
    exact, low, unit = state[..., 1], state[..., 2], state[..., 4]
    with np.errstate(divide="ignore"):
        factor = 1 / std
    if not with_mean:
        return Map(np.zeros(std.shape), factor)
    with np.errstate(invalid="ignore", over="ignore"):
        center = (exact + low) / unit if mean is None else mean
        if too_large(dtype, center, std):
            return Map(center / 16, factor * 16, pre=1 / 16)
        shift = -((exact - center * unit) + low) / unit * factor
    needed = compute(dtype) == np.float64 and bool((np.abs(shift) > 2.0**-54).any())
    return Map(center, factor, None, shift if needed else None)


def standard_inverse(dtype: np.dtype[Any], std: Array, mean: Array | None) -> Map:
    """x * std + mean."""
    zero, kind = np.zeros(std.shape), compute(dtype)
    if mean is None:
        return Map(zero, std)
    post = 16.0 if too_large(dtype, mean, std) else 1.0
    return Map(zero, std / post, None, (mean / post).astype(kind), post=post)


def check_range(feature_range: Any) -> tuple[float, float]:
    """The ends of a range, in order."""
    try:
        low, high = (as_number(end, "feature_range") for end in feature_range)
    except (TypeError, ValueError):
        raise TypeError(f"feature_range: expected two numbers, got {feature_range!r}") from None
    if not low < high:
        raise ValueError(
            f"Minimum of desired feature range must be smaller than maximum. Got {feature_range}."
        )
    if not math.isfinite(high - low):
        raise ValueError(f"feature_range: expected finite numbers, got {feature_range}")
    return low, high


def near_constant(low: Array, high: Array, dtype: np.dtype[Any]) -> Array:
    """Is the range nothing but rounding?

    Below 10 eps, as scikit-learn has it, but also in relation to the values: a feature in small units is no
    constant. Or so small that its inverse is beyond float64.
    """
    eps = 10 * float(np.finfo(dtype).eps if dtype.name != "bfloat16" else 2.0**-7)
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
    pre = 0.25 if too_large(dtype, low, high) else 1.0
    center, factor = low * pre, factor / pre
    bias = np.full(low.shape, target[0], kind) if target[0] else None
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        top, wanted, span = high.astype(kind), kind.type(target[1]), kind.type(target[1] - target[0])
        unit = mapped(Map(center, factor, pre=pre), top)
        weight = span / np.where(regular & (unit > 0), unit, kind.type(1))
        best, chosen = np.full(low.shape, -np.inf, kind), weight
        for steps in (0, 1, -1, 2, -2, 3, -3, -4):
            trial = stepped(weight, steps)
            y = mapped(Map(center, factor, trial, bias, pre), top)
            better = (y <= wanted) & (y > best)
            best, chosen = np.where(better, y, best), np.where(better, trial, chosen)
        chosen = np.where(regular, chosen, span)
        missed = regular & (best != wanted)
        pin = None
        if missed.any():
            pin = np.where(missed, high, np.nan).astype(dtype), np.full(low.shape, target[1], dtype)
    return Map(center, factor, None if (chosen == 1).all() else chosen, bias, pre, 1.0, pin)


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
