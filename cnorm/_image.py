"""image_normalize: pictures of integers or floats to normalized floats, their layout changed on the way."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import (
    FLOATS,
    Array,
    as_exact,
    check_out,
    empty,
    is_float,
    native,
    overlaps,
    to_ndarray,
)
from cnorm._accept.axes import as_number, check_rank
from cnorm._accept.hints import ArrayLike, Dtype, Out
from cnorm._native import images, reductions
from cnorm._stats.images import INTEGERS, normalize_by_own
from cnorm._stats.patches import as_clip, as_patches

# Where the channels are in the image and in the result.
_LAYOUTS = {"HWC->CHW": (-1, -3), "HWC->HWC": (-1, -1), "CHW->CHW": (-3, -3)}
_COMPUTED = ("image", "channel")
# Taken as dtypes that hold each of their values.
_EXACT = {
    "b1": np.uint8,
    "i1": np.float32,
    "i2": np.float32,
    "i4": np.float64,
    "u4": np.float64,
}
# What takes the largest value to 1; of other integers nobody knows the largest.
_SCALES = {"u1": 1 / 255, "u2": 1 / 65535, "b1": 1.0}
_PLAIN = INTEGERS + "fd"  # characters of dtypes the core takes, in either byte order
_PALETTES = ("P", "PA")  # modes of PIL images


def image_normalize(
    image: ArrayLike,
    mean: Any,
    std: Any,
    *,
    scale: Any = None,
    layout: str = "HWC->CHW",
    dtype: Dtype = np.float32,
    out: Out = None,
    patch: int | None = None,
    merge: int = 1,
    temporal: int = 1,
    clip: Any = None,
) -> Array:
    r"""Pictures, batches and videos to normalized floats in one pass.

    .. math:: y = \frac{s x - \mu}{\sigma}

    Parameters
    ----------
    image : array_like of uint8, uint16 or float, shape (..., H, W, C) or (..., C, H, W)
        Any strides: crops, flips and reversed channels (`[..., ::-1]`) cost no copy. Images of PIL, too. bool
        is taken as 0 and 1, int8 and int16 as float32, int32 and uint32 as float64, exactly.
    mean : array_like or {"image", "channel"}
        `mu`: one number or one per channel, in the units of `scale * image`. A word: the mean of each
        picture over height, width and channels, or over height and width.
    std : array_like, {"image", "channel"} or None
        `sigma`: one number or one per channel. None or a word, where `mean` is a word: the standard deviation
        of the same elements; a picture or channel of one value comes out as 0.
    scale : float, optional
        What the image is multiplied by first. None: 1/255 for uint8 and 1/65535 for uint16, which takes
        them to [0, 1], 1 for floats and bool. Other integers need a number, unless all statistics are
        computed.
    layout : {"HWC->CHW", "HWC->HWC", "CHW->CHW"}
        Order of the last three axes of the image and of the result; the axes before them are kept.
    dtype : dtype
        Of the result: float32, or another float (slower). float64 is computed in float64.
    out : ndarray, optional
        Where to write; of the result's shape and dtype, any strides. May overlap `image`.
    patch : int, optional
        Result as rows of patches of so many pixels a side, in the order of the Qwen-VL processors:
        ``(..., patches, C * temporal * patch * patch)``, a row (C, temporal, patch, patch). For layouts that
        end in CHW; height and width are multiples of ``patch * merge``.
    merge : int
        So many patches a side stand together, row by row, before the next such square.
    temporal : int
        Frames of a patch, along the axis before the picture's three; what the last patch lacks, or a single
        picture, is the last frame again.
    clip : (float, float), optional
        The least and the greatest value of the result; NaN stays.

    Returns
    -------
    ndarray
        C-contiguous, unless `out` is given.

    Raises
    ------
    TypeError
        `image` is of another dtype or has masked elements; `dtype` is not float; `mean`, `std` or `scale` are
        no numbers, or `scale` is None where it must be one.
    ValueError
        Sizes that are no multiples of the patch, a clip out of order.
        Fewer than 3 dimensions (a grey picture is `image[..., None]`), indices of a palette, an unknown
        `layout` or word, neither one value nor one per channel, a value that is not finite, a `scale` or
        `std` of 0, or an `out` that does not fit.

    See Also
    --------
    moments : Mean and variance of any array.
    cnorm.functional.batch_norm : By statistics of channels that lie apart.

    Notes
    -----
    Computed as (x - mean / scale) * (scale / std), the quotients in float64 and mean / scale in two words:
    the relative error of float32 results is at most 3 roundings of 2^-24 for integers, 4 for floats. The bits
    depend neither on threads nor on the instruction set, nor on what else is in the batch. Statistics of
    uint8, uint16 and bool are exact sums; with `dtype` float64 those of others are taken in float64, too.

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
    from_axis, axis = _axes_of(layout)
    patches, ends = as_patches(patch, merge, temporal, layout), as_clip(clip)
    x, kind = _as_image(image, from_axis)
    if isinstance(mean, str):
        center = _values(mean, "mean", x, layout)
        spread = _spread(std, center, x, layout)
        factor = _as_scale(scale, kind, needed=not isinstance(spread, str))
    else:
        by = _quotients(mean, std, _as_scale(scale, kind, needed=True), x, layout)
    x = native(x)
    if from_axis != axis:
        x = np.moveaxis(x, -1, -3) if x.ndim > 3 else x.transpose(2, 0, 1)
    final = _result(x, x.shape if patches is None else patches.shape_of(x.shape), _as_dtype(dtype), out)
    y = as_exact(final)
    plain = y.dtype.isnative and (patches is None or (y.flags.c_contiguous and y.flags.aligned))
    plain = plain and (out is None or _apart(x, y))
    if not plain or (out is not None and isinstance(mean, str) and y.dtype == np.float64):
        new = _result(x, y.shape, y.dtype.newbyteorder("="), None)
        plain = plain and y.strides == new.strides  # float64 statistics are of y, and their sums go by memory
        y = y if plain else new
    if isinstance(mean, str):
        z = y if patches is None else empty(x, y.dtype)
        normalize_by_own(x, z, axis, mean, None if isinstance(spread, str) else spread, factor)
        if ends is not None:
            np.clip(z, *np.array(ends).astype(z.dtype), out=z)
        if patches is not None:
            patches.cut(z, y)
    elif patches is None:
        images.picture(x, y, x.ndim + axis, *by, ends)
    else:
        patches.put(x, y, *by, ends)
    if not plain:
        final[...] = y
    return final


