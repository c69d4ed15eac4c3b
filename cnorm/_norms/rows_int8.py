"""layer_norm_int8 and rms_norm_int8: the norms over the last dimensions, to signed bytes and their scales."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import FLOATS, Array, check_out, compute_dtype, empty, native, to_ndarray
from cnorm._accept.axes import as_eps, broadcast
from cnorm._accept.hints import ArrayLike, Axes, Given, Out, Sizes
from cnorm._accept.options import Options
from cnorm._native import norms
from cnorm._norms.careful_rows import Rows

_INT8 = np.dtype(np.int8)


def layer_norm_int8(
    input: ArrayLike,
    normalized_shape: Sizes,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    granularity: str = "row",
    scale: Any = None,
    out: Out = None,
    axis: Axes = None,
    weight_offset: float = 0.0,
    where: Given = None,
) -> tuple[Array, Array]:
    r"""Layer normalization to signed bytes: `layer_norm`, then symmetric quantization, in one pass.

    .. math::
        y = \mathrm{layer\_norm}(x), \quad s = \frac{\max |y|}{127}, \quad
        q = \mathrm{clip}(\mathrm{rint}(y / s), -128, 127)

    Parameters
    ----------
    input : array_like of float, shape ``(..., *normalized_shape)``
        Any layout.
    normalized_shape, weight, bias, eps, axis, weight_offset, where
        As in `layer_norm`. What `where` hides is 0 in `y` and in `q`.
    granularity : {"row"}
        Each group of normalized elements has a scale of its own.
    scale : array_like of float, optional
        Scales to use instead, finite and above 0: one, or a shape that broadcasts to that of `input` with
        the normalized axes of size 1.
    out : ndarray of int8, optional
        Where to write `q`; of the shape of `input`, any strides.

    Returns
    -------
    q : ndarray of int8
        Of the shape of `input`. A new one holds each row without gaps: it is C-contiguous, unless
        `axis` names others than the last axes.
    scale : ndarray
        float32, or float64 for float64 input; of the shape of `input` with the normalized axes of size 1, or
        the given ones. `q * scale` is `y` to half a scale.

    Raises
    ------
    TypeError
        As `layer_norm`; `scale` is not of real numbers.
    ValueError
        As `layer_norm`; an `eps` below 0 or NaN, an unknown `granularity`, or a scale that is not finite and
        above 0 in the dtype of scales.

    See Also
    --------
    layer_norm : To floats.
    rms_norm_int8 : Without the mean.

    Notes
    -----
    Exactly the two steps, bit for bit: `y` is rounded to the dtype of `input`, `s` and `y / s` to that of
    scales, and rint rounds ties to even. Where `max |y| / 127` is 0 the scale is 1. A NaN in the row makes
    its scale NaN, an infinity without one infinite. A quotient that is NaN becomes 0, an infinite one 127 or
    -128: rows with a NaN are 0, and so are those with an infinite scale.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> q, scale = F.layer_norm_int8(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]]), (3,))
    >>> q
    array([[-127,    0,  127],
           [ -85,  -42,  127]], dtype=int8)
    >>> scale.round(5)
    array([[0.00964],
           [0.01093]])
    >>> F.layer_norm_int8(np.array([1.0, 2.0, 3.0]), (3,), scale=0.25)
    (array([-5,  0,  5], dtype=int8), array(0.25))
    """
    how = Options(axis=axis, weight_offset=weight_offset, where=where, out=out)
    call = Rows(input, normalized_shape, weight, bias, eps, how, "var")
    return _quantized(call, granularity, scale, out, "var")


def rms_norm_int8(
    input: ArrayLike,
    normalized_shape: Sizes,
    weight: Given = None,
    eps: float | None = None,
    *,
    granularity: str = "row",
    scale: Any = None,
    out: Out = None,
    axis: Axes = None,
    weight_offset: float = 0.0,
) -> tuple[Array, Array]:
    r"""Root-mean-square normalization to signed bytes: `rms_norm`, then symmetric quantization, in one pass.

    .. math::
        y = \mathrm{rms\_norm}(x), \quad s = \frac{\max |y|}{127}, \quad
        q = \mathrm{clip}(\mathrm{rint}(y / s), -128, 127)

    Parameters
    ----------
    input : array_like of float, shape ``(..., *normalized_shape)``
        Any layout.
    normalized_shape, weight, eps, axis, weight_offset
        As in `rms_norm`.
    granularity, scale, out
        As in `layer_norm_int8`.

    Returns
    -------
    q, scale : ndarray
        As those of `layer_norm_int8`.

    Raises
    ------
    TypeError
        As `rms_norm`; `scale` is not of real numbers.
    ValueError
        As `rms_norm`; an `eps` below 0 or NaN, an unknown `granularity`, or a scale that is not finite and
        above 0 in the dtype of scales.

    See Also
    --------
    rms_norm : To floats.
    layer_norm_int8 : With the mean.

    Notes
    -----
    Exactly the two steps, bit for bit, as `layer_norm_int8` tells.

    Examples
    --------
    >>> import numpy as np, cnorm.functional as F
    >>> q, scale = F.rms_norm_int8(np.array([[3.0, 4.0], [0.0, 0.0]]), (2,))
    >>> q
    array([[ 95, 127],
           [  0,   0]], dtype=int8)
    >>> scale.round(5)
    array([[0.00891],
           [1.     ]])
    """
    how = Options(axis=axis, weight_offset=weight_offset, out=out)
    call = Rows(input, normalized_shape, weight, None, eps, how, "rms")
    return _quantized(call, granularity, scale, out, "rms")


def _quantized(call: Rows, granularity: Any, scale: Any, out: Any, kind: str) -> tuple[Array, Array]:
    x, axes, eps = native(call.x), tuple(sorted(call.axes)), as_eps(call.eps)
    if not isinstance(granularity, str) or granularity != "row":
        raise ValueError(f'granularity: expected "row", got {granularity!r}')
    rows = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    scales = np.ones(rows, compute_dtype(x)) if scale is None else _as_scales(scale, x)
    used = _spread(scales, rows)
    if out is not None:
        check_out(x.shape, _INT8, out)
    order = (*(a for a in range(x.ndim) if a not in axes), *axes)
    final = _undone(empty(x.transpose(order), _INT8), order) if out is None else out
    q = final.view(np.ndarray).transpose(order)
    direct = out is None or (q.flags.c_contiguous and not np.may_share_memory(out, x))
    if not direct:
        q = np.empty(q.shape, _INT8)
    w, b = call.affine
    norms.normalize_int8(x, _undone(q, order), used, axes, w, b, eps, kind, scale is not None, mask=call.mask)
    if not direct:
        final[...] = _undone(q, order)
    return call.result(final), scales


def _undone(q: Array, order: tuple[int, ...]) -> Array:
    """q.transpose(order) again as it was."""
    return q.transpose(sorted(range(len(order)), key=order.__getitem__))


def _as_scales(scale: Any, x: Array) -> Array:
    """Given scales in the dtype of scales; a copy."""
    given = to_ndarray(scale, "scale")
    if given.dtype.kind not in "iuf" and given.dtype.name not in FLOATS:
        raise TypeError(f"scale: expected real numbers, got {given.dtype}")
    with np.errstate(all="ignore"):
        scales = np.array(given, compute_dtype(x), order="C", subok=False)
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"scale: expected finite numbers above 0 in {scales.dtype}, got {scale!r}")
    return scales


def _spread(scales: Array, rows: tuple[int, ...]) -> Array:
    """One scale for all rows, or one for each in C order."""
    against = broadcast(scales, rows, "scale")
    return scales if scales.size == 1 else np.ascontiguousarray(np.broadcast_to(against, rows))
