"""What the functions for Dask compute of a chunk, how results merge, and the graphs of both."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._arrays import FLOATS, Array
from cnorm._moments import check_nan_policy
from cnorm._running import RunningMoments
from cnorm._states import combined
from cnorm._tables import check_no_inf
from cnorm.interop._require import require
from cnorm.preprocessing import StandardScaler

dask: Any = require("dask", "dask")
da: Any = require("dask.array", "dask")

__all__ = [
    "aligned",
    "alone",
    "check_array",
    "fitted",
    "given",
    "joined",
    "kept",
    "masked",
    "spread_over",
    "states",
]


def check_array(x: Any) -> Any:
    """x if it is a Dask array of real numbers."""
    if not isinstance(x, da.Array):
        raise TypeError(f"x: expected a dask.array.Array, got {type(x).__name__}")
    if x.dtype.kind not in "biuf" and x.dtype.name != "bfloat16":
        raise TypeError(f"x: expected a real dtype, got {x.dtype}")
    return x


def spread_over(value: Any, x: Any, name: str) -> Any:
    """A mask or weights as a Dask array with the axes of x, chunked as x where they are as long."""
    array = value if isinstance(value, da.Array) else da.asarray(value)
    if name == "where" and array.dtype != np.bool_:
        raise TypeError(f"where: expected a boolean array, got {array.dtype}")
    if array.dtype.kind not in "biuf" and array.dtype.name not in FLOATS:
        raise TypeError(f"{name}: expected a real dtype, got {array.dtype}")
    shape = (1,) * (x.ndim - array.ndim) + array.shape
    if len(shape) > x.ndim or any(n not in (1, size) for n, size in zip(shape, x.shape, strict=False)):
        raise ValueError(f"{name}: expected a shape that broadcasts against {x.shape}, got {array.shape}")
    array = array[(None,) * (x.ndim - array.ndim)]
    return array.rechunk({a: x.chunks[a] for a, n in enumerate(array.shape) if n == x.shape[a]})


def aligned(function: Any, x: Any, others: list[Any], **how: Any) -> Any:
    """Blocks of a function of x and of arrays from `spread_over`, whose sizes 1 meet every chunk."""
    axes = tuple(range(x.ndim))
    pairs = [part for array in (x, *others) for part in (array, axes)]
    return da.blockwise(function, axes, *pairs, align_arrays=False, **how)


def _part(
    block: Array, *others: Array, names: tuple[str, ...], axes: tuple[int, ...], nan_policy: str
) -> Any:
    """An array whose one element is the moments of a chunk."""
    shape = tuple(n for a, n in enumerate(block.shape) if a not in axes)
    state = RunningMoments(shape, nan_policy=nan_policy)
    return state.update(block, axes, **dict(zip(names, others, strict=True)))


def _itself(part: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return part


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


def states(
    x: Any, axes: tuple[int, ...], nan_policy: str, split_every: Any, where: Any = None, weights: Any = None
) -> Any:
    """A chunked array whose blocks are RunningMoments; reduced axes have size 1."""
    check_nan_policy(nan_policy)
    named = (("where", where), ("weights", weights))
    others = {name: spread_over(value, x, name) for name, value in named if value is not None}
    meta = np.empty((0,) * x.ndim)
    parts = aligned(
        partial(_part, names=tuple(others), axes=axes, nan_policy=nan_policy),
        x,
        list(others.values()),
        adjust_chunks={a: lambda n: 1 for a in axes},
        dtype=np.float64,
        meta=meta,
        name=None,
        token="cnorm-moments",
    )
    return da.reduction(
        parts,
        chunk=_itself,
        combine=_merged,
        aggregate=_merged,
        axis=axes,
        keepdims=True,
        concatenate=False,
        split_every=split_every,
        dtype=np.float64,
        meta=meta,
        name="cnorm-merge",
    )


def kept(state: RunningMoments, name: str, correction: float, axes: tuple[int, ...], dtype: Any) -> Array:
    """Mean or variance with reduced axes of size 1."""
    value = np.asarray(state.mean if name == "mean" else state.var(correction))
    with np.errstate(over="ignore"):
        return np.expand_dims(value, axes).astype(dtype)


def alone(block: Array, mask: Array | None = None, *, axes: tuple[int, ...], eps: float) -> Array:
    """A chunk normalized with statistics of its own."""
    return cnorm.standardize(block, axes, eps=eps, where=mask)


def given(block: Array, state: RunningMoments, axes: tuple[int, ...], eps: float) -> Array:
    """(block - mean) / sqrt(var + eps), the moments in float64."""
    kept = tuple(a for a in range(block.ndim) if a not in axes)
    order = (*kept, *axes)
    turned = block.transpose(order)
    rows = turned.reshape(1, math.prod(state.shape), -1 if block.size else 0)
    y = F.batch_norm(rows, np.ravel(state.mean), np.ravel(state.var()), eps=eps)
    return y.reshape(turned.shape).transpose(np.argsort(order))


def masked(y: Array, mask: Array) -> Array:
    """Hidden elements come out as 0."""
    return np.where(mask, y, y.dtype.type(0))


def fitted(scaler: Any, block: Any, *weight: Any) -> Any:
    """A copy of the scaler, fitted to a chunk."""
    check_no_inf(np.asarray(block))
    return copy.copy(scaler).fit(block, None, *weight)


def joined(scalers: list[Any]) -> Any:
    """A scaler that has seen what several have."""
    total = copy.copy(scalers[0])
    for other in scalers[1:]:
        if isinstance(total, StandardScaler):
            weighted = np.asarray(total.n_samples_seen_).dtype.kind == "f"
            total._store(combined(total._seen(), other._seen()), weighted)
            continue
        total._take_in(other.data_min_, other.data_max_, other.n_samples_seen_, other._eps)
    total._prepare()
    return total
