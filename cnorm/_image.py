"""image_normalize: pictures of integers or floats to normalized floats, their layout changed on the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm import _core
from cnorm._arrays import FLOATS, Array, check_out, empty, is_float, native, overlaps, to_ndarray
from cnorm._axes import as_number, check_rank

# Where the channels are in the image and in the result.
_LAYOUTS = {"HWC->CHW": (-1, -3), "HWC->HWC": (-1, -1), "CHW->CHW": (-3, -3)}
_COMPUTED = ("image", "channel")
_INTEGERS = "BH"  # characters of uint8 and uint16


def image_normalize(
    image: Any,
    mean: Any,
    std: Any,
    *,
    scale: Any = 1 / 255,
    layout: str = "HWC->CHW",
    dtype: Any = np.float32,
    out: Any = None,
) -> Array:
    r"""Pictures, batches and videos to normalized floats in one pass.

    .. math:: y = \frac{s x - \mu}{\sigma}

    Parameters
    ----------
    image : array_like of uint8, uint16 or float, shape (..., H, W, C) or (..., C, H, W)
        Any strides: crops, flips and reversed channels (`[..., ::-1]`) cost no copy.
    mean : array_like or {"image", "channel"}
        `mu`: one number or one per channel, in the units of `scale * image`. A word: the mean of each
        picture over height, width and channels, or over height and width.
    std : array_like, {"image", "channel"} or None
        `sigma`: one number or one per channel. None or a word, where `mean` is a word: the standard deviation
        of the same elements; a picture or channel of one value comes out as 0.
    scale : float
        What the image is multiplied by first; 1/255 takes uint8 to [0, 1].
    layout : {"HWC->CHW", "HWC->HWC", "CHW->CHW"}
        Order of the last three axes of the image and of the result; the axes before them are kept.
    dtype : dtype
        Of the result: float32, or another float (slower). float64 is computed in float64.
    out : ndarray, optional
        Where to write; of the result's shape and dtype, any strides. May overlap `image`.

    Returns
    -------
    ndarray
        C-contiguous, unless `out` is given.

    Raises
    ------
    TypeError
        `image` is not uint8, uint16 or float; `dtype` not float; `mean`, `std` or `scale` not numbers.
    ValueError
        Fewer than 3 dimensions, an unknown `layout` or word, neither one value nor one per channel, a value
        that is not finite, a `scale` or `std` of 0, or an `out` that does not fit.

    Notes
    -----
    Computed as (x - mean / scale) * (scale / std), the quotients in float64 and mean / scale in two words:
    the relative error of float32 results is at most 3 roundings of 2^-24 for integers, 4 for floats. The bits
    depend neither on threads nor on the instruction set. Statistics of integers are exact sums.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> picture = np.array([[[0, 51, 102], [153, 204, 255]]], np.uint8)
    >>> y = cnorm.image_normalize(picture, (0.4, 0.5, 0.6), 0.2)
    >>> y.shape, y.ravel().round(2)
    ((3, 1, 2), array([-2. ,  1. , -1.5,  1.5, -1. ,  2. ], dtype=float32))
    >>> cnorm.image_normalize(picture, "channel", None)[:, 0]
    array([[-1.,  1.],
           [-1.,  1.],
           [-1.,  1.]], dtype=float32)
    """
    x = _as_image(image)
    from_axis, axis = _axes_of(layout)
    check_rank(x, 3, "image")
    factor = as_number(scale, "scale")
    if not math.isfinite(factor) or factor == 0:
        raise ValueError(f"scale: expected a finite number other than 0, got {scale!r}")
    channels = x.shape[from_axis]
    center = _values(mean, "mean", channels)
    spread = _spread(std, center, channels)
    x = native(x)
    if from_axis != axis:
        lead = range(x.ndim - 3)
        x = x.transpose(*lead, x.ndim - 1, x.ndim - 3, x.ndim - 2)
    final = _result(x, _as_dtype(dtype), out)
    swapped = not final.dtype.isnative
    y = empty(x, final.dtype.newbyteorder("=")) if swapped else final.view(np.ndarray)
    if out is not None and not _apart(x, y):
        x = x.copy(order="K")
    _normalize(x, y, axis, center, spread, factor)
    if swapped:
        final[...] = y
    return final


def _normalize(
    x: Array, y: Array, axis: int, mean: list[float] | str, std: list[float] | str, scale: float
) -> None:
    """Parameters that are words are computed for each picture."""
    if not isinstance(mean, str):
        center, factor = np.array([[m / scale for m in mean], [scale / float(s) for s in std]])
        _core.picture(x, y, x.ndim + axis, center, factor)
        return
    for i in np.ndindex(x.shape[:-3]) if x.size else ():
        center, spread = _computed(x[i], axis + 3, mean)
        if isinstance(std, str):
            factor = np.divide(1, spread, out=np.zeros_like(spread), where=spread != 0)
        else:
            factor = np.array([scale / s for s in std])
        _core.picture(x[i], y[i], axis + 3, center, factor)


def _computed(x: Array, axis: int, over: str) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel, or of all, repeated."""
    channels = x.shape[axis]
    if x.dtype.char in _INTEGERS:
        sums = [[int(v) for v in row] for row in _core.picture_sums(x, axis)]
        n = x.size // max(channels, 1)
        if over == "image":
            sums, n = [[sum(column) for column in zip(*sums, strict=True)]], x.size
        found = [_exact(s, q, n) for s, q in sums]
        mean, std = (np.array(v, np.float64) for v in zip(*found, strict=True))
    else:
        axes = tuple(a for a in range(3) if a != axis or over == "image")
        state = _core.moments(x, axes).reshape(-1, 4)
        mean, std = state[:, 1] + state[:, 2], np.sqrt(state[:, 3] / state[:, 0])
    return np.resize(mean, channels), np.resize(std, channels)


