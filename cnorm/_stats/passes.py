"""Passes over large tables in little memory: the affine map, infinity, and extremes that leave NaN out."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._native import core

__all__ = ["BLOCK", "CACHED", "affine", "blocks", "check_no_inf", "extremes", "shows"]

# Elements a careful pass has temporaries for: 9 to 17 bytes each, below 1 % of 50 MB.
BLOCK = 1 << 14
# Bytes read twice, for the minimum and for the maximum: they stay in a second-level cache of 512 KiB.
CACHED = 1 << 18
# Elements of a row the extremes of narrow tables are folded into: NumPy's inner loops want length.
FOLD = 2048
Index = tuple[slice, ...]


def affine(
    x: Array, out: Array, center: Array, factor: Array, weight: Array | None, bias: Array | None
) -> None:
    """out = (x - center) * factor * weight + bias; out may be x itself.

    center and factor are float64 and of one shape, weight and bias in the compute dtype or None; all
    broadcast against x.
    """
    core.apply(x, out, center, factor, weight, bias)


def blocks(shape: tuple[int, ...], size: int) -> Iterator[Index]:
    """Indices that cut an array along its longest axis into parts of about `size` elements."""
    if not shape:
        yield ()
        return
    axis = int(np.argmax(shape))
    step = max(1, size * shape[axis] // max(math.prod(shape), 1))
    for start in range(0, shape[axis], step):
        yield (*(slice(None),) * axis, slice(start, start + step))


def flat(x: Array) -> Array | None:
    """The elements as a vector without a copy; None if they have gaps."""
    if x.flags.c_contiguous:
        return x.reshape(-1)
    return x.T.reshape(-1) if x.flags.f_contiguous else None


def check_no_inf(x: Array, name: str = "X") -> None:
    """Raises ValueError, in scikit-learn's words, if an element is infinite; NaN may be there."""
    vector = flat(x) if x.dtype.char in "fd" else None
    if vector is not None:
        # One dot product is finite unless there is inf, NaN or the root of the largest float.
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(np.dot(vector, vector)):
                return
    for part in blocks(x.shape, 4 * BLOCK):
        if np.isinf(x[part]).any():
            raise ValueError(f"Input {name} contains infinity or a value too large for {x.dtype!r}.")


def extremes(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array]:
    """Minimum and maximum over axes (kept with size 1), as float64, without NaN; both read x from cache.

    Raises ValueError if x contains infinity.
    """
    leading = axes == tuple(range(len(axes)))
    with np.errstate(invalid="ignore"):  # NaN is nothing to warn of
        if x.flags.c_contiguous and leading:
            shape = (*(1,) * len(axes), *x.shape[len(axes) :])
            low, high = (v.reshape(shape) for v in column_extremes(x.reshape(-1, math.prod(shape))))
        else:
            low, high = block_extremes(x, axes, CACHED // x.itemsize)
    if np.isinf(low).any() or np.isinf(high).any():
        check_no_inf(x)
    return low.astype(np.float64), high.astype(np.float64)


def column_extremes(x: Array) -> tuple[Array, Array]:
    """Of a C-ordered matrix over axis 0: several rows are taken as one long row, which is folded at last."""
    rows, columns = x.shape
    times = min(max(1, FOLD // columns), rows)
    body = rows // times * times
    folded = x[:body].reshape(-1, times * columns)
    low, high = (v.reshape(times, columns) for v in block_extremes(folded, (0,), CACHED // x.itemsize))
    rest = x[body:]
    return (
        np.fmin.reduce(np.concatenate([low, rest]), 0),
        np.fmax.reduce(np.concatenate([high, rest]), 0),
    )


def block_extremes(x: Array, axes: tuple[int, ...], size: int) -> tuple[Array, Array]:
    """Minimum and maximum over axes, block by block."""
    shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    low, high = np.full(shape, np.nan, x.dtype), np.full(shape, np.nan, x.dtype)
    for part in blocks(x.shape, size):
        kept = tuple(slice(None) if a in axes else s for a, s in enumerate(part))
        block = x[part]
        low[kept] = np.fmin(low[kept], np.fmin.reduce(block, axes, keepdims=True))
        high[kept] = np.fmax(high[kept], np.fmax.reduce(block, axes, keepdims=True))
    return low, high


def shows(x: Array, axes: tuple[int, ...], chosen: Array) -> Array:
    """Which of the chosen groups have an element that is not 0; False for the others."""
    kept = [a for a in range(x.ndim) if a not in axes]
    found = np.zeros(chosen.shape, np.bool_)
    share = max(1, chosen.size // max(1, int(chosen.sum())))
    for part in blocks(x.shape, BLOCK * share):
        here = tuple(slice(None) if a in axes else s for a, s in enumerate(part))
        pick = chosen[here]
        groups = np.moveaxis(x[part], kept, range(len(kept)))[pick.squeeze(axes)]
        found[here][pick] |= groups.any(tuple(range(1, groups.ndim)))
    return found
