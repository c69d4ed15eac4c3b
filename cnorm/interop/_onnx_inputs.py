"""What ONNX's normalization operators accept, and the norms of what torch would refuse.

Messages have the standard's names of attributes and inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._accept.arrays import Array
from cnorm._accept.axes import broadcast, check_rank, ordered_axes

__all__ = [
    "check_choice",
    "check_epsilon",
    "check_shape",
    "first_axis",
    "group_normalized",
    "layer_normalized",
    "looked_up",
    "narrowed",
    "per_channel",
    "reduced_axes",
    "rms_normalized",
    "summed",
    "wide",
]


def check_epsilon(epsilon: float) -> None:
    """What is added to a variance makes none negative."""
    if not epsilon >= 0:
        raise ValueError(f"epsilon: expected no negative number, got {epsilon}")


def check_choice(value: int, name: str, *choices: int) -> None:
    """An attribute that is one of few numbers."""
    if value not in choices:
        raise ValueError(f"{name}: expected {' or '.join(map(str, choices))}, got {value}")


def check_shape(p: Array, name: str, shape: tuple[int, ...]) -> None:
    """An input that the standard broadcasts to nothing."""
    if p.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {p.shape}")


def first_axis(axis: int, x: Array) -> int:
    """The axis from which on a norm is taken."""
    check_rank(x, 1, "X")
    return ordered_axes(axis, x.ndim)[0]


def reduced_axes(axes: Any, x: Array) -> tuple[int, ...]:
    """The attribute `axes`: at least one, different, of x."""
    check_rank(x, 1, "X")
    found = ordered_axes([int(a) for a in axes], x.ndim, "axes")
    if not found:
        raise ValueError("axes: expected at least one axis, got none")
    return found


def per_channel(p: Array, name: str, x: Array) -> Array:
    """A vector with an element for each channel of (N, C, ...), shaped against it."""
    check_shape(p, name, x.shape[1:2])
    return p.reshape(-1, *(1,) * (x.ndim - 2))


def wide(*arrays: Array) -> np.dtype[Any]:
    """The dtype sums are taken in: float64 if one of the arrays is, else float32."""
    return np.dtype(np.float64 if any(a.dtype == np.float64 for a in arrays) else np.float32)


def narrowed(values: Array, dtype: np.dtype[Any]) -> Array:
    """The values in another dtype, infinite beyond its range."""
    with np.errstate(over="ignore"):
        return values.astype(dtype, copy=False)


def summed(x: Array, skip: Array, bias: Array | None) -> Array:
    """input + skip + bias, not yet rounded to 16 bits."""
    check_rank(x, 1, "input")
    total: Array = np.add(x, broadcast(skip, x.shape, "skip"), dtype=wide(x))
    if bias is not None:
        check_shape(bias, "bias", x.shape[-1:])
        np.add(total, bias, out=total)
    return total


def looked_up(table: Array, name: str, ids: Array, ids_name: str) -> Array:
    """The rows of a table; an id outside of it is no row from its end."""
    if table.ndim != 2:
        raise ValueError(f"{name}: expected 2 dimensions, got {table.ndim}")
    outside = (ids < 0) | (ids >= len(table))
    if outside.any():
        raise ValueError(f"{ids_name}: expected 0 to {len(table) - 1}, got {int(ids[outside][0])}")
    return np.asarray(table[ids])


def group_normalized(
    x: Array, groups: int, scale: Array, bias: Array, epsilon: float, activation: str | None = None
) -> Array:
    """Of (N, C, ...). One value counts as two equal ones: group_norm, as torch's, wants more."""
    if x.size != groups:
        return F.group_norm(x, groups, scale, bias, epsilon, activation=activation)
    twice = np.stack([x, x], -1)
    return F.group_norm(twice, groups, scale, bias, epsilon, activation=activation)[..., 0]


def _is_inner(x: Array, axis: int, **parameters: Array | None) -> bool:
    """Have parameters that broadcast to x no dimension in front of `axis`?"""
    given = [(name, p) for name, p in parameters.items() if p is not None]
    for name, p in given:
        broadcast(p, x.shape, name)
    return all(p.ndim <= x.ndim - axis for _, p in given)


def layer_normalized(
    x: Array, axis: int, epsilon: float, scale: Array, bias: Array | None, more: bool
) -> tuple[Array, Any, Any]:
    """Over the axes from `axis` on, and with `more` mean and variance, with these axes of size 1."""
    shape, axes = x.shape[axis:], tuple(range(axis, x.ndim))
    if _is_inner(x, axis, Scale=scale, B=bias) and not more:
        bias = None if bias is None else np.broadcast_to(bias, shape)
        return F.layer_norm(x, shape, np.broadcast_to(scale, shape), bias, epsilon), None, None
    y, mean, var = cnorm.standardize(x, axes, scale, bias, epsilon, return_moments=True)
    return y, np.expand_dims(mean, axes), np.expand_dims(var, axes)


def rms_normalized(x: Array, axis: int, epsilon: float, scale: Array, dtype: np.dtype[Any]) -> Array:
    """Over the axes from `axis` on, in a dtype; one rounding but where a scale varies in front of them."""
    shape = x.shape[axis:]
    if x.dtype != dtype:
        x = x.astype(np.promote_types(x.dtype, wide(x, scale)), copy=False)
    if _is_inner(x, axis, scale=scale):
        return narrowed(F.rms_norm(x, shape, np.broadcast_to(scale, shape), epsilon), dtype)
    normalized = F.rms_norm(x.astype(np.float64), shape, None, epsilon)
    return narrowed(normalized * scale.astype(np.float64), dtype)