def _as_image(image: Any, from_axis: int) -> tuple[Array, np.dtype[Any]]:
    """The picture in a dtype that the core takes, and the one it came in."""
    if type(image) is np.ndarray and image.ndim > 2 and image.dtype.char in _PLAIN:
        return image, image.dtype
    if getattr(image, "mode", None) in _PALETTES and hasattr(image, "convert"):
        raise ValueError(
            f'image: expected colours, got a palette (mode {image.mode!r}): image.convert("RGB")'
        )
    x = to_ndarray(image, "image")
    kind = x.dtype
    code = kind.str[1:]  # a dtype's name takes microseconds to make
    if code in _EXACT:
        x = x.view(np.uint8) if code == "b1" else x.astype(_EXACT[code])
    elif x.dtype.char not in INTEGERS and not is_float(x.dtype):
        raise TypeError(f"image: expected a float dtype, or integers of at most 32 bits, got {x.dtype}")
    if x.ndim == 2:
        name = "image" if isinstance(image, np.ndarray) else "numpy.asarray(image)"
        grey = f"{name}[..., None]" if from_axis == -1 else f"{name}[None]"
        raise ValueError(
            f"image: expected at least 3 dimensions, got 2 (shape {x.shape}): a grey picture is {grey}"
        )
    check_rank(x, 3, "image")
    return x, kind


