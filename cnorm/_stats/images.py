"""Pictures normalized by statistics of their own: exact for integers, small pictures many to a call."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import EXACT, Array
from cnorm._native import images, norms, reductions
from cnorm._stats.state import COUNT, M2, MEAN, MEAN_LO, UNIT

__all__ = ["INTEGERS", "normalize_by_own", "videos"]

INTEGERS = "BH"  # characters of uint8 and uint16
# Elements of a picture from which on a call of its own costs nothing: below, one for each channel of all.
LARGE = 1 << 15
# Share of a deviation the mean may be off before float32 results show it.
SHOWS = 2.0**-27


class _Own(NamedTuple):
    """Mean in two words and deviation: float64, (pictures, channels) or, of all channels, (pictures, 1).

    Without a rest the mean is as exact as its first word.
    """

    mean: Array
    rest: Array | None
    std: Array


def normalize_by_own(x: Array, y: Array, axis: int, over: str, std: Array | None, scale: float) -> None:
    """y = (scale * x - mean) / std by the mean of each picture ("image") or of its channels ("channel").

    std: numbers for the channels, or None for the deviation of the same elements. axis: of the channels, -1
    or -3. What is in the batch beside a picture changes no bit of its result.
    """
    if not x.size:
        return
    x, y = _pictures_first(x, y)
    for i in videos(x):
        _normalize(x[i], y[i], axis % 4, over, std, scale)


def videos(x: Array) -> Iterable[Any]:
    """Indices of what is before the last four axes; iterating over none of these takes NumPy 4 us."""
    return np.ndindex(x.shape[:-4]) if x.ndim > 4 else (...,)


def _pictures_first(x: Array, y: Array) -> tuple[Array, Array]:
    """Both with one axis of pictures before the last three, and others where these can't be one axis."""
    if x.ndim == 3:
        return x[None], y[None]
    shape = (-1, *x.shape[-3:])
    flat, target = x.reshape(shape), y.reshape(shape)
    views = np.may_share_memory(flat, x) and np.may_share_memory(target, y)
    return (flat, target) if views else (x, y)  # sums go by memory: a copy of x may have other last bits


def _normalize(x: Array, y: Array, axis: int, over: str, std: Array | None, scale: float) -> None:
    """Of (pictures, ...) with the channels along axis."""
    wide = y.dtype == np.float64
    axes = (1, 2, 3) if over == "image" else (2, 3) if axis == 1 else (1, 2)
    if wide:  # the pixels, exactly
        _copy(x, y, axis)
    own = _of_integers(x, axes, wide) if x.dtype.char in INTEGERS else _of_floats(y if wide else x, axes)
    if std is None:  # of scale * x, whose sign it has not
        factor = images.inverses(own.std, math.copysign(1, scale))
    else:
        factor = np.array([[scale / s for s in std]])
    if wide:
        _apply_wide(y, axis, own, factor)
        return
    _apply(x, y, axis, own.mean, factor)
    if own.rest is None:
        return
    shows = (np.abs(own.rest) > SHOWS * own.std).any(axis=1)
    for i in np.flatnonzero(shows):  # float64 pictures whose mean is 1e8 deviations or more
        exact = np.empty((1, *x.shape[1:]))
        _normalize(x[i : i + 1], exact, axis, over, std, scale)
        _copy(exact[0], y[i], axis - 1)


def _copy(x: Array, y: Array, axis: int) -> None:
    """y = x, rounded; axis: of the channels."""
    one = np.ones(x.shape[axis])
    images.picture(x, y, axis, 0 * one, one)


def _of_floats(x: Array, axes: tuple[int, ...]) -> _Own:
    state = _moments(x, axes)
    mean, rest, unit = state[..., MEAN], state[..., MEAN_LO], state[..., UNIT]
    with np.errstate(invalid="ignore", over="ignore"):
        std = np.sqrt(state[..., M2] / state[..., COUNT]) / unit
        mean, rest = mean / unit, rest / unit
    pictures = len(x)
    return _Own(*(v.reshape(pictures, -1) for v in (mean, rest, std)))


