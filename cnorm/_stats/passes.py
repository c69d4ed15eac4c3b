"""Passes over large tables in little memory: the affine map, infinity, and extremes that leave NaN out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, native
from cnorm._native import maps, norms, reductions, states, tables
from cnorm._native.fits import by_fitted, unchanged

__all__ = [
    "BLOCK",
    "CACHED",
    "affine",
    "blocks",
    "by_ends",
    "by_fitted",
    "check_finite",
    "check_no_inf",
    "extremes",
    "inverse_ranges",
    "is_bounded",
    "is_finite",
    "largest",
    "meet",
    "moderate",
    "specials",
    "unchanged",
]

# Elements a careful pass has temporaries for: 9 to 17 bytes each, below 1 % of 50 MB.
BLOCK = 1 << 14
# Bytes that stay in a second-level cache of 512 KiB while they are worked on.
CACHED = 1 << 18
Index = tuple[slice, ...]


def affine(
    x: Array, out: Array, center: Array, factor: Array, weight: Array | None, bias: Array | None
) -> None:
    """out = (x - center) * factor * weight + bias; out may be x itself.

    center and factor are float64 and of one shape, weight and bias in the compute dtype or None; all
    broadcast against x.
    """
    norms.apply(x, out, center, factor, weight, bias)


def blocks(shape: tuple[int, ...], size: int) -> Iterator[Index]:
    """Indices that cut an array along its longest axis into parts of about `size` elements."""
    if not shape:
        yield ()
        return
    axis = int(np.argmax(shape))
    step = max(1, size * shape[axis] // max(math.prod(shape), 1))
    for start in range(0, shape[axis], step):
        yield (*(slice(None),) * axis, slice(start, start + step))


def specials(x: Array) -> tuple[bool, bool]:
    """Is there infinity, is there NaN?"""
    if not x.size or x.dtype.kind in "biu" or (x.size <= BLOCK and reductions.finite(x)):
        return False, False
    _, least, greatest, nan, _ = reductions.extremes(native(x), tuple(range(x.ndim))).ravel().tolist()
    return least == -math.inf or greatest == math.inf, nan > 0


def is_finite(x: Array) -> bool:
    """Is x without both? Told at once of small ones."""
    return (x.size <= BLOCK and reductions.finite(x)) or specials(x) == (False, False)


def is_bounded(x: Array) -> bool:
    """Is x without infinity? Told at once of small ones: each `transform` asks."""
    return (x.size <= BLOCK and reductions.bounded(x)) or not specials(x)[0]


def check_no_inf(x: Array, name: str = "X") -> None:
    """Raises ValueError, in scikit-learn's words, if an element is infinite; NaN may be there."""
    if not is_bounded(x):
        raise ValueError(f"Input {name} contains infinity or a value too large for {x.dtype!r}.")


def check_finite(x: Array, name: str = "X") -> None:
    """As `check_no_inf`, and NaN may not be there."""
    infinite, nan = specials(x)
    if infinite:
        raise ValueError(f"Input {name} contains infinity or a value too large for {x.dtype!r}.")
    if nan:
        raise ValueError(f"Input {name} contains NaN.")


def moderate(*values: Array) -> bool:
    """Are these float64 numbers all 0 or far from the ends of float32? Perhaps."""
    return all(map(maps.moderate, values))


def inverse_ranges(low: Array, high: Array, tiny: float) -> Array | None:
    """1 / (high - low) where each is moderate and no range below the share `tiny` of an end; else None."""
    return maps.inverse_ranges(low, high, tiny)


def largest(low: Array, high: Array) -> tuple[Array, Array] | None:
    """The larger magnitude of both ends, 1 in place of 0, and 1 / that where each is moderate; else None."""
    return maps.largest(low, high)


def meet(
    x: Array, center: Array, factor: Array, regular: Array | None, target: tuple[float, float], wide: bool
) -> tuple[Array | None, Array | None, Array | None] | None:
    """Weight and bias with which `affine` takes x to target[1], or just below; where it is missed."""
    return maps.meet(x, center, factor, regular, *target, wide)


def by_ends(x: Any, axis: Any, out: Any, target: Any = None, *, omit: bool = True) -> Array | None:
    """Groups over axes to a range or, of None, by their largest magnitude; None where care is needed.

    omit: NaN counts nowhere, and stays.
    """
    return tables.by_ends(x, axis, out, target, omit)


def extremes(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Minimum and maximum over axes (kept with size 1), as float64, without NaN; NaN where nothing else is.

    Raises ValueError if x contains infinity.
    """
    low, high = states.ends(reductions.extremes(x, axes), True, True)
    if reductions.finite(low) and reductions.finite(high):
        return low, high
    if np.isinf(low).any() or np.isinf(high).any():
        check_no_inf(x)
    return low, high