def _as_scale(scale: Any, kind: np.dtype[Any], *, needed: bool) -> float:
    """A finite number; for None what takes pictures of this dtype to [0, 1], if it matters."""
    if scale is None:
        known = 1.0 if kind.char in "fd" else _SCALES.get(kind.str[1:])
        if needed and known is None and not is_float(kind):
            raise TypeError(f"scale: expected a number for pictures of {kind}, got None")
        return 1.0 if known is None else known
    factor = as_number(scale, "scale")
    if not math.isfinite(factor) or factor == 0:
        raise ValueError(f"scale: expected a finite number other than 0, got {scale!r}")
    return factor


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


def _values(p: Any, name: str, x: Array, layout: str) -> Array | str:
    """One number per channel in float64, or the word."""
    if isinstance(p, str):
        if p not in _COMPUTED:
            raise ValueError(f'{name}: expected numbers, "image" or "channel", got {p!r}')
        return p
    array, channels = to_ndarray(p, name), x.shape[_LAYOUTS[layout][0]]
    if array.dtype.char not in "df" and array.dtype.kind not in "iuf" and array.dtype.name not in FLOATS:
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}")
    if array.size not in (1, channels):
        message = f"{name}: expected 1 or {channels} values, got shape {array.shape}"
        raise ValueError(message + _remedy(array.size, x, layout))
    values = array.ravel().astype(np.float64, copy=False)
    if not reductions.finite(values):
        raise ValueError(f"{name}: expected finite numbers, got {p!r}")
    return values if len(values) == channels else values.repeat(channels)


def _quotients(mean: Any, std: Any, scale: float, x: Array, layout: str) -> tuple[Array, Array]:
    """mean / scale and scale / std of each channel."""
    plain = images.quotients(mean, std, x.shape[_LAYOUTS[layout][0]], scale)
    if plain is not None:
        return plain
    center = _values(mean, "mean", x, layout)
    spread = _spread(std, center, x, layout)
    return np.asarray(center) / scale, scale / np.asarray(spread)


def _remedy(values: int, x: Array, layout: str) -> str:
    """What makes so many values fit: another layout, or no alpha channel."""
    source = _LAYOUTS[layout][0]
    others = [f'layout="{name}"' for name, (axis, _) in _LAYOUTS.items() if axis != source]
    if x.shape[-4 - source] == values:
        return f"; the image fits with {' or '.join(others)}"
    if x.shape[source] == values + 1:
        rest = "" if source == -1 else ", :, :"
        return f"; without an alpha channel the image is image[..., :{values}{rest}]"
    return ""


def _spread(std: Any, center: Array | str, x: Array, layout: str) -> Array | str:
    """Divisors of each channel, or the word; None means the word of the mean."""
    if std is None:
        if not isinstance(center, str):
            raise TypeError("std: expected numbers with a mean of numbers, got None")
        return center
    spread = _values(std, "std", x, layout)
    if isinstance(spread, str):
        if not isinstance(center, str) or spread != center:
            raise ValueError(f"std: expected numbers or the word that mean is, got {std!r}")
    elif 0.0 in spread.tolist():
        raise ValueError(f"std: expected no 0, got {std!r}")
    return spread


def _result(x: Array, shape: tuple[int, ...], dtype: np.dtype[Any], out: Any) -> Array:
    """`out`, if it fits, or a new array of that shape."""
    if out is None:
        one, steps = bytes(dtype.itemsize), (0,) * len(shape)
        return empty(x if shape == x.shape else np.ndarray(shape, dtype, one, 0, steps), dtype)
    check_out(shape, dtype, out)
    final: Array = out
    return final


def _apart(x: Array, y: Array) -> bool:
    """May x be read while y is written?"""
    if x.dtype.itemsize == y.dtype.itemsize:
        return not overlaps(x, y)
    return not np.may_share_memory(x, y)
