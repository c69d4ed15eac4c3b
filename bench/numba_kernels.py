"""What a skilled numba user writes: each kernel compiled once serial and once parallel, output given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange

Kernel = Callable[..., Any]
FLAGS = {"fastmath": True, "error_model": "numpy"}


class Both(NamedTuple):
    """The same function for one thread and for many."""

    serial: Kernel
    parallel: Kernel


def both(function: Kernel) -> Both:
    """Compiles without the threading layer and with it.

    Inner loops run over slices from 0: an index with an offset might be negative to the compiler, which then
    does not vectorize.
    """
    return Both(njit(**FLAGS)(function), njit(parallel=True, **FLAGS)(function))


@njit(**FLAGS)
def chunk_moments(x):  # type: ignore[no-untyped-def]
    """Mean and sum of squared deviations of a vector that should fit the first cache."""
    total = x.dtype.type(0)
    for k in range(x.size):
        total += x[k]
    mean = x.dtype.type(total / x.size)
    squares = x.dtype.type(0)
    for k in range(x.size):
        d = x[k] - mean
        squares += d * d
    return np.float64(mean), np.float64(squares)


@njit(**FLAGS)
def slice_moments(x, chunk):  # type: ignore[no-untyped-def]
    """Mean and variance of a contiguous vector, chunks merged by Chan's formula."""
    mean, squares = chunk_moments(x[:chunk])
    for lo in range(chunk, x.size, chunk):
        hi = min(lo + chunk, x.size)
        m, q = chunk_moments(x[lo:hi])
        d = m - mean
        mean += d * (hi - lo) / hi
        squares += q + d * d * lo * (hi - lo) / hi
    return mean, squares / x.size


@both
def layer_norm(x, w, b, eps, out):  # type: ignore[no-untyped-def]
    """x (R, L), weight and bias (L)."""
    for r in prange(x.shape[0]):
        row, y = x[r], out[r]
        m, q = slice_moments(row, 8192)
        mean, scale = x.dtype.type(m), x.dtype.type(1 / np.sqrt(q + eps))
        for k in range(row.size):
            y[k] = (row[k] - mean) * scale * w[k] + b[k]


@both
def rms_norm(x, w, eps, out):  # type: ignore[no-untyped-def]
    """x (R, L), weight (L)."""
    for r in prange(x.shape[0]):
        row, y = x[r], out[r]
        squares = x.dtype.type(0)
        for k in range(row.size):
            squares += row[k] * row[k]
        scale = x.dtype.type(1 / np.sqrt(squares / row.size + eps))
        for k in range(row.size):
            y[k] = row[k] * scale * w[k]


@both
def middle_norm(x, w, b, eps, tile, out):  # type: ignore[no-untyped-def]
    """LayerNorm of x (A, C, S) over C; a tile of positions stays in the cache."""
    a, c, size = x.shape
    tiles = (size + tile - 1) // tile
    for task in prange(a * tiles):
        i, lo = task // tiles, task % tiles * tile
        n = min(tile, size - lo)
        mean, scale = np.zeros(n, x.dtype), np.zeros(n, x.dtype)
        for j in range(c):
            row = x[i, j, lo : lo + n]
            for k in range(n):
                mean[k] += row[k]
        mean /= x.dtype.type(c)
        for j in range(c):
            row = x[i, j, lo : lo + n]
            for k in range(n):
                d = row[k] - mean[k]
                scale[k] += d * d
        for k in range(n):
            scale[k] = x.dtype.type(1) / np.sqrt(scale[k] / x.dtype.type(c) + x.dtype.type(eps))
        for j in range(c):
            row, y, f, s = x[i, j, lo : lo + n], out[i, j, lo : lo + n], w[j], b[j]
            for k in range(n):
                y[k] = (row[k] - mean[k]) * scale[k] * f + s