def _exact(total: int, squares: int, n: int) -> tuple[float, float]:
    """Mean and standard deviation of integers: one rounding, then the root's."""
    return total / n, math.sqrt((n * squares - total * total) / (n * n))


def _as_image(image: Any) -> Array:
    x = to_ndarray(image, "image")
    if x.dtype.char not in _INTEGERS and not is_float(x.dtype):
        raise TypeError(f"image: expected uint8, uint16 or a float dtype, got {x.dtype}")
    return x


def _axes_of(layout: str) -> tuple[int, int]:
    """Channel axes of image and result, from the end."""
    if not isinstance(layout, str) or layout not in _LAYOUTS:
        raise ValueError(f"layout: expected one of {', '.join(_LAYOUTS)}, got {layout!r}")
    return _LAYOUTS[layout]


def _as_dtype(dtype: Any) -> np.dtype[Any]:
    try:
        of: np.dtype[Any] = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype: expected a float dtype ({', '.join(FLOATS)}), got {dtype!r}") from None
    if dtype is None or not is_float(of):
        raise TypeError(f"dtype: expected a float dtype ({', '.join(FLOATS)}), got {dtype!r}")
    return of


def _values(p: Any, name: str, channels: int) -> list[float] | str:
    """One number per channel, or the word."""
    if isinstance(p, str):
        if p not in _COMPUTED:
            raise ValueError(f'{name}: expected numbers, "image" or "channel", got {p!r}')
        return p
    array = to_ndarray(p, name)
    if array.dtype.kind not in "iuf" and array.dtype.name not in FLOATS:
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}")
    if array.size not in (1, channels):
        raise ValueError(f"{name}: expected 1 or {channels} values, got shape {array.shape}")
    values = [float(v) for v in array.ravel().tolist()]
    if not all(map(math.isfinite, values)):
        raise ValueError(f"{name}: expected finite numbers, got {p!r}")
    return values if len(values) == channels else values * channels


def _spread(std: Any, center: list[float] | str, channels: int) -> list[float] | str:
    """Divisors of each channel, or the word; None means the word of the mean."""
    if std is None:
        if not isinstance(center, str):
            raise TypeError("std: expected numbers with a mean of numbers, got None")
        return center
    spread = _values(std, "std", channels)
    if isinstance(spread, str):
        if spread != center:
            raise ValueError(f"std: expected numbers or the word that mean is, got {std!r}")
    elif 0.0 in spread:
        raise ValueError(f"std: expected no 0, got {std!r}")
    return spread


def _result(x: Array, dtype: np.dtype[Any], out: Any) -> Array:
    """`out`, if it fits, or a new array of x's shape."""
    if out is None:
        return empty(x, dtype)
    check_out(x.shape, dtype, out)
    final: Array = out
    return final


def _apart(x: Array, y: Array) -> bool:
    """May x be read while y is written?"""
    if x.dtype.itemsize == y.dtype.itemsize:
        return not overlaps(x, y)
    return not np.may_share_memory(x, y)
