"""Moments of windows of chunked Dask arrays: chunks with as much of their neighbours as windows reach."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_number
from cnorm._stats.lines import as_line_axis
from cnorm._stats.windows import as_window
from cnorm._stats.windows import rolling_moments as of_array
from cnorm.interop._chunks import check_array, is_known, result_dtype
from cnorm.interop._require import require

overlap: Any = require("dask.array.overlap", "dask")

__all__ = ["rolling_moments"]


def rolling_moments(
    x: Any,
    window: int,
    *,
    axis: int = -1,
    min_count: int | None = None,
    center: bool = False,
    correction: float = 0,
) -> tuple[Any, Any]:
    """Mean and variance of windows of a chunked array: `cnorm.rolling_moments` of chunks that overlap.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers. NaN, and what masked arrays among the chunks hide, counts in no window.
    window : int
        Positions in a window; it is cut at the ends.
    axis : int
        The axis windows lie along. Chunks along it that are shorter than a window are joined.
    min_count : int, optional
        With fewer elements that are not NaN the result is NaN. By default `window`.
    center : bool
        Move windows forward by ``(window - 1) // 2``.
    correction : float
        Delta degrees of freedom.

    Returns
    -------
    mean, var : dask.array.Array
        Of the shape of `x`: float32 of floats up to 32 bits, otherwise float64.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers; `window` or `min_count` are not ints.
    ValueError
        A `window` below 1, a `min_count` below 0 or above it, an axis out of range.

    See Also
    --------
    cnorm.rolling_moments : Of an array in memory.

    Notes
    -----
    Sums begin anew in each chunk: last bits depend on the chunks, and on nothing else.

    Examples
    --------
    >>> import dask, dask.array as da
    >>> from cnorm.interop.dask import rolling_moments
    >>> dask.compute(*rolling_moments(da.arange(5, chunks=3), 2))
    (array([nan, 0.5, 1.5, 2.5, 3.5]), array([ nan, 0.25, 0.25, 0.25, 0.25]))
    """
    a = as_line_axis(axis, check_array(x))
    size, _ = as_window(window, min_count)
    correction = as_number(correction, "correction")
    if not is_known(x.chunks[a]):
        raise ValueError(f"x: expected known sizes along axis {a}: x.compute_chunk_sizes() finds them")
    how = {"axis": a, "min_count": min_count, "center": center, "correction": correction}
    reach = min(size, x.shape[a] + 1) - 1  # nothing is beyond the array
    after = min((size - 1) // 2, reach) if center else 0
    depth = {a: (min(size - 1 - ((size - 1) // 2 if center else 0), reach), after)}
    parts = overlap.overlap(x, depth, boundary="none", allow_rechunk=True)
    dtype = result_dtype(x)
    both = parts.map_blocks(
        both_of_chunk,
        size,
        how,
        new_axis=0,
        chunks=((2,), *parts.chunks),
        dtype=dtype,
        meta=np.empty((0,) * (x.ndim + 1), dtype),
    )
    both = overlap.trim_internal(both, {a + 1: depth[a]}, boundary="none")
    return both[0], both[1]


def both_of_chunk(block: Any, window: int, how: dict[str, Any]) -> Array:
    """Mean and variance, one behind the other."""
    results = of_array(block, window, **how)
    stack = np.ma.stack if isinstance(block, np.ma.MaskedArray) else np.stack
    return stack(results)
