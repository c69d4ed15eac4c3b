"""Moments, normalization and scalers of chunked Dask arrays: chunks are read once, their results merge."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._arrays import Array
from cnorm._axes import as_axes, as_number
from cnorm._moments import check_nan_policy
from cnorm._running import RunningMoments
from cnorm._states import combined
from cnorm._tables import check_no_inf
from cnorm.interop._require import require
from cnorm.preprocessing import MinMaxScaler, StandardScaler

dask: Any = require("dask", "dask")
da: Any = require("dask.array", "dask")
manipulation: Any = require("dask.graph_manipulation", "dask")

__all__ = ["fit", "moments", "running_moments", "standardize"]

S = TypeVar("S", StandardScaler, MinMaxScaler)


def _part(
    block: Any,
    axis: tuple[int, ...],
    keepdims: bool,
    computing_meta: bool = False,
    nan_policy: str = "propagate",
) -> Any:
    """The moments of a chunk; Dask asks for what stands for them while it builds the graph."""
    if computing_meta:
        return block
    shape = tuple(n for a, n in enumerate(block.shape) if a not in axis)
    return RunningMoments(shape, nan_policy=nan_policy).update(block, axis)


def _flat(parts: Any) -> Iterable[Any]:
    """Of nested lists, in their order."""
    if not isinstance(parts, list):
        yield parts
        return
    for part in parts:
        yield from _flat(part)


def _merged(parts: Any, axis: Any = None, keepdims: bool = True, computing_meta: bool = False) -> Any:
    """One object for several; they stay as they are."""
    if computing_meta:
        return parts
    first, *rest = _flat(parts)
    total = first.copy()
    for part in rest:
        total.merge(part)
    return total


def _chunked(x: Any) -> Any:
    if not isinstance(x, da.Array):
        raise TypeError(f"x: expected a dask.array.Array, got {type(x).__name__}")
    if x.dtype.kind not in "biuf" and x.dtype.name != "bfloat16":
        raise TypeError(f"x: expected a real dtype, got {x.dtype}")
    return x


def _states(x: Any, axes: tuple[int, ...], nan_policy: str, split_every: Any) -> Any:
    """A chunked array whose blocks are RunningMoments; reduced axes have size 1."""
    check_nan_policy(nan_policy)
    return da.reduction(
        x,
        chunk=partial(_part, nan_policy=nan_policy),
        combine=_merged,
        aggregate=_merged,
        axis=axes,
        keepdims=True,
        concatenate=False,
        split_every=split_every,
        dtype=np.float64,
        meta=np.empty((0,) * x.ndim),
        name="cnorm-moments",
    )


def running_moments(
    x: Any, axis: Any = None, *, nan_policy: str = "propagate", split_every: Any = None
) -> Any:
    """The moments of a chunked array as one `cnorm.RunningMoments`, to be merged with those of other arrays.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers.
    axis : int, tuple of int or None
        Axes to reduce; None for all.
    nan_policy : {"propagate", "omit", "raise"}
        As for `cnorm.RunningMoments`.
    split_every : int, optional
        How many partial results are merged at a time; Dask's default if None.

    Returns
    -------
    dask.delayed.Delayed
        Of a RunningMoments whose shape is that of the axes kept, which are taken as one chunk.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers.
    ValueError
        An axis out of range, an unknown policy; when computed, NaN under "raise".

    Examples
    --------
    >>> import dask.array as da
    >>> from cnorm.interop.dask import running_moments
    >>> running_moments(da.arange(6, chunks=2)).compute()
    RunningMoments(shape=(), count=6)
    """
    axes = as_axes(axis, _chunked(x).ndim)
    x = x.rechunk({a: -1 for a in range(x.ndim) if a not in axes})
    return _states(x, axes, nan_policy, split_every).to_delayed().item()


def moments(
    x: Any,
    axis: Any = None,
    *,
    correction: float = 0,
    keepdims: bool = False,
    nan_policy: str = "propagate",
    split_every: Any = None,
) -> tuple[Any, Any]:
    """Mean and variance of a chunked array, each chunk read once: `dask.compute(*moments(x))`.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers; integers and booleans are promoted to float64.
    axis : int, tuple of int or None
        Axes to reduce; None for all.
    correction : float
        Delta degrees of freedom.
    keepdims : bool
        Keep the reduced axes with size 1.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN.
    split_every : int, optional
        How many partial results are merged at a time; Dask's default if None.

    Returns
    -------
    mean, var : dask.array.Array
        float32 for 16- and 32-bit floats, otherwise float64; chunked as the axes kept.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers.
    ValueError
        An axis out of range, an unknown policy; when computed, NaN under "raise".

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
    axes = as_axes(axis, _chunked(x).ndim)
    correction = as_number(correction, "correction")
    states = _states(x, axes, nan_policy, split_every)
    dtype = np.dtype(np.float32 if x.dtype.kind not in "biu" and x.dtype.itemsize < 8 else np.float64)
    results = []
    meta = np.empty((0,) * x.ndim, dtype)
    for name in ("mean", "var"):
        value = states.map_blocks(_kept, name, correction, axes, dtype, dtype=dtype, meta=meta)
        results.append(value if keepdims else value.squeeze(axes))
    return results[0], results[1]


