"""What the functions for Dask compute of a chunk, how moments merge, and the graphs of both.

A masked array among the chunks is taken as its data with a mask `where`, and its result is masked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._accept.arrays import FLOATS, Array, compute_dtype
from cnorm._accept.axes import as_int
from cnorm._stats.reductions import check_nan_policy
from cnorm._stats.running import RunningMoments
from cnorm.interop._require import require

dask: Any = require("dask", "dask")
da: Any = require("dask.array", "dask")
masked_arrays: Any = np.ma.MaskedArray

__all__ = [
    "aligned",
    "alone",
    "as_tree",
    "check_array",
    "check_plain",
    "flat",
    "given",
    "is_known",
    "kept",
    "merged_chunks",
    "result_dtype",
    "shown",
    "spread_over",
    "states",
    "whole_axes",
]

UNKNOWN = "and sizes are unknown ({}.compute_chunk_sizes() finds them)"


def is_known(chunks: tuple[float, ...]) -> bool:
    """Are the sizes of these chunks known before they are computed?"""
    return not any(math.isnan(n) for n in chunks)


def as_tree(split_every: Any) -> int | None:
    """How many results are merged at a time."""
    if split_every is None:
        return None
    several = as_int(split_every, "split_every")
    if several < 2:
        raise ValueError(f"split_every: expected at least 2, got {several}")
    return several


def check_array(x: Any, name: str = "x") -> Any:
    """x if it is a Dask array of real numbers."""
    if not isinstance(x, da.Array):
        raise TypeError(f"{name}: expected a dask.array.Array, got {type(x).__name__}")
    if x.dtype.kind not in "biuf" and x.dtype.name != "bfloat16":
        raise TypeError(f"{name}: expected a real dtype, got {x.dtype}")
    return x


def check_plain(value: Any, name: str) -> Any:
    """A mask or weights, which no mask of their own may hide: what would that mean?"""
    if isinstance(getattr(value, "_meta", value), masked_arrays):
        raise TypeError(f"{name}: expected no masked array: fill it first, as by dask.array.ma.filled")
    return value


def whole_axes(x: Any, axes: list[int], name: str) -> Any:
    """x with one chunk along these axes."""
    several = [a for a in axes if x.numblocks[a] > 1]
    for a in several:
        if not is_known(x.chunks[a]):
            found = f"got {x.numblocks[a]}, {UNKNOWN.format(name)}"
            raise ValueError(f"{name}: expected one chunk along axis {a}, {found}")
    return x.rechunk(dict.fromkeys(several, -1)) if several else x


def spread_over(value: Any, x: Any, name: str) -> Any:
    """A mask or weights as a Dask array with the axes of x, chunked as x where they are as long."""
    array = check_plain(value if isinstance(value, da.Array) else da.asarray(check_plain(value, name)), name)
    if name == "where" and array.dtype != np.bool_:
        raise TypeError(f"where: expected a boolean array, got {array.dtype}")
    if array.dtype.kind not in "biuf" and array.dtype.name not in FLOATS:
        raise TypeError(f"{name}: expected a real dtype, got {array.dtype}")
    if array.ndim > x.ndim:
        raise ValueError(f"{name}: expected a shape that broadcasts against {x.shape}, got {array.shape}")
    first = x.ndim - array.ndim
    full = array[(None,) * first]
    chunks = {}
    for a in range(first, x.ndim):
        if full.shape[a] == 1:
            continue
        if is_known(x.chunks[a]) and is_known(full.chunks[a]):
            if full.shape[a] != x.shape[a]:
                raise ValueError(
                    f"{name}: expected a shape that broadcasts against {x.shape}, got {array.shape}"
                )
            chunks[a] = x.chunks[a]
        elif full.numblocks[a] != x.numblocks[a]:
            wanted = f"expected {x.numblocks[a]} chunks along axis {a} of x, got {full.numblocks[a]}"
            vague = name if is_known(x.chunks[a]) else "x"
            raise ValueError(f"{name}: {wanted}, {UNKNOWN.format(vague)}")
    return full.rechunk(chunks)


def _checked(block: Any, *others: Any, function: Any, names: tuple[str, ...], long: Any, **how: Any) -> Any:
    """The function, once sizes that were unknown are known to be those of the block."""
    for other, name, axes in zip(others, names, long, strict=True):
        for a in axes if isinstance(other, np.ndarray) else ():
            if other.shape[a] != block.shape[a]:
                raise ValueError(
                    f"{name}: expected chunks of the sizes of x, got {other.shape} beside {block.shape}"
                )
    return function(block, *others, names=names, **how)


def aligned(function: Any, x: Any, others: dict[str, Any], **how: Any) -> Any:
    """Blocks of a function of x and of arrays from `spread_over`, whose sizes 1 meet every chunk."""
    axes = tuple(range(x.ndim))
    pairs = [part for array in (x, *others.values()) for part in (array, axes)]
    arguments: dict[str, Any] = {"names": tuple(others)}
    if not all(map(is_known, [*x.chunks, *(c for other in others.values() for c in other.chunks)])):
        long = [[a for a in axes if other.shape[a] != 1] for other in others.values()]
        arguments |= {"function": function, "long": long}
        function = _checked
    return da.blockwise(function, axes, *pairs, align_arrays=False, **arguments, **how)


def shown(block: Any, where: Array | None) -> tuple[Array, Array | None, Array | None]:
    """The data of a block, which of it counts, and its own mask."""
    if not isinstance(block, masked_arrays):
        return block, where, None
    hidden = np.ma.getmaskarray(block)
    return block.data, ~hidden if where is None else ~hidden & where, hidden


def _part(block: Any, *others: Array, names: tuple[str, ...], axes: tuple[int, ...], nan_policy: str) -> Any:
    """An array whose one element is the moments of a chunk."""
    named = {name: check_plain(other, name) for name, other in zip(names, others, strict=True)}
    x, where, _ = shown(block, named.pop("where", None))
    shape = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    state = RunningMoments(shape, nan_policy=nan_policy)
    return state.update(x, axes, where=where, **named) if x.size else state


def _itself(part: Any, axis: Any = None, keepdims: bool = True) -> Any:
    return part


def flat(parts: Any) -> Iterable[Any]:
    """Of nested lists, in their order."""
    if not isinstance(parts, list):
        yield parts
        return
    for part in parts:
        yield from flat(part)


def _merged(parts: Any, axis: Any = None, keepdims: bool = True, computing_meta: bool = False) -> Any:
    """One object for several; they stay as they are."""
    if computing_meta:
        return parts
    first, *rest = flat(parts)
    total = first.copy()
    for part in rest:
        total.merge(part)
    return total


def states(
    x: Any, axes: tuple[int, ...], nan_policy: str, split_every: Any, where: Any = None, weights: Any = None
) -> Any:
    """A chunked array whose blocks are RunningMoments; reduced axes have size 1."""
    check_nan_policy(nan_policy)
    tree = as_tree(split_every)
    named = (("where", where), ("weights", weights))
    meta = np.empty((0,) * x.ndim)
    parts = aligned(
        _part,
        x,
        {name: spread_over(value, x, name) for name, value in named if value is not None},
        axes=axes,
        nan_policy=nan_policy,
        adjust_chunks={a: lambda n: 1 for a in axes},
        dtype=np.float64,
        meta=meta,
        name=None,
        token="cnorm-moments",
    )
    return merged_chunks(parts, _merged, axes, tree, "cnorm-merge")


def merged_chunks(parts: Any, merge: Any, axes: tuple[int, ...], tree: Any, name: str) -> Any:
    """The elements of a chunked array merged along axes, in order, as a tree; reduced axes have size 1."""
    return da.reduction(
        parts,
        chunk=_itself,
        combine=merge,
        aggregate=merge,
        axis=axes,
        keepdims=True,
        concatenate=False,
        split_every=tree,
        dtype=np.float64,
        meta=np.empty((0,) * parts.ndim),
        name=name,
    )


def result_dtype(x: Any) -> np.dtype[Any]:
    """That of moments: float32 of floats up to 32 bits, otherwise float64."""
    return np.dtype(np.float32 if x.dtype.kind not in "biu" and x.dtype.itemsize < 8 else np.float64)


def kept(state: RunningMoments, name: str, correction: float, axes: tuple[int, ...], dtype: Any) -> Array:
    """Mean or variance with reduced axes of size 1."""
    value = np.asarray(state.mean if name == "mean" else state.var(correction))
    with np.errstate(over="ignore"):
        return np.expand_dims(value, axes).astype(dtype)


def _affine(x: Array, names: tuple[str, ...], others: tuple[Array, ...]) -> dict[str, Any]:
    """Weight, bias and where; the first two in the dtype that x is computed in."""
    named: dict[str, Any] = dict.fromkeys(("weight", "bias", "where"))
    for name, other in zip(names, others, strict=True):
        plain = check_plain(other, name)
        named[name] = plain if name == "where" else plain.astype(compute_dtype(x), copy=False)
    return named


def alone(block: Any, *others: Array, names: tuple[str, ...], axes: tuple[int, ...], eps: float) -> Any:
    """A chunk normalized with statistics of its own."""
    named = _affine(block, names, others)
    x, where, hidden = shown(block, named.pop("where"))
    y = cnorm.standardize(x, axes, eps=eps, where=where, **named)
    return y if hidden is None else np.ma.array(y, mask=hidden)


def given(block: Any, *others: Any, names: tuple[str, ...], axes: tuple[int, ...], eps: float) -> Any:
    """(block - mean) / sqrt(var + eps) * weight + bias, the moments in float64, rounded to 16 bits once."""
    state = others[0]
    named = _affine(block, names[1:], others[1:])
    x, where, hidden = shown(block, named["where"])
    affine = any(named[name] is not None for name in ("weight", "bias"))
    y = _centered(x.astype(compute_dtype(x), copy=False) if affine else x, state, axes, eps)
    with np.errstate(over="ignore", invalid="ignore"):
        if named["weight"] is not None:
            y *= named["weight"]
        if named["bias"] is not None:
            y += named["bias"]
        y = y.astype(x.dtype, copy=False)
    if where is not None:
        y = np.where(where, y, y.dtype.type(0))
    return y if hidden is None else np.ma.array(y, mask=hidden)


def _centered(x: Array, state: RunningMoments, axes: tuple[int, ...], eps: float) -> Array:
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    order = (*kept, *axes)
    turned = x.transpose(order)
    rows = turned.reshape(1, math.prod(state.shape), -1 if x.size else 0)
    y = F.batch_norm(rows, np.ravel(state.mean), np.ravel(state.var()), eps=eps)
    return y.reshape(turned.shape).transpose(np.argsort(order))
