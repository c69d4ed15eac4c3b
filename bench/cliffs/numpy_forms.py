"""The same jobs as one writes them with NumPy, in one line or a few."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from bench.cliffs.functions import Keywords
from bench.cliffs.scene import GROUPS, Scene
from bench.data import EPS, Array
from cnorm._bench.interleave import Call

Peer = Callable[[Scene, Keywords], "Call | None"]  # None: it has no such option
Parts = Callable[[], Iterator[Any]]  # what picks the rows of each group


def formula(x: Array, axis: Any, w: Any = 1, b: Any = 0, eps: float = EPS) -> Array:
    """(x - mean) / sqrt(var + eps) * w + b."""
    centered = x - x.mean(axis, keepdims=True)
    y: Array = centered / np.sqrt((centered * centered).mean(axis, keepdims=True) + eps) * w + b
    return y


def plain(write: Callable[[Scene], Call]) -> Peer:
    """Without options."""
    return lambda s, k: None if k else write(s)


def by_axis(write: Callable[[Scene, int], Call]) -> Peer:
    """Over the last axis, or another."""
    return lambda s, k: write(s, k.get("axis", -1)) if set(k) <= {"axis"} else None


def along(s: Scene, axis: int, count: int) -> list[Any]:
    """Parameters along an axis, in the input's dtype."""
    made = [s.vector(s.shape[axis], i).astype(s.dtype) for i in range(count)]
    return [p if axis else p[:, None] for p in made]


def by_channel(s: Scene, *seeds: int) -> list[Any]:
    """Parameters of channels that broadcast against the input."""
    shape = (-1, *(1,) * (len(s.shape) - 2))
    return [s.vector(s.shape[1], i).astype(s.dtype).reshape(shape) for i in seeds]


def affine(s: Scene, axis: int) -> Call:
    """LayerNorm."""
    return partial(formula, s.x, axis, *along(s, axis, 2))


def rms(s: Scene, axis: int) -> Call:
    """x / sqrt(mean(x^2) + eps) * w."""
    (w,) = along(s, axis, 1)
    eps = np.finfo(s.kind).eps
    return lambda: s.x / np.sqrt((s.x * s.x).mean(axis, keepdims=True) + eps) * w


def int8(norm: Callable[[Scene, int], Call]) -> Peer:
    """Then the largest of each row as 127."""

    def write(s: Scene) -> Call:
        normalized = norm(s, -1)

        def run() -> tuple[Array, Array]:
            y = normalized()
            scale = abs(y).max(-1, keepdims=True) / 127
            return np.rint(y / scale).astype(np.int8), scale

        return run

    return plain(write)


def batch_norm(s: Scene, k: Keywords) -> Call | None:
    """By running statistics, or those of the batch."""
    mean, var, w, b = by_channel(s, 0, 1, 2, 3)
    if set(k) == {"training"}:
        return partial(formula, s.x, (0, *range(2, s.x.ndim)), w, b)
    return None if k else lambda: (s.x - mean) / np.sqrt(var + EPS) * w + b


def group_norm(s: Scene) -> Call:
    """Groups of channels as rows."""
    w, b = by_channel(s, 2, 3)
    return lambda: formula(s.x.reshape(s.shape[0], s.groups, -1), 2).reshape(s.shape) * w + b


def labelled(s: Scene, axis: int = 0) -> Parts:
    """Masks of rows."""
    labels = s.labels(axis)
    return lambda: (labels == g for g in range(GROUPS))


def cut(s: Scene, axis: int = 0) -> Parts:
    """Slices of rows."""
    ends = s.offsets(axis)
    return lambda: (slice(*pair) for pair in itertools.pairwise(ends))


def moments_of(parts: Callable[[Scene, int], Parts]) -> Peer:
    """A loop over groups of rows, or of columns."""

    def peer(s: Scene, k: Keywords) -> Call | None:
        axis = k.get("axis", 0)
        each, x = parts(s, axis), np.moveaxis(s.x, axis, 0)

        def run() -> tuple[Array, Array]:
            found = [(x[p].mean(0), x[p].var(0)) for p in each()]
            mean, var = (np.stack(values, axis) for values in zip(*found, strict=True))
            return mean, var

        return run if set(k) <= {"axis"} else None

    return peer


