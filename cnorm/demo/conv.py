"""2-D convolution in NumPy: pointwise, depthwise and dense."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnorm._accept.arrays import Array


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis for ceil(size / stride) outputs, the odd one behind.

    As TensorFlow's SAME mode; with a stride it differs from symmetric padding.

    Examples
    --------
    >>> same_padding(224, 3, 2), same_padding(7, 5, 1)
    ((0, 1), (2, 2))
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv2d(x: Array, weight: Array, stride: int = 1) -> Array:
    """Cross-correlation with SAME padding.

    Parameters
    ----------
    x : ndarray, shape (N, C, H, W)
        Input.
    weight : ndarray, shape (O, C, kh, kw) or (C, 1, kh, kw)
        The second form, when C > 1, has one filter per channel (depthwise).
    stride : int
        Step along H and W.

    Returns
    -------
    ndarray, shape (N, O, ceil(H / stride), ceil(W / stride))

    Raises
    ------
    ValueError
        The shapes do not agree, or the stride is not positive.
    """
    if x.ndim != 4 or weight.ndim != 4 or stride < 1:
        raise ValueError(f"expected 4-D x and weight, stride >= 1; got {x.shape}, {weight.shape}, {stride}")
    channels = x.shape[1]
    if weight.shape[1] == channels:
        convolve = _pointwise if weight.shape[2:] == (1, 1) else _dense
    elif weight.shape[:2] == (channels, 1):
        convolve = _depthwise
    else:
        raise ValueError(f"weight of shape {weight.shape} does not fit x with {channels} channels")
    pads = [same_padding(n, k, stride) for n, k in zip(x.shape[2:], weight.shape[2:], strict=True)]
    if any(map(any, pads)):
        x = np.pad(x, [(0, 0), (0, 0), *pads])
    return convolve(x, weight, stride)


def _pointwise(x: Array, weight: Array, stride: int) -> Array:
    """1x1: a matrix product over the channels."""
    x = x[:, :, ::stride, ::stride]
    n, channels, height, width = x.shape
    y = weight[:, :, 0, 0] @ x.reshape(n, channels, height * width)
    return np.asarray(y.reshape(n, len(weight), height, width))


def _dense(x: Array, weight: Array, stride: int) -> Array:
    """k x k: a matrix product over the unfolded windows (im2col)."""
    out, channels, kh, kw = weight.shape
    windows = sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    n, _, height, width = windows.shape[:4]
    columns = windows.transpose(0, 1, 4, 5, 2, 3).reshape(n, channels * kh * kw, height * width)
    y = weight.reshape(out, channels * kh * kw) @ columns
    return np.asarray(y.reshape(n, out, height, width))


def _depthwise(x: Array, weight: Array, stride: int) -> Array:
    """One filter per channel: the sum of kh * kw shifted and scaled copies."""
    n, channels, height, width = x.shape
    kh, kw = weight.shape[2:]
    height, width = (height - kh) // stride + 1, (width - kw) // stride + 1
    y = np.zeros((n, channels, height, width), np.result_type(x, weight))
    scaled = np.empty_like(y)
    for i in range(kh):
        rows = slice(i, i + (height - 1) * stride + 1, stride)
        for j in range(kw):
            columns = slice(j, j + (width - 1) * stride + 1, stride)
            np.multiply(x[:, :, rows, columns], weight[:, 0, i, j][:, None, None], out=scaled)
            y += scaled
    return y
