"""Calls along one axis: its number, numbers the core takes, what masks hide, room for results."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_number_array, empty, empty_like, native
from cnorm._accept.axes import as_int
from cnorm._accept.masks import unmasked
from cnorm._native import core

__all__ = ["as_line_axis", "as_lines", "masked", "numbers_of", "result_like", "without"]


def as_line_axis(axis: Any, x: Array, name: str = "x") -> int:
    """One axis of an array that has one."""
    if x.ndim == 0:
        raise ValueError(f"{name}: expected at least 1 dimension, got a number")
    a = as_int(axis, "axis")
    if not -x.ndim <= a < x.ndim:
        raise ValueError(f"axis: expected an axis of a {x.ndim}-dimensional array, got {axis!r}")
    return a % x.ndim


def numbers_of(x: Array) -> Array:
    """What the core has windows of: 16-bit floats become float32, which holds them exactly."""
    if x.dtype.kind in "biu" or x.dtype.itemsize > 2:
        return x
    wide = core.widen(x)
    return x.astype(np.float32) if wide is None else wide


def as_lines(x: Any, name: str) -> tuple[Array, Array | None]:
    """Real numbers in this machine's byte order, and what masks hide of them: NaN in the numbers."""
    data, visible, _ = unmasked(x)
    array = numbers_of(native(as_number_array(data, name)))
    if visible is None:
        return array, None
    hidden = ~visible
    return without(array, hidden), hidden


def without(x: Array, hidden: Array) -> Array:
    """NaN for what is hidden."""
    return np.where(hidden, np.nan, x if x.dtype.kind == "f" else x.astype(np.float64)).astype(
        np.float64 if x.dtype.kind in "biu" else x.dtype, copy=False
    )


def masked(y: Array, hidden: Array | None) -> Array:
    """A result with the mask of what it was made of, 0 there."""
    if hidden is None:
        return y
    y[hidden] = 0
    return np.ma.MaskedArray(y, mask=hidden.copy())


def result_like(x: Array) -> Array:
    """Room for a result of windows of x: float64 of integers, else x's dtype; x's memory order."""
    return empty(x, np.dtype(np.float64)) if x.dtype.kind in "biu" else empty_like(x)