def standardized(parts: Callable[[Scene], Parts]) -> Peer:
    """A loop over groups of rows that writes them."""

    def write(s: Scene) -> Call:
        each = parts(s)

        def run() -> Array:
            y = np.zeros_like(s.x)
            for p in each():
                y[p] = formula(s.x[p], 0)
            return y

        return run

    return plain(write)


def image_normalize(s: Scene) -> Call:
    """Scaled, normalized, transposed."""
    mean, std = np.array([[0.5, 0.4, 0.3], [0.2, 0.3, 0.2]], np.float32)
    scale = np.float32({1: 1 / 255, 2: 1 / 65535}.get(s.dtype.itemsize, 1))
    return lambda: np.ascontiguousarray(((s.x * scale - mean) / std).transpose(2, 0, 1))


def mean_pool(s: Scene) -> Call:
    """A product with the mask, and its sum."""
    shown = s.mask[..., :1].astype(s.dtype)
    return lambda: (s.x * shown).sum(1) / shown.sum(1)


def local_response(s: Scene) -> Call:
    """Five shifted sums."""
    c, around = s.shape[1], [(0, 0), (2, 2), *[(0, 0)] * (s.x.ndim - 2)]

    def run() -> Array:
        squares = np.pad(s.x * s.x, around)
        total = sum(squares[:, i : i + c] for i in range(5))
        y: Array = s.x / (1 + 1e-4 / 5 * total) ** 0.75
        return y

    return run


def global_response(s: Scene) -> Call:
    """ConvNeXt V2's lines."""
    w, b = (s.vector(s.n, i).astype(s.dtype) for i in (1, 2))

    def run() -> Array:
        g = np.sqrt((s.x * s.x).sum((1, 2), keepdims=True))
        y: Array = s.x + w * (s.x * (g / (g.mean(-1, keepdims=True) + 1e-6))) + b
        return y

    return run


def weight_norm(s: Scene) -> Call:
    """Magnitude times direction."""
    g = s.vector(s.m)[:, None].astype(s.dtype)
    return lambda: s.x * (g / np.linalg.norm(s.x, axis=1, keepdims=True))


def fold_batch_norm(s: Scene) -> Call:
    """The scale into the weight, the rest into the bias."""
    bias, mean, var, w, b = (s.vector(s.m, i).astype(s.dtype) for i in range(5))

    def run() -> tuple[Array, Array]:
        scale = w / np.sqrt(var + EPS)
        return s.x * scale[:, None], (bias - mean) * scale + b

    return run


def in_windows(reduce: Callable[[Array, int], Any]) -> Peer:
    """Of NumPy's view of all whole windows: what comes before them is left out."""
    view = np.lib.stride_tricks.sliding_window_view
    return plain(lambda s: lambda: reduce(view(s.x, s.window, -1), -1))


def from_the_end(place: Callable[[Array, int], Array]) -> Peer:
    """Places in whole windows, counted from their ends; NumPy takes NaN for the largest and the least."""
    windows = in_windows(lambda x, axis: x.shape[axis] - 1 - place(x, axis))
    return lambda s, k: None if np.isnan(s.x).any() else windows(s, k)


def of_numpy(function: Callable[..., Any]) -> Peer:
    """A reduction with NumPy's own options."""
    known = {"axis", "where", "dtype"}
    return lambda s, k: partial(function, s.x, **{"axis": -1, **k}) if set(k) <= known else None


# Reductions that NumPy has no name for, or a slower one.
SPELLED: dict[str, Callable[[Array, int], Any]] = {
    "allnan": lambda x, axis: np.isnan(x).all(axis),
    "anynan": lambda x, axis: np.isnan(x).any(axis),
    "count": lambda x, axis: (~np.isnan(x)).sum(axis),
    "ss": lambda x, axis: (x * x).sum(axis),
    "nanptp": lambda x, axis: np.nanmax(x, axis) - np.nanmin(x, axis),
}


def spelled(reduce: Callable[[Array, int], Any]) -> Peer:
    """Over an axis."""
    return by_axis(lambda s, axis: lambda: reduce(s.x, axis))
