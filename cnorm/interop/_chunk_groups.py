"""Moments of groups of chunked Dask arrays: a state of all groups of each chunk, merged in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_int, as_number
from cnorm._accept.groups import group_axes
from cnorm._stats.grouped import group_states
from cnorm._stats.moments import finish
from cnorm._stats.reductions import check_nan_policy
from cnorm._stats.state import combined
from cnorm.interop._chunks import (
    aligned,
    as_tree,
    check_array,
    flat,
    merged_chunks,
    result_dtype,
    shown,
    spread_over,
)
from cnorm.interop._require import require

da: Any = require("dask.array", "dask")

__all__ = ["group_moments"]


def group_moments(
    x: Any,
    labels: Any,
    num_groups: int,
    *,
    axis: Any = 0,
    correction: float = 0,
    where: Any = None,
    weights: Any = None,
    nan_policy: str = "propagate",
    split_every: Any = None,
) -> tuple[Any, Any]:
    """Mean and variance of groups of a chunked array, each chunk read once: `cnorm.group_moments`.

    Parameters
    ----------
    x : dask.array.Array
        Real numbers; what masked arrays among the chunks hide does not count.
    labels : array_like of int
        The group of each position along the (first) axis, in any order; negative: in no group. A Dask array,
        too.
    num_groups : int
        How many groups there are.
    axis : int or tuple of int
        The axis of the labels; further ones are reduced as well.
    correction : float
        Delta degrees of freedom.
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
        The shape of `x` with `num_groups` along the axis of the labels and further axes dropped; one chunk
        along the groups.

    Raises
    ------
    TypeError
        `x` is no Dask array, or not of real numbers; `labels` or `num_groups` are not ints; a mask that is
        not boolean.
    ValueError
        An axis out of range, not one label for each position, a negative `num_groups`, an unknown policy,
        `split_every` below 2; when computed, a label of `num_groups` or more, NaN under "raise".

    See Also
    --------
    cnorm.group_moments : Of an array in memory.
    moments : Of all.

    Examples
    --------
    >>> import dask, dask.array as da
    >>> from cnorm.interop.dask import group_moments
    >>> mean, var = dask.compute(*group_moments(da.arange(6, chunks=4), [0, 1, 0, 1, 0, 1], 2))
    >>> mean, var
    (array([2., 3.]), array([2.66666667, 2.66666667]))
    """
    axes = group_axes(axis, check_array(x).shape)
    groups, correction = as_int(num_groups, "num_groups"), as_number(correction, "correction")
    if groups < 0:
        raise ValueError(f"num_groups: expected no negative number, got {groups}")
    check_nan_policy(nan_policy)
    tree = as_tree(split_every)
    others = {"labels": labels_beside(labels, x, axes[0])}
    for name, value in (("where", where), ("weights", weights)):
        if value is not None:
            others[name] = spread_over(value, x, name)
    meta = np.empty((0,) * x.ndim)
    parts = aligned(
        states_of_chunk,
        x,
        others,
        axes=axes,
        groups=groups,
        nan_policy=nan_policy,
        adjust_chunks={a: lambda n: 1 for a in axes},
        dtype=np.float64,
        meta=meta,
        name=None,
        token="cnorm-groups",
    )
    state = merged_chunks(parts, merged, axes, tree, "cnorm-merge-groups")
    dtype = result_dtype(x)
    chunks = tuple((groups,) if a == axes[0] else state.chunks[a] for a in range(x.ndim))
    how = {"dtype": dtype, "meta": meta.astype(dtype), "chunks": chunks}
    both = [
        state.map_blocks(finished, which, correction, np.empty(0, x.dtype), **how).squeeze(axes[1:])
        for which in (0, 1)
    ]
    return both[0], both[1]


def labels_beside(labels: Any, x: Any, axis: int) -> Any:
    """Labels as a Dask array with the axes of x."""
    array = labels if isinstance(labels, da.Array) else da.asarray(np.asarray(labels))
    if array.dtype.kind not in "iu":
        raise TypeError(f"labels: expected ints, got {array.dtype}")
    if array.ndim != 1 or (
        array.shape != (x.shape[axis],) and not np.isnan([*array.shape, x.shape[axis]]).any()
    ):
        raise ValueError(
            f"labels: expected a label for each of {x.shape[axis]} positions, got shape {array.shape}"
        )
    return spread_over(array[tuple(slice(None) if a == axis else None for a in range(x.ndim))], x, "labels")


def states_of_chunk(
    block: Any,
    *others: Array,
    names: tuple[str, ...],
    axes: tuple[int, ...],
    groups: int,
    nan_policy: str,
) -> Array:
    """The state of all groups in a chunk."""
    named = dict(zip(names, others, strict=True))
    x, where, _ = shown(block, named.get("where"))
    labels = np.ravel(named["labels"])
    return group_states(x, labels, groups, axes, where, named.get("weights"), nan_policy)


def merged(parts: Any, axis: Any = None, keepdims: bool = True, computing_meta: bool = False) -> Any:
    """One state for several."""
    if computing_meta:
        return parts
    total, *rest = flat(parts)
    for part in rest:
        total = combined(total, part)
    return total


def finished(state: Array, which: int, correction: float, like: Array) -> Array:
    """Mean or variance; reduced axes stay with size 1."""
    return np.asarray(finish(state, correction, like, (), keepdims=True)[which])