@both
def row_moments(x, mean, var):  # type: ignore[no-untyped-def]
    """x (R, L) to float64 (R)."""
    for r in prange(x.shape[0]):
        mean[r], var[r] = slice_moments(x[r], 8192)


@both
def affine_elements(x, mean, scale, w, b, out):  # type: ignore[no-untyped-def]
    """(x (R, L) - mean) * scale * w (L) + b (L), many tasks per row."""
    step = 16384
    tasks = (x.shape[1] + step - 1) // step
    for task in prange(x.shape[0] * tasks):
        r, lo = task // tasks, task % tasks * step
        m, f = x.dtype.type(mean[r]), x.dtype.type(scale[r])
        hi = min(lo + step, x.shape[1])
        part, y, weight, bias = x[r, lo:hi], out[r, lo:hi], w[lo:hi], b[lo:hi]
        for k in range(part.size):
            y[k] = (part[k] - m) * f * weight[k] + bias[k]


@both
def group_norm(x, w, b, per_group, eps, out):  # type: ignore[no-untyped-def]
    """x (R, L): each row holds `per_group` channels; weight and bias (C)."""
    size = x.shape[1] // per_group
    for r in prange(x.shape[0]):
        m, q = slice_moments(x[r], 8192)
        factor = 1 / np.sqrt(q + eps)
        mean = x.dtype.type(m)
        for j in range(per_group):
            c = (r * per_group + j) % w.size
            scale, shift = x.dtype.type(w[c] * factor), b[c]
            row, y = x[r, j * size : (j + 1) * size], out[r, j * size : (j + 1) * size]
            for k in range(size):
                y[k] = (row[k] - mean) * scale + shift


@njit(**FLAGS)
def channel_block(x, lo, hi, mean, var):  # type: ignore[no-untyped-def]
    """Moments of channels lo ... hi of x (N, C, S) over N and S."""
    size = x.shape[2]
    for c in range(lo, hi):
        mean[c], var[c] = 0, 0
    for n in range(x.shape[0]):
        for c in range(lo, hi):
            m, q = slice_moments(x[n, c], 8192)
            d = m - mean[c]
            mean[c] += d / (n + 1)
            var[c] += q * size + d * d * size * n / (n + 1)
    for c in range(lo, hi):
        var[c] /= x.shape[0] * size


