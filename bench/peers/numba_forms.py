"""Arrays as numba's kernels take them, and the statistics put together from their parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench import numba_kernels as k
from bench.cases import Case
from bench.data import EPS, Array, Data

SMALLEST = 1 << 15  # elements; below, the threading layer costs more than it brings
LONG = 1 << 17  # elements of a row worth several tasks


class Form:
    """The input of a case as the arrays of few dimensions the kernels take."""

    def __init__(self, case: Case, d: Data, threads: int) -> None:
        self.case, self.d = case, d
        self.many = threads > 1 and d.x.size >= SMALLEST
        self.last = case.layout == "channels-last"

    def __call__(self, kernel: k.Both, *arguments: Any) -> None:
        """Runs the serial or the parallel form of a kernel."""
        (kernel.parallel if self.many else kernel.serial)(*arguments)

    def rows(self, a: Array, count: int) -> Array:
        """(count, the rest)."""
        return a.reshape(count, -1)

    def channels(self, a: Array) -> Array:
        """(N, C, S) of a contiguous array."""
        return a.reshape(a.shape[0], a.shape[1], -1)

    def columns(self, a: Array) -> Array:
        """(N, S, C) of a channels-last array, (1, N, C) of a table."""
        if a.ndim == 2:
            return a[None]
        moved = np.moveaxis(a, 1, -1)
        return moved.reshape(a.shape[0], -1, a.shape[1])


def block_rows(x: Array) -> int:
    """Rows of (N, S, C) for one task."""
    return min(max((1 << 20) // x.shape[2], 64), 4096)


def widened(x: Array) -> tuple[Array, int]:
    """Several short rows side by side as one, so that the inner loop is long."""
    factor = 1
    while x.shape[2] * factor < 128 and x.shape[1] % (2 * factor) == 0:
        factor *= 2
    return x.reshape(x.shape[0], x.shape[1] // factor, x.shape[2] * factor), factor


def merged(mean: Array, squares: Array, counts: Array) -> tuple[Array, Array]:
    """Mean and variance (N, C) from those of parts (N, parts, C)."""
    counts = counts.reshape(1, -1, 1)
    total = counts.sum()
    center = (mean * counts).sum(1) / total
    between = (counts * (mean - center[:, None]) ** 2).sum(1)
    return center, (squares.sum(1, dtype=np.float64) + between) / total


def in_blocks(form: Form, kernel: k.Both, x: Array) -> tuple[Array, Array, Array]:
    """What a kernel has of blocks of rows of x (N, S, C), twice (N, parts, C), and their rows."""
    wide, factor = widened(x)
    step = block_rows(wide)
    counts = np.diff([*range(0, wide.shape[1], step), wide.shape[1]])
    found = [np.empty((x.shape[0], counts.size, wide.shape[2]), x.dtype) for _ in range(2)]
    form(kernel, wide, step, *found)
    one, other = (a.reshape(x.shape[0], -1, x.shape[2]) for a in found)
    return one, other, np.repeat(counts, factor)


def column_moments(form: Form, x: Array) -> tuple[Array, Array]:
    """Mean and variance (N, C) of x (N, S, C)."""
    mean, squares, counts = in_blocks(form, k.column_parts, x)
    return merged(mean.astype(np.float64), squares, counts.astype(np.float64))


def column_extremes(form: Form, x: Array) -> tuple[Array, Array]:
    """Least and greatest (N, C) of x (N, S, C)."""
    low, high, _ = in_blocks(form, k.column_extremes, x)
    return low.min(1), high.max(1)


def affine_columns(form: Form, x: Array, scale: Array, shift: Array, out: Array) -> None:
    """x (N, S, C) * scale + shift, those (1 or N, C)."""
    wide, factor = widened(x)
    scale, shift = (np.tile(p.astype(x.dtype), (1, factor)) for p in (scale, shift))
    form(k.affine_columns, wide, scale, shift, block_rows(wide), out.reshape(wide.shape))


def folded(mean: Array, var: Array, w: Array, b: Array) -> tuple[Array, Array]:
    """Scale and shift of the map (x - mean) / sqrt(var + eps) * w + b."""
    scale = w / np.sqrt(var + EPS)
    return scale, b - mean * scale


def row_moments(form: Form, x: Array) -> tuple[Array, Array]:
    """Mean and variance of the rows of (R, L); few long rows are cut into parts."""
    count, length = x.shape
    parts = length // 8000 if length % 8000 == 0 else length // 4096 if length % 4096 == 0 else 1
    parts = parts if length >= LONG else 1
    mean, var = np.empty(count * parts), np.empty(count * parts)
    form(k.row_moments, x.reshape(count * parts, -1), mean, var)
    if parts == 1:
        return mean, var
    mean, var = mean.reshape(count, parts), var.reshape(count, parts)
    center = mean.mean(1)
    return center, var.mean(1) + ((mean - center[:, None]) ** 2).mean(1)
