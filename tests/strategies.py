"""Hypothesis strategies: arrays laid out in every nasty way, every kind of `out`, tables of mixed columns."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array

GUARD = 64  # bytes of canary on both sides of every placed array
CANARY = 0xA5


@dataclass(frozen=True)
class Layout:
    """How an array lies in memory; `order` lists the axes from the slowest to the fastest."""

    order: tuple[int, ...]
    steps: tuple[int, ...]
    shift: int = 0
    swapped: bool = False
    repeated: int | None = None
    readonly: bool = False


class Placed:
    """Values laid out as told, inside a buffer whose other bytes are canaries."""

    def __init__(self, values: Array, layout: Layout) -> None:
        self.layout = layout
        if layout.repeated is not None and values.shape[layout.repeated]:
            first = np.take(values, [0], axis=layout.repeated)
            values = np.broadcast_to(first, values.shape)
        self.shape = values.shape
        self.dtype = values.dtype
        if layout.swapped and values.dtype != BFLOAT16:
            self.dtype = values.dtype.newbyteorder("S")
        sizes = self._memory_shape()
        size = int(np.prod(sizes)) * self.dtype.itemsize
        self.base = np.full(2 * GUARD + layout.shift + size, CANARY, np.uint8)
        self.writable_view(self.base)[...] = values[self._kept()]
        self.snapshot = self.base.copy()
        self.array = self._widened(self.writable_view(self.base))
        if layout.readonly:
            self.array.flags.writeable = False

    def _kept(self) -> tuple[slice, ...]:
        one, all_ = slice(0, 1), slice(None)
        return tuple(one if a == self.layout.repeated else all_ for a in range(len(self.shape)))

    def _memory_shape(self) -> list[int]:
        """Sizes of the underlying block, in memory order."""
        sizes = []
        for a in self.layout.order:
            n = min(self.shape[a], 1) if a == self.layout.repeated else self.shape[a]
            sizes.append((n - 1) * abs(self.layout.steps[a]) + 1 if n else 0)
        return sizes

    def writable_view(self, base: Array) -> Array:
        offset = GUARD + self.layout.shift
        block = np.ndarray(tuple(self._memory_shape()), self.dtype, base.data, offset)
        block = block.transpose(np.argsort(self.layout.order)) if block.ndim else block
        return block[(..., *(slice(None, None, s) for s in self.layout.steps))]

    def _widened(self, view: Array) -> Array:
        """The repeated axis with stride 0 and its full size."""
        if view.shape == self.shape:
            return view
        strides = tuple(
            0 if n != m else s for n, m, s in zip(view.shape, self.shape, view.strides, strict=True)
        )
        return np.lib.stride_tricks.as_strided(view, self.shape, strides)

    def surroundings_intact(self) -> bool:
        """Only bytes of the array itself differ from when it was placed."""
        before, after = self.snapshot.copy(), self.base.copy()
        for base in (before, after):
            self.writable_view(base)[...] = 0
        return np.array_equal(before, after)

    def unchanged(self) -> bool:
        return np.array_equal(self.snapshot, self.base)


def examples(n: int) -> settings:
    """So many of a test, or as few as of any other where sweeps are thin."""
    thin = os.environ.get("CNORM_SWEEP") == "thin"
    return settings(max_examples=settings().max_examples if thin else n)


def fill(shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> Array:
    """Standard normal values, rounded to dtype."""
    return np.asarray(np.random.default_rng(seed).standard_normal(shape).astype(dtype))


dtypes = st.sampled_from(DTYPES)
seeds = st.integers(0, 2**16)


@st.composite
def shapes(draw: st.DrawFn, min_dims: int = 0, max_dims: int = 5, min_side: int = 0) -> tuple[int, ...]:
    """Mostly small sides; sometimes one longer than the widest vector block."""
    ndim = draw(st.integers(min_dims, max_dims))
    sides = [draw(st.integers(min_side, 5)) for _ in range(ndim)]
    if ndim and draw(st.booleans()):
        sides[draw(st.integers(0, ndim - 1))] = draw(st.integers(max(min_side, 1), 140))
    return tuple(sides)


@st.composite
def layouts(draw: st.DrawFn, ndim: int, plain: bool = False) -> Layout:
    """Any memory order and steps; unless plain also misaligned, swapped, repeated or read-only."""
    order = tuple(draw(st.permutations(range(ndim))))
    steps = tuple(draw(st.sampled_from((1, 1, 1, -1, 2, -2, 3))) for _ in range(ndim))
    if plain:
        return Layout(order, steps)
    repeated = draw(st.none() | st.integers(0, ndim - 1)) if ndim else None
    return Layout(
        order,
        steps,
        shift=draw(st.sampled_from((0, 0, 1, 2, 4))),
        swapped=draw(st.sampled_from((False, False, False, True))),
        repeated=draw(st.sampled_from((None, None, repeated))),
        readonly=draw(st.booleans()),
    )


@st.composite
def placed(
    draw: st.DrawFn,
    shape: tuple[int, ...] | None = None,
    min_dims: int = 0,
    max_dims: int = 5,
    min_side: int = 0,
    dtype: st.SearchStrategy[np.dtype[Any]] = dtypes,
) -> Placed:
    """A nasty array of a float dtype."""
    if shape is None:
        shape = draw(shapes(min_dims, max_dims, min_side))
    return Placed(fill(shape, draw(dtype), draw(seeds)), draw(layouts(len(shape))))


@dataclass
class OutCase:
    """An input and an `out` for it; `guards` hold the canaries; `error` if the call must refuse."""

    name: str
    x: Array
    out: Array | None
    guards: tuple[Placed, ...] = ()
    error: tuple[type[Exception], ...] | None = None


GOOD_OUTS = ("none", "contiguous", "strided", "fortran", "misaligned", "same", "shifted", "reversed")
BAD_OUTS = ("readonly", "wrong shape", "wrong dtype", "repeated", "not an array")


def out_case(name: str, values: Array, steps: tuple[int, ...], offset: int = 1) -> OutCase:
    """The named relation of `out` to an input holding values."""
    ndim, shape = values.ndim, values.shape
    straight = Layout(tuple(range(ndim)), (1,) * ndim)
    if name in ("shifted", "reversed"):
        return _overlapping(name, values, offset)
    source = Placed(values, straight)
    x = source.array
    junk = np.full(shape, 7, values.dtype)
    if name == "none":
        return OutCase(name, x, None, (source,))
    if name == "same":
        return OutCase(name, x, x, (source,))
    if name == "not an array":
        return OutCase(name, x, [0.0], (source,), (TypeError,))  # type: ignore[arg-type]
    if name == "wrong dtype":
        other = np.dtype(np.float64 if values.dtype != np.float64 else np.float32)
        return OutCase(name, x, np.zeros(shape, other), (source,), (TypeError, ValueError))
    if name == "wrong shape":
        return OutCase(name, x, np.zeros((*shape, 1), values.dtype), (source,), (ValueError,))
    layout = {
        "contiguous": straight,
        "strided": Layout(tuple(range(ndim)), steps),
        "fortran": Layout(tuple(range(ndim))[::-1], (1,) * ndim),
        "misaligned": Layout(tuple(range(ndim)), (1,) * ndim, shift=1),
        "readonly": Layout(straight.order, straight.steps, readonly=True),
        "repeated": Layout(straight.order, straight.steps, repeated=0),
    }[name]
    target = Placed(junk, layout)
    error = (ValueError,) if name in BAD_OUTS else None
    return OutCase(name, x, target.array, (source, target), error)


def _overlapping(name: str, values: Array, offset: int) -> OutCase:
    """`out` is the memory of x moved by some elements, or read backwards."""
    n = values.size
    if name == "reversed":
        offset = 0
    buffer = np.zeros(n + offset, values.dtype)
    x = buffer[:n].reshape(values.shape)
    x[...] = values
    out = buffer[offset : offset + n].reshape(values.shape)
    if name == "reversed":
        out = out[(slice(None, None, -1),) * values.ndim]
    return OutCase(name, x, out)


@st.composite
def out_cases(draw: st.DrawFn, shape: tuple[int, ...], names: tuple[str, ...] = GOOD_OUTS) -> OutCase:
    name = draw(st.sampled_from(names))
    values = fill(shape, draw(dtypes), draw(seeds))
    steps = tuple(draw(st.sampled_from((1, -1, 2, -2, 3))) for _ in shape)
    return out_case(name, values, steps, draw(st.integers(1, 9)))


@dataclass(frozen=True)
class Table:
    """Columns of different nature side by side, and where to cut the rows into batches."""

    x: Array
    kinds: tuple[str, ...]
    cuts: tuple[int, ...]

    @property
    def parts(self) -> list[Array]:
        return np.split(self.x, self.cuts)


# The largest and smallest level of columns, and the mean of those with deviation 1, for each dtype.
LEVELS = {"float64": (1e300, 1e-300, 1e8), "float32": (1e37, 1e-37, 1e6), "float16": (6e3, 1e-6, 100.0)}
# Elements at which the code takes another way (`passes.BLOCK`, `table.WIDE`), and sizes about vectors'.
THRESHOLDS = (16, 64, 1 << 14, 1 << 16)


def column(kind: str, rows: int, dtype: np.dtype[Any], rng: np.random.Generator) -> Array:
    """A column of the named nature."""
    huge, tiny, far = LEVELS[dtype.name]
    x = rng.normal(size=rows)
    levels = {"far": x + far, "huge": x * huge / 8, "tiny": x * tiny, "constant": 0 * x + 0.1, "zero": 0 * x}
    levels |= {"integers": np.round(10 * x), "far constant": 0 * x + far + 0.1, "edge": x * huge**0.515}
    x = levels.get(kind, x)
    if kind == "led by NaN":
        x[: rng.integers(rows + 1)] = np.nan
    elif kind in ("holes", "constant with holes", "far with holes"):
        x = x if kind == "holes" else x + far if kind == "far with holes" else 0 * x + 0.1
        x[rng.random(rows) < 0.3] = np.nan
    elif kind == "nothing":
        x[:] = np.nan
    elif kind == "infinite" and rows:
        x[rng.integers(rows, size=2)] = rng.choice([np.inf, -np.inf], 2)
    elif kind == "outlier" and rows:
        x[rng.integers(rows)] = far
    return np.asarray(x.astype(dtype))


FINITE_KINDS = ("plain", "far", "integers", "constant", "far constant", "zero", "outlier")
EXTREME_KINDS = ("huge", "tiny", "edge")
NAN_KINDS = ("led by NaN", "holes", "constant with holes", "far with holes", "nothing")
COLUMN_KINDS = (*FINITE_KINDS, *EXTREME_KINDS, *NAN_KINDS, "infinite")


@st.composite
def mixed_tables(
    draw: st.DrawFn,
    kinds: tuple[str, ...] = COLUMN_KINDS,
    dtypes: tuple[Any, ...] = (np.float64, np.float32),
    min_rows: int = 1,
    max_size: int = 70_000,
) -> Table:
    """Up to six columns of these kinds; elements about every threshold of the code, but mostly few."""
    names = tuple(draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=6)))
    sizes = [n for n in THRESHOLDS if n <= max_size]
    about = st.builds(lambda n, more: n // len(names) + more, st.sampled_from(sizes), st.integers(-1, 1))
    rows = max(min_rows, draw(st.integers(min_rows, 40) | about))
    cuts = tuple(sorted(draw(st.lists(st.integers(0, rows), max_size=5))))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    rng = np.random.default_rng(draw(seeds))
    x = np.stack([column(kind, rows, dtype, rng) for kind in names], 1)
    return Table(np.asarray(x, order=draw(st.sampled_from("CF"))), names, cuts)
