"""The arrays of a cell: its input, and the parameters, masks and outputs that fit it."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from bench.cliffs.cells import BEYOND, CALL, CHANNELS_LAST, Cell
from bench.data import PAGE, Array, numpy_dtype

IN_L2, BEYOND_L2 = 1 << 18, 8 << 20  # bytes of 4-byte elements; 2-byte elements are as many, 8-byte ones half
GROUPS = 16  # of rows

Shape = tuple[int, ...]


def rows(m: int, n: int) -> Shape:
    """(m, n)."""
    return m, n


def columns(m: int, n: int) -> Shape:
    """(m, n), of one row (4, n / 4): a column of one element has no spread."""
    return (m, n) if m > 1 or n % 4 else (4, n // 4)


def channels(m: int, n: int) -> Shape:
    """(N, C, L), up to 64 channels."""
    c = min(64, m)
    return m // c, c, n


def maps(m: int, n: int) -> Shape:
    """(N, C, H, W), up to 16 channels of 4 rows."""
    h = min(4, m)
    c = min(16, m // h)
    return m // h // c, c, h, n


def maps_last(m: int, n: int) -> Shape:
    """(N, H, W, C), up to 4 samples."""
    samples = min(4, m)
    h = math.isqrt(m // samples)
    return samples, h, m // samples // h, n


def tokens(m: int, n: int) -> Shape:
    """(N, T, C), up to 8 samples."""
    samples = min(8, m)
    return samples, m // samples, n


def picture(m: int, n: int) -> Shape:
    """(H, W, 3), H a multiple of 4 where there are as many rows."""
    h = max(1, m // 3)
    return h - h % 4 or h, n, 3


def laid_out(shape: Shape, dtype: Any, offset: int, layout: str = "C") -> Array:
    """Zeros in memory that begins `offset` bytes past the start of a page."""
    if layout == "every second":
        return laid_out((*shape[:-1], 2 * shape[-1]), dtype, offset)[..., ::2]
    if layout == "Fortran":
        return laid_out(shape[::-1], dtype, offset).T
    if layout == CHANNELS_LAST:
        return np.moveaxis(laid_out((shape[0], *shape[2:], shape[1]), dtype, offset), -1, 1)
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 2 * PAGE, np.uint8)
    start = -memory.ctypes.data % PAGE + offset
    return memory[start : start + size].view(dtype).reshape(shape)


@functools.lru_cache(4)
def values(elements: int) -> Array:
    """About 3, deviating by 1, none below 0.1: every function takes them."""
    return np.maximum(np.random.default_rng(0).normal(3, 1, elements), 0.1).astype(np.float32)


class Scene:
    """An input of `m` rows of `n`, and what is made to fit it; the same values at every call."""

    def __init__(self, cell: Cell, form: Any) -> None:
        self.cell, self.n = cell, cell.length
        self.dtype = numpy_dtype(cell.dtype)
        self.kind: Any = np.dtype(np.float64 if cell.dtype == "float64" else np.float32)  # of parameters
        total = BEYOND_L2 // self.dtype.itemsize if cell.place == BEYOND else IN_L2 // self.kind.itemsize
        self.m = 1 if cell.place == CALL else max(1, total // self.n)
        self.shape: Shape = form(self.m, self.n)
        self.x = self.another()

    def another(self) -> Array:
        """An array like the input."""
        x = laid_out(self.shape, self.dtype, self.cell.offset, self.cell.layout)
        x[...] = values(x.size).reshape(self.shape) * (40 if self.dtype.kind == "u" else 1)
        return x

    def ones(self, shape: Shape, dtype: Any) -> Array:
        """Another array where the input might be: distances in memory decide how fast it is copied."""
        x = laid_out(shape, dtype, self.cell.offset)
        x[...] = 1
        return x

    def with_holes(self) -> None:
        """A tenth of the input is NaN from here on, but the first row and the first of each."""
        self.x[~self.mask] = np.nan

    def like(self, result: Any) -> Array:
        """Where such a result may be written: in its memory order, as far past a line as the input."""
        y = np.asarray(result)
        order = sorted(range(y.ndim), key=lambda axis: -y.strides[axis])
        memory = laid_out(tuple(y.shape[axis] for axis in order), y.dtype, PAGE // 2 + self.cell.offset)
        return memory.transpose(np.argsort(order))

    def vector(self, size: int, seed: int = 1) -> Array:
        """A parameter, 0.5 to 1.5."""
        return np.random.default_rng(seed).uniform(0.5, 1.5, size).astype(self.kind)

    @functools.cached_property
    def mask(self) -> Array:
        """Nine of ten are shown, all of the first row, the first of each."""
        shown = np.random.default_rng(1).random(self.shape) > 0.1
        shown[..., 0] = shown[:1] = True
        return shown

    def labels(self, axis: int = 0) -> Array:
        """The group of each row, or column."""
        return np.random.default_rng(2).integers(0, GROUPS, self.shape[axis])

    def offsets(self, axis: int = 0) -> Array:
        """Where the segments of rows, or columns, begin."""
        return np.linspace(0, self.shape[axis], GROUPS + 1).astype(np.intp)

    @property
    def window(self) -> int:
        """Of positions in a row."""
        return min(10, self.n)

    @property
    def groups(self) -> int:
        """Of channels, for GroupNorm."""
        return next(g for g in (8, 4, 2, 1) if self.shape[1] % g == 0)