@both
def channel_moments(x, block, mean, var):  # type: ignore[no-untyped-def]
    """x (N, C, S) to float64 (C); a block of channels is contiguous memory."""
    for t in prange((x.shape[1] + block - 1) // block):
        channel_block(x, t * block, min((t + 1) * block, x.shape[1]), mean, var)


@both
def batch_train(x, w, b, eps, block, mean, var, out):  # type: ignore[no-untyped-def]
    """BatchNorm of x (N, C, S) by its own statistics; a channel is read again while in the cache."""
    for t in prange((x.shape[1] + block - 1) // block):
        lo, hi = t * block, min((t + 1) * block, x.shape[1])
        channel_block(x, lo, hi, mean, var)
        for n in range(x.shape[0]):
            for c in range(lo, hi):
                m, scale = x.dtype.type(mean[c]), x.dtype.type(w[c] / np.sqrt(var[c] + eps))
                row, y, shift = x[n, c], out[n, c], b[c]
                for k in range(row.size):
                    y[k] = (row[k] - m) * scale + shift


@both
def affine_rows(x, scale, shift, out):  # type: ignore[no-untyped-def]
    """x (N, C, S) * scale + shift, those (1 or N, C)."""
    channels = x.shape[1]
    for r in prange(x.shape[0] * channels):
        n, c = r // channels, r % channels
        f, s = scale[n % scale.shape[0], c], shift[n % scale.shape[0], c]
        row, y = x[n, c], out[n, c]
        for k in range(row.size):
            y[k] = row[k] * f + s


@both
def affine_columns(x, scale, shift, rows, out):  # type: ignore[no-untyped-def]
    """x (N, S, C) * scale + shift, those (1 or N, C), in blocks of rows."""
    blocks = (x.shape[1] + rows - 1) // rows
    for task in prange(x.shape[0] * blocks):
        n, lo = task // blocks, task % blocks * rows
        f, s = scale[n % scale.shape[0]], shift[n % scale.shape[0]]
        for r in range(lo, min(lo + rows, x.shape[1])):
            row, y = x[n, r], out[n, r]
            for c in range(row.size):
                y[c] = row[c] * f[c] + s[c]


@both
def column_parts(x, rows, mean, squares):  # type: ignore[no-untyped-def]
    """x (N, S, C) to (N, blocks, C): mean and sum of squared deviations of each block of rows.

    One pass: deviations from the first row of the block, in tiles of columns whose sums stay in the cache.
    """
    blocks, width = mean.shape[1], x.shape[2]
    for task in prange(x.shape[0] * blocks):
        n, block = task // blocks, task % blocks
        lo, hi = block * rows, min((block + 1) * rows, x.shape[1])
        count = x.dtype.type(hi - lo)
        for left in range(0, width, 1024):
            right = min(left + 1024, width)
            m, q, first = mean[n, block, left:right], squares[n, block, left:right], x[n, lo, left:right]
            m[:] = 0
            q[:] = 0
            for r in range(lo, hi):
                row = x[n, r, left:right]
                for c in range(right - left):
                    d = row[c] - first[c]
                    m[c] += d
                    q[c] += d * d
            for c in range(right - left):
                q[c] -= m[c] * m[c] / count
                m[c] = first[c] + m[c] / count


@both
def column_extremes(x, rows, low, high):  # type: ignore[no-untyped-def]
    """x (N, S, C) to (N, blocks, C): least and greatest of each block of rows."""
    blocks = low.shape[1]
    for task in prange(x.shape[0] * blocks):
        n, block = task // blocks, task % blocks
        least, most = low[n, block], high[n, block]
        least[:] = x[n, block * rows]
        most[:] = x[n, block * rows]
        for r in range(block * rows + 1, min((block + 1) * rows, x.shape[1])):
            row = x[n, r]
            for c in range(row.size):
                value, smaller, larger = row[c], least[c], most[c]
                least[c] = value if value < smaller else smaller
                most[c] = value if value > larger else larger


@both
def local_response(x, tile, out):  # type: ignore[no-untyped-def]
    """Window of five channels of x (N, C, S), torch's defaults; the sum slides along the channels."""
    count, channels, s = x.shape
    tiles = (s + tile - 1) // tile
    for task in prange(count * tiles):
        n, lo = task // tiles, task % tiles * tile
        width = min(tile, s - lo)
        window = np.zeros(width, x.dtype)
        alpha, one = x.dtype.type(1e-4 / 5), x.dtype.type(1)
        for c in range(-2, channels):
            if c + 2 < channels:
                row = x[n, c + 2, lo : lo + width]
                for k in range(width):
                    window[k] += row[k] * row[k]
            if c > 2:
                row = x[n, c - 3, lo : lo + width]
                for k in range(width):
                    window[k] -= row[k] * row[k]
            if c >= 0:
                row, y = x[n, c, lo : lo + width], out[n, c, lo : lo + width]
                for k in range(width):
                    root = np.sqrt(one + alpha * window[k])
                    y[k] = row[k] / (root * np.sqrt(root))


@both
def quantize_rows(y, q, scale):  # type: ignore[no-untyped-def]
    """Rows of y (R, L) to bytes and their scales."""
    for r in prange(y.shape[0]):
        row, to = y[r], q[r]
        largest = y.dtype.type(0)
        for k in range(row.size):
            largest = max(largest, abs(row[k]))
        scale[r] = largest / y.dtype.type(127)
        factor = y.dtype.type(127) / largest
        for k in range(row.size):
            to[k] = np.int8(np.rint(row[k] * factor))