def _moments(x: Array, axes: tuple[int, ...]) -> Array:
    """States of pictures, to the bits each has alone: it is read so where others lie between its elements."""
    steps = [abs(step) for step in x.strides]
    if len(x) == 1 or steps[0] >= max(steps[1:]):
        return reductions.moments(x, axes)
    return np.concatenate([reductions.moments(x[i : i + 1], axes) for i in range(len(x))])


def _of_integers(x: Array, axes: tuple[int, ...], wide: bool) -> _Own:
    """From exact sums: one rounding each, then the root's. wide: with the second word of the mean."""
    state = images.pixel_sums(x, axes).reshape(len(x), -1, 5)
    n = math.prod(x.shape[1:]) // state.shape[1]
    if (n << 8 * x.itemsize) ** 2 <= EXACT and not wide:
        mean, var = images.means_and_variances(state, n)
        return _Own(mean, None, np.sqrt(var))
    exact = state.astype(np.int64).astype(object)  # ints without bounds
    total, squares = exact[..., 1], exact[..., 2] + exact[..., 3] * 65536
    mean = (total / n).astype(np.float64)
    std = np.sqrt(((n * squares - total * total) / (n * n)).astype(np.float64))
    return _Own(mean, _below(total, n, mean) if wide else None, std)


def _below(total: Array, n: int, mean: Array) -> Array:
    """What total / n has beyond the mean, which is it rounded."""
    parts = [(t, *m.as_integer_ratio()) for t, m in zip(total.flat, mean.ravel().tolist(), strict=True)]
    return np.array([(t * q - n * p) / (n * q) for t, p, q in parts], np.float64).reshape(mean.shape)


def _many(x: Array, axis: int) -> bool:
    """Are calls for each channel fewer than calls for each picture, and these small?"""
    return bool(len(x) > x.shape[axis]) and math.prod(x.shape[1:]) < LARGE


def _channel(x: Array, axis: int, c: int) -> Array:
    """The pictures with this channel alone."""
    return x[(*(slice(None),) * axis, slice(c, c + 1))]


def _apply_wide(y: Array, axis: int, own: _Own, factor: Array) -> None:
    """y = ((y - mean) - rest) * factor, in place; the float64 core has one word for the mean."""
    center, rest, by = np.broadcast_arrays(own.mean, 0.0 if own.rest is None else own.rest, factor)
    with np.errstate(invalid="ignore", over="ignore"):
        below = np.where(np.isfinite(center), -rest * by, 0)
    shape = [len(y), *(center.shape[1] if a == axis else 1 for a in (1, 2, 3))]
    center, by, below = (p.reshape(shape) for p in (center, by, below))
    norms.apply(y, y, center, by, None, below)


def _apply(x: Array, y: Array, axis: int, mean: Array, factor: Array) -> None:
    """y = (x - mean) * factor, in few calls where the pictures are small."""
    channels = x.shape[axis]
    each = _many(x, axis) and not (_out_of_range(mean) or _out_of_range(factor))
    if each and mean.shape[1] == factor.shape[1] == 1:
        images.picture(x, y, 0, mean.ravel(), np.broadcast_to(factor, mean.shape).ravel())
        return
    of_each = len(x), channels
    mean, factor = (
        np.ascontiguousarray(p if p.shape == of_each else np.broadcast_to(p, of_each)) for p in (mean, factor)
    )
    if each:
        for c in range(channels):
            part, to = _channel(x, axis, c), _channel(y, axis, c)
            images.picture(part, to, 0, mean[:, c].copy(), factor[:, c].copy())
        return
    for i in range(len(x)):
        images.picture(x[i], y[i], axis - 1, mean[i], factor[i])


def _out_of_range(p: Array) -> bool:
    """Is there what makes the core compute a whole call in float64? Pictures have calls of their own then."""
    size = np.abs(p)
    return bool(((p != 0) & ~((size > 2.0**-100) & (size < 2.0**100))).any())
