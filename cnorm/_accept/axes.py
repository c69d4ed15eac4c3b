"""What each norm accepts, and over which axes it works: pure checks and shape functions."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from cnorm._accept.arrays import Array, as_parameter
from cnorm._native import glance


def as_int(value: Any, name: str) -> int:
    """An integer argument; bools and floats are refused."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an int, got {value!r}") from None


def are_several(value: Any) -> bool:
    """Items to go through? A string and an array without an axis are one."""
    return (
        isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) != 0
    )


def as_axes(axis: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """Axes as sorted non-negative ints; None means all."""
    seen = glance.axes(axis, ndim)
    if seen is not None:
        return seen
    return tuple(range(ndim)) if axis is None else tuple(sorted(ordered_axes(axis, ndim, name)))


def ordered_axes(axis: Any, ndim: int, name: str = "axis") -> tuple[int, ...]:
    """Axes as non-negative ints, in the order given."""
    seen = None if axis is None else glance.axes(axis, ndim, True)
    if seen is not None:
        return seen
    items = axis if are_several(axis) else (axis,)
    axes = []
    for item in items:
        a = as_int(item, name)
        if not -max(ndim, 1) <= a < max(ndim, 1):
            raise ValueError(f"{name}: expected axes of a {ndim}-dimensional array, got {axis!r}")
        if ndim:
            axes.append(a % ndim)
    if len(set(axes)) != len(axes):
        raise ValueError(f"{name}: expected different axes, got {axis!r}")
    return tuple(axes)


def normalized_axes(
    x: Array, normalized_shape: Any, axis: Any = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of layer_norm and rms_norm (None: the trailing ones), and `normalized_shape` as ints."""
    shape = normalized_shape if glance.sizes(normalized_shape) else _as_sizes(normalized_shape)
    if not shape:
        raise ValueError("normalized_shape: expected at least one size, got ()")
    if axis is not None:
        axes = ordered_axes(axis, x.ndim)
        if shape != tuple([x.shape[a] for a in axes]):
            raise ValueError(
                f"normalized_shape: expected the sizes of axes {axes} of input, got {shape}"
                f" with input of shape {x.shape}"
            )
        return axes, shape
    if x.shape[-len(shape) :] != shape or len(shape) > x.ndim:
        raise ValueError(
            f"normalized_shape: expected the last sizes of input, got {shape} with input of shape {x.shape}"
        )
    return tuple(range(x.ndim - len(shape), x.ndim)), shape


def _as_sizes(normalized_shape: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, (str, bytes)) or not isinstance(normalized_shape, Sequence):
        raise TypeError(f"normalized_shape: expected a tuple of ints, got {normalized_shape!r}")
    return tuple(as_int(n, "normalized_shape") for n in normalized_shape)


def against_axes(p: Array | None, axes: tuple[int, ...], ndim: int) -> Array | None:
    """A parameter with one dimension for each of the axes, in their order, shaped against the input."""
    if p is None:
        return None
    if len(axes) == 1:
        shape = [1] * ndim
        shape[axes[0]] = p.size
        return p.reshape(shape)
    if axes != tuple(sorted(axes)):
        p = p.transpose(sorted(range(len(axes)), key=axes.__getitem__))
    sizes = iter(p.shape)
    return p.reshape([next(sizes) if a in axes else 1 for a in range(ndim)])


def check_affine(p: Array | None, name: str, shape: tuple[int, ...]) -> None:
    """Weight or bias of layer_norm and rms_norm: exactly the normalized shape."""
    if p is not None and p.shape != shape:
        raise ValueError(f"{name}: expected the normalized shape {shape}, got {p.shape}")


def check_channels(p: Array | None, name: str, channels: int, *, vector: bool = False) -> None:
    """Weight or bias per channel: as many elements as channels; as a vector where torch insists."""
    if p is not None and (p.size != channels or (vector and p.ndim > 1)):
        raise ValueError(f"{name}: expected {channels} elements, one per channel, got shape {p.shape}")


def channel_shape(ndim: int, channels: int) -> tuple[int, ...]:
    """One value per channel against (N, C, ...)."""
    return (1, channels) + (1,) * (ndim - 2)


def channel_affine(
    x: Array, weight: Any, bias: Any, out: Any, *, vector: bool = False
) -> tuple[Array | None, Array | None]:
    """Weight and bias per channel in the compute dtype, shaped against (N, C, ...)."""
    channels = x.shape[1]
    shape = channel_shape(x.ndim, channels)
    w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
    check_channels(w, "weight", channels, vector=vector)
    check_channels(b, "bias", channels, vector=vector)
    return None if w is None else w.reshape(shape), None if b is None else b.reshape(shape)


def check_rank(x: Array, least: int, name: str = "input") -> None:
    """Raises unless input has at least so many dimensions."""
    if x.ndim < least:
        raise ValueError(f"{name}: expected at least {least} dimensions, got {x.ndim} (shape {x.shape})")


def check_groups(x: Array, num_groups: Any, name: str = "num_groups") -> int:
    """The number of groups, which must divide the channels of (N, C, ...)."""
    groups = as_int(num_groups, name)
    check_rank(x, 2)
    if groups <= 0:
        raise ValueError(f"{name}: expected a positive number, got {groups}")
    if x.shape[1] % groups:
        raise ValueError(f"{name}: expected a divisor of the {x.shape[1]} channels of input, got {groups}")
    return groups


def grouped_shape(x: Array, groups: int) -> tuple[int, ...]:
    """(N, C, ...) -> (N, G, C/G, ...)."""
    n, c = x.shape[:2]
    return (n, groups, c // groups, *x.shape[2:])


def check_more_than_one(x: Array, values: int) -> None:
    """Batch statistics of a single value per channel have no variance: torch refuses them."""
    if values == 1:
        raise ValueError(f"input: expected more than 1 value per channel when training, got shape {x.shape}")


def check_running_pair(mean: Array | None, var: Array | None) -> None:
    """Running statistics come as a pair or not at all."""
    if (mean is None) != (var is None):
        missing = "running_mean" if mean is None else "running_var"
        raise ValueError(f"{missing}: expected both running statistics or neither, got None for one")


def broadcast(p: Array, shape: tuple[int, ...], name: str) -> Array:
    """`p` with as many dimensions as `shape`, each 1 or equal, or an error."""
    seen = glance.spread(p, shape)
    if seen is not None:
        return seen  # type: ignore[no-any-return]
    padded = (1,) * (len(shape) - p.ndim) + p.shape
    if len(padded) != len(shape) or any(n not in (1, m) for n, m in zip(padded, shape, strict=True)):
        raise ValueError(f"{name}: expected a shape that broadcasts to {shape}, got {p.shape}")
    return p.reshape(padded)


def as_eps(value: Any) -> float:
    """The `eps` of a function of ours: below 0 the root has no value; torch's own take what torch takes."""
    eps = as_number(value, "eps")
    if not eps >= 0:
        raise ValueError(f"eps: expected no negative number and no NaN, got {eps}")
    return eps


def as_number(value: Any, name: str) -> float:
    """A real scalar argument."""
    try:
        if isinstance(value, str):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number, got {value!r}") from None