def _kept(state: RunningMoments, name: str, correction: float, axes: tuple[int, ...], dtype: Any) -> Array:
    """Mean or variance with reduced axes of size 1."""
    value = np.asarray(state.mean if name == "mean" else state.var(correction))
    with np.errstate(over="ignore"):
        return np.expand_dims(value, axes).astype(dtype)


def _given(block: Array, state: RunningMoments, axes: tuple[int, ...], eps: float) -> Array:
    """(block - mean) / sqrt(var + eps), the moments in float64."""
    kept = tuple(a for a in range(block.ndim) if a not in axes)
    order = (*kept, *axes)
    turned = block.transpose(order)
    rows = turned.reshape(1, math.prod(state.shape), -1 if block.size else 0)
    y = F.batch_norm(rows, np.ravel(state.mean), np.ravel(state.var()), eps=eps)
    return y.reshape(turned.shape).transpose(np.argsort(order))


def standardize(
    x: Any,
    axis: Any = None,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    *,
    split_every: Any = None,
) -> Any:
    """Zero mean and unit variance over any axes of a chunked array, then scale and shift.

    Parameters
    ----------
    x : dask.array.Array
        Of float.
    axis : int, tuple of int or None
        Axes each statistic is taken over; None for all.
    weight, bias : array_like, optional
        Broadcast against `x`; Dask arrays, too.
    eps : float
        Added to the variance.
    split_every : int, optional
        How many partial results are merged at a time; Dask's default if None.

    Returns
    -------
    dask.array.Array
        In the dtype, shape and chunks of `x`.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of float.
    ValueError
        An axis out of range, a negative `eps`.

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
    axes = as_axes(axis, _chunked(x).ndim)
    if x.dtype.kind in "biu":
        raise TypeError(f"x: expected a float dtype, got {x.dtype}")
    eps = as_number(eps, "eps")
    if eps < 0:
        raise ValueError(f"eps: expected no negative number, got {eps}")
    if all(x.numblocks[a] == 1 for a in axes):
        y = x.map_blocks(cnorm.standardize, axes, eps=eps, dtype=x.dtype, meta=x._meta)
    else:
        states = _states(x, axes, "propagate", split_every)
        again = manipulation.bind(x, states)  # else all chunks would be kept until the moments are known
        y = da.map_blocks(_given, again, states, axes, eps, dtype=x.dtype, meta=x._meta)
    y = y if weight is None else y * weight
    y = y if bias is None else y + bias
    return y.astype(x.dtype)


def _fitted(scaler: Any, block: Any) -> Any:
    check_no_inf(np.asarray(block))
    return copy.copy(scaler).fit(block)


def _joined(scalers: list[Any]) -> Any:
    """A scaler that has seen what several have."""
    total = copy.copy(scalers[0])
    for other in scalers[1:]:
        if isinstance(total, StandardScaler):
            total._store(combined(total._seen(), other._seen()), False)
            continue
        seen = total.n_samples_seen_ + other.n_samples_seen_
        total.partial_fit(np.stack([other.data_min_, other.data_max_]))
        total.n_samples_seen_ = seen
    total._prepare()
    return total


def fit(scaler: S, X: Any, *, split_every: int = 8) -> S:
    """Fits a `cnorm.preprocessing` scaler to a chunked table, each chunk read once.

    To transform one, ``X.map_blocks(scaler.transform, dtype=X.dtype)``.

    Parameters
    ----------
    scaler : StandardScaler or MinMaxScaler
        With `axis` 0; what was fitted before is forgotten.
    X : dask.array.Array of shape (n_samples, n_features)
        Real numbers. NaN counts in no statistic.
    split_every : int
        How many fitted scalers are merged at a time.

    Returns
    -------
    StandardScaler or MinMaxScaler
        `scaler`.

    Raises
    ------
    TypeError
        Another scaler, `X` no Dask array.
    ValueError
        Another `axis` or rank, infinity, no sample.

    Examples
    --------
    >>> import dask.array as da
    >>> from cnorm.interop.dask import fit
    >>> from cnorm.preprocessing import StandardScaler
    >>> fit(StandardScaler(), da.arange(8.0, chunks=2).reshape(4, 2)).mean_
    array([3., 4.])
    """
    if not isinstance(scaler, (StandardScaler, MinMaxScaler)):
        raise TypeError(f"scaler: expected a StandardScaler or MinMaxScaler, got {type(scaler).__name__}")
    if _chunked(X).ndim != 2 or scaler.axis != 0:
        raise ValueError(f"X: expected a table and axis=0, got {X.ndim} dimensions and axis={scaler.axis!r}")
    blocks = X.rechunk({1: -1}).to_delayed().ravel()
    sizes = X.chunks[0]
    some = [block for block, n in zip(blocks, sizes, strict=True) if n] or blocks[:1]
    parts = [dask.delayed(_fitted)(scaler, block) for block in some]
    while len(parts) > 1:
        parts = [dask.delayed(_joined)(parts[i : i + split_every]) for i in range(0, len(parts), split_every)]
    (fitted,) = dask.compute(*parts)
    scaler.__dict__.clear()
    scaler.__dict__.update(fitted.__dict__)
    return scaler
