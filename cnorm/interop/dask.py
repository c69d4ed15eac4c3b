"""Moments, normalization and scalers of chunked Dask arrays: chunks are read once, their results merge."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from cnorm._accept.axes import as_axes, as_number
from cnorm.interop._chunk_groups import group_moments
from cnorm.interop._chunk_scalers import fitted_to, weights_beside
from cnorm.interop._chunk_windows import rolling_moments
from cnorm.interop._chunks import (
    aligned,
    alone,
    as_tree,
    check_array,
    given,
    kept,
    result_dtype,
    spread_over,
    states,
    whole_axes,
)
from cnorm.interop._require import require
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

manipulation: Any = require("dask.graph_manipulation", "dask")

__all__ = ["fit", "group_moments", "moments", "rolling_moments", "running_moments", "standardize"]

S = TypeVar("S", StandardScaler, MinMaxScaler, MaxAbsScaler)


def running_moments(
    x: Any,
    axis: Any = None,
    *,
    where: Any = None,
    weights: Any = None,
    nan_policy: str = "propagate",
    split_every: Any = None,
) -> Any:
    """The moments of a chunked array as one `cnorm.RunningMoments`, to be merged with those of other arrays.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers; what masked arrays among the chunks hide does not count.
    axis : int, tuple of int or None
        Axes to reduce; None for all.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; a Dask array, too.
    weights : array_like, optional
        Non-negative repeat counts, broadcast against `x`; a Dask array, too.
    nan_policy : {"propagate", "omit", "raise"}
        As for `cnorm.RunningMoments`.
    split_every : int, optional
        How many partial results are merged at a time, at least 2; Dask's default if None.

    Returns
    -------
    dask.delayed.Delayed
        Of a RunningMoments whose shape is that of the axes kept, which are taken as one chunk.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers; a mask that is not boolean; a mask or weights that are
        masked arrays.
    ValueError
        An axis out of range, an unknown policy, a mask or weights that do not broadcast, `split_every` below
        2; when computed, NaN under "raise", a negative weight, chunks of other sizes than those of `x`.

    See Also
    --------
    cnorm.RunningMoments : What is returned.
    moments : Mean and variance.

    Examples
    --------
    >>> import dask.array as da
    >>> from cnorm.interop.dask import running_moments
    >>> running_moments(da.arange(6, chunks=2)).compute()
    RunningMoments(shape=(), count=6)
    """
    axes = as_axes(axis, check_array(x).ndim)
    x = whole_axes(x, [a for a in range(x.ndim) if a not in axes], "x")
    return states(x, axes, nan_policy, split_every, where, weights).to_delayed().item()


def moments(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    keepdims: bool = False,
    where: Any = None,
    weights: Any = None,
    nan_policy: str = "propagate",
    split_every: Any = None,
) -> tuple[Any, Any]:
    """Mean and variance of a chunked array, each chunk read once: `dask.compute(*moments(x))`.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers; integers and booleans are promoted to float64. What masked arrays among the chunks hide
        does not count.
    axis : int, tuple of int or None
        Axes to reduce; None for all.
    correction : float
        Delta degrees of freedom.
    keepdims : bool
        Keep the reduced axes with size 1.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; a Dask array, too.
    weights : array_like, optional
        Non-negative repeat counts, broadcast against `x`; a Dask array, too.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN.
    split_every : int, optional
        How many partial results are merged at a time, at least 2; Dask's default if None.

    Returns
    -------
    mean, var : dask.array.Array
        float32 for 16- and 32-bit floats, otherwise float64; chunked as the axes kept.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers; a mask that is not boolean; a mask or weights that are
        masked arrays.
    ValueError
        An axis out of range, an unknown policy, a mask or weights that do not broadcast, `split_every` below
        2; when computed, NaN under "raise", a negative weight, chunks of other sizes than those of `x`.

    See Also
    --------
    cnorm.moments : Of an array in memory.
    standardize : Elements by their moments.
    running_moments : To go on with.

    Notes
    -----
    Chunks and `split_every` alone decide the order of merges, so the bits are the same for any scheduler and
    any number of workers.

    Examples
    --------
    >>> import dask, dask.array as da
    >>> from cnorm.interop.dask import moments
    >>> mean, var = dask.compute(*moments(da.arange(6, chunks=2).reshape(3, 2), axis=0))
    >>> mean, var
    (array([2., 3.]), array([2.66666667, 2.66666667]))
    """
    axes = as_axes(axis, check_array(x).ndim)
    correction = as_number(correction, "correction")
    parts = states(x, axes, nan_policy, split_every, where, weights)
    dtype = result_dtype(x)
    results = []
    meta = np.empty((0,) * x.ndim, dtype)
    for name in ("mean", "var"):
        value = parts.map_blocks(kept, name, correction, axes, dtype, dtype=dtype, meta=meta)
        results.append(value if keepdims else value.squeeze(axes))
    return results[0], results[1]


def standardize(
    x: Any,
    axis: Any = None,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    where: Any = None,
    split_every: Any = None,
) -> Any:
    """Zero mean and unit variance over any axes of a chunked array, then scale and shift.

    Parameters
    ----------
    x : dask.array.Array
        Of float; masked arrays among the chunks come out as masked arrays, and what they hide counts in no
        statistic.
    axis : int, tuple of int or None
        Axes each statistic is taken over; None for all.
    weight, bias : array_like, optional
        Broadcast against `x`; Dask arrays, too. With 16 bits, results are rounded once, after them.
    eps : float
        Added to the variance.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; the others come out as 0. A Dask array, too.
    split_every : int, optional
        How many partial results are merged at a time, at least 2; Dask's default if None.

    Returns
    -------
    dask.array.Array
        In the dtype, shape and chunks of `x`.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of float; a mask that is not boolean; a mask, weight or bias that is a
        masked array.
    ValueError
        An axis out of range, a negative `eps`, a mask, weight or bias that does not broadcast to `x`,
        `split_every` below 2.

    See Also
    --------
    cnorm.standardize : Of an array in memory.
    moments : The moments themselves.

    Notes
    -----
    Where a reduced axis has several chunks, each is read, or computed, twice: for the moments, and when these
    are known, for the result. Little memory is needed then; ``x.persist()`` first if it fits and is dear.

    Examples
    --------
    >>> import dask.array as da
    >>> from cnorm.interop.dask import standardize
    >>> standardize(da.arange(4.0, chunks=2), eps=0).compute().round(3)
    array([-1.342, -0.447,  0.447,  1.342])
    """
    axes = as_axes(axis, check_array(x).ndim)
    if x.dtype.kind in "biu":
        raise TypeError(f"x: expected a float dtype, got {x.dtype}")
    eps = as_number(eps, "eps")
    if eps < 0:
        raise ValueError(f"eps: expected no negative number, got {eps}")
    as_tree(split_every)
    named = (("weight", weight), ("bias", bias), ("where", where))
    others = {name: spread_over(value, x, name) for name, value in named if value is not None}
    how = {"axes": axes, "eps": eps, "dtype": x.dtype, "meta": x._meta}
    if all(x.numblocks[a] == 1 for a in axes):
        return aligned(alone, x, others, **how)
    parts = states(x, axes, "propagate", split_every, others.get("where"))
    again = manipulation.bind(x, parts)  # else all chunks would be kept until the moments are known
    return aligned(given, again, {"moments": parts, **others}, **how)


def fit(scaler: S, X: Any, *, sample_weight: Any = None, split_every: int = 8) -> S:
    """Fits a `cnorm.preprocessing` scaler to a chunked table, each chunk read once.

    To transform one, ``X.map_blocks(scaler.transform, dtype=X.dtype)``.

    Parameters
    ----------
    scaler : StandardScaler, MinMaxScaler or MaxAbsScaler
        With `axis` 0; what was fitted before is forgotten.
    X : dask.array.Array of shape (n_samples, n_features)
        Real numbers. NaN, and what masked arrays among the chunks hide, count in no statistic. Chunks may be
        empty, and their sizes unknown.
    sample_weight : array_like of shape (n_samples,), optional
        For StandardScaler; a Dask array, too. Where the sizes of the chunks of `X` are unknown, a Dask array
        with as many chunks of unknown sizes as `X`, or else `X` is computed twice: its sizes first.
    split_every : int
        How many fitted scalers are merged at a time, at least 2.

    Returns
    -------
    StandardScaler, MinMaxScaler or MaxAbsScaler
        `scaler`.

    Raises
    ------
    TypeError
        Another scaler, `X` no Dask array, weights for another than StandardScaler, or masked.
    ValueError
        Another `axis` or rank, infinity, no sample, not one weight for each, no weight above 0, `split_every`
        below 2. The scaler stays as it was.

    See Also
    --------
    running_moments : Moments to go on with.
    cnorm.preprocessing.StandardScaler : What is fitted.

    Examples
    --------
    >>> import dask.array as da
    >>> from cnorm.interop.dask import fit
    >>> from cnorm.preprocessing import StandardScaler
    >>> fit(StandardScaler(), da.arange(8.0, chunks=2).reshape(4, 2)).mean_
    array([3., 4.])
    """
    if not isinstance(scaler, (StandardScaler, MinMaxScaler, MaxAbsScaler)):
        wanted = "a StandardScaler, MinMaxScaler or MaxAbsScaler"
        raise TypeError(f"scaler: expected {wanted}, got {type(scaler).__name__}")
    if check_array(X, "X").ndim != 2 or scaler.axis != 0:
        raise ValueError(f"X: expected a table and axis=0, got {X.ndim} dimensions and axis={scaler.axis!r}")
    several = as_tree(split_every) or 8
    if sample_weight is not None and not isinstance(scaler, StandardScaler):
        raise TypeError(f"sample_weight: expected None for a {type(scaler).__name__}")
    rows = whole_axes(X, [1], "X")
    weight = None if sample_weight is None else weights_beside(rows, sample_weight)
    result = fitted_to(scaler, rows, weight, several)
    scaler.__dict__.clear()
    scaler.__dict__.update(result.__dict__)
    return scaler
