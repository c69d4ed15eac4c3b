"""Data by the moments of a stream: normalized and clipped, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_real, check_out, compute_dtype, is_float
from cnorm._accept.axes import as_eps, as_number
from cnorm._accept.masks import unmasked
from cnorm._native import maps, norms
from cnorm._native.tables import by_roots, lengths
from cnorm._stats.state import deviation, mean_of

__all__ = ["denormalized", "normalized"]


def opened(x: Any, name: str, shape: tuple[int, ...], dtype: Any) -> tuple[Array, np.dtype[Any], Any]:
    """Floats whose shape ends with that of the moments, the dtype of the result, what masks a result."""
    data, _, result = unmasked(x)
    array = as_real(data, name)
    if array.shape[array.ndim - len(shape) :] != shape or array.ndim < len(shape):
        raise ValueError(f"{name}: expected a shape that ends with {shape}, got {array.shape}")
    kind = array.dtype.newbyteorder("=") if dtype is None else np.dtype(dtype)
    if not is_float(kind):
        raise TypeError(f"dtype: expected a float dtype, got {kind}")
    return array, kind, result


def written(array: Array, kind: np.dtype[Any], out: Any, write: Any) -> Array:
    """What `write` makes of x in the wider of both dtypes, in the dtype asked for."""
    if out is not None:
        check_out(array.shape, kind, out)
    wider = array if array.dtype.itemsize >= kind.itemsize else array.astype(kind)
    target = Output(wider, out if wider.dtype == kind else None)
    write(target.x, target.y)
    y = target.done()
    if y.dtype == kind:
        return y
    if out is None:
        return y.astype(kind)
    out[...] = y
    return out  # type: ignore[no-any-return]


def center_and_root(state: Array, eps: float, ndim: int) -> tuple[Array, Array]:
    """Mean and root of variance plus eps, in float64, with so many dimensions."""
    root = lengths(deviation(state, 0), math.sqrt(eps))
    shape = (1,) * (ndim - root.ndim) + root.shape
    return mean_of(state).reshape(shape), root.reshape(shape)


def at_once(x: Any, state: Array, eps: Any, out: Any, *, back: bool) -> Array | None:
    """x by ordinary moments, or back; None where care is needed."""
    return by_roots(x, out, state, math.sqrt(eps), back) if type(eps) is float and eps >= 0 else None


def within(y: Array, most: float) -> Array:
    """As `np.clip(y, -most, most, out=y)` for middle bounds."""
    return y if maps.clip(y, most) else np.clip(y, -most, most, out=y)


def normalized(
    x: Any, state: Array, shape: tuple[int, ...], eps: Any, clip: Any, dtype: Any, out: Any
) -> Array:
    """(x - mean) / sqrt(var + eps), within -clip and clip."""
    bounded = clip is None or (type(clip) is float and 0.01 < clip < 1e4)
    fast = at_once(x, state, eps, out, back=False) if dtype is None and bounded else None
    if fast is not None:
        return fast if clip is None else within(fast, clip)
    array, kind, result = opened(x, "x", shape, dtype)
    eps = as_eps(eps)
    most = None if clip is None else as_number(clip, "clip")
    if most is not None and not most > 0:
        raise ValueError(f"clip: expected a number above 0, got {clip!r}")

    def write(x: Array, y: Array) -> None:
        norms.apply(x, y, center, scale, None, None)
        if most is not None:
            np.clip(y, -most, most, out=y)

    with np.errstate(all="ignore"):  # once: it takes as long as the kernel of a few numbers
        center, root = center_and_root(state, eps, array.ndim)
        scale = np.divide(1, root, out=np.empty_like(root))
        scale[root == 0] = 0
        return result(written(array, kind, out, write))  # type: ignore[no-any-return]


def denormalized(y: Any, state: Array, shape: tuple[int, ...], eps: Any, dtype: Any, out: Any) -> Array:
    """y * sqrt(var + eps) + mean."""
    fast = at_once(y, state, eps, out, back=True) if dtype is None else None
    if fast is not None:
        return fast
    array, kind, result = opened(y, "y", shape, dtype)
    eps = as_eps(eps)

    def write(x: Array, y: Array) -> None:
        norms.apply(x, y, np.zeros_like(center), root, None, center.astype(compute_dtype(x)))

    with np.errstate(all="ignore"):
        center, root = center_and_root(state, eps, array.ndim)
        return result(written(array, kind, out, write))  # type: ignore[no-any-return]
