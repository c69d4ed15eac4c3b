"""Extremes, where they are, and counts of NaN, under NumPy's and Bottleneck's names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, is_float
from cnorm._accept.axes import as_int
from cnorm._accept.masks import shown
from cnorm._native import reduced, states
from cnorm._stats import foreign
from cnorm._stats.passes import BLOCK, blocks
from cnorm._stats.reductions import GREATEST, LEAST, NAN, extremes_of, sums_of
from cnorm._stats.request import Target, check_any_out, is_foreign, opened, result_shape
from cnorm._stats.state import COUNT

__all__ = ["argument", "counted", "extreme", "nan_found", "reach"]

NAMES = {LEAST: "least", GREATEST: "greatest"}
PLACES = {LEAST: "least_at", GREATEST: "greatest_at"}
UFUNCS = {LEAST: np.minimum, GREATEST: np.maximum}
ARGUMENTS = {LEAST: np.argmin, GREATEST: np.argmax}


def extreme(a: Any, axis: Any, out: Any, keepdims: bool, where: Any, which: int, omit: bool) -> Any:
    """The least or the greatest element, without NaN if they are omitted."""
    found = reduced.reduce(NAMES[which], a, axis, out, keepdims, where, omit)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    check_not_empty(x, axes, UFUNCS[which].__name__)
    if x.dtype.kind in "biu":
        check_any_out(x, axes, out, keepdims)
        return placed(integer_extreme(x, axes, mask, which), axes, out, keepdims)
    target = Target(x, axes, None, out, keepdims)
    return target.done(extremes(x, axes, mask, omit)[which - LEAST])


def reach(a: Any, axis: Any, out: Any, keepdims: bool, where: Any, omit: bool) -> Any:
    """The greatest less the least element."""
    found = reduced.reduce("reach", a, axis, out, keepdims, where, omit)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    check_not_empty(x, axes, "maximum")
    if x.dtype.kind in "biu":
        check_any_out(x, axes, out, keepdims)
        high, low = (integer_extreme(x, axes, mask, which) for which in (GREATEST, LEAST))
        return placed(np.subtract(high, low), axes, out, keepdims)
    target = Target(x, axes, None, out, keepdims)
    low, high = extremes(x, axes, mask, omit)
    with np.errstate(over="ignore", invalid="ignore"):
        return target.done(high - low)


def check_not_empty(x: Array, axes: tuple[int, ...], name: str) -> None:
    """Raises where NumPy does: a group without an element has no extreme."""
    if not x.size and any(x.shape[a] == 0 for a in axes):
        raise ValueError(
            f"a: zero-size array to reduction operation {name} which has no identity, got shape {x.shape}"
        )


def extremes(x: Array, axes: tuple[int, ...], mask: Array | None, omit: bool) -> tuple[Array, Array]:
    """Least and greatest, NaN where nothing else is."""
    if is_foreign(x.dtype):
        return foreign.extremes(x, axes, mask, omit)
    return states.ends(extremes_of(x, axes, mask), omit, True)


def integer_extreme(x: Array, axes: tuple[int, ...], mask: Array | None, which: int) -> Array:
    """NumPy's own, exact at any size; with a mask each group must show something."""
    if mask is None:
        return np.asarray(UFUNCS[which].reduce(x, axes, keepdims=True))
    check_shown(x, axes, mask)
    least, greatest = (False, True) if x.dtype.kind == "b" else limits(x.dtype)
    start = greatest if which == LEAST else least
    return np.asarray(UFUNCS[which].reduce(x, axes, keepdims=True, initial=start, where=mask))


def limits(dtype: np.dtype[Any]) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def check_shown(x: Array, axes: tuple[int, ...], mask: Array) -> None:
    """Raises if a group has no element: there is no integer to say so. Without groups none lacks one."""
    if x.size and not shown(mask, x.shape, axes).all():
        raise ValueError("where: expected an element in each group, got a group without one")


def placed(values: Array, axes: tuple[int, ...], out: Any, keepdims: bool) -> Any:
    """An exact result without its reduced axes, or in `out`, whose dtype must be of its kind."""
    if not keepdims:
        values = values.squeeze(axes)
    if out is None:
        return values[()]
    if out.dtype.kind not in "biufc" or not np.can_cast(values.dtype, out.dtype, "same_kind"):
        raise TypeError(f"out: expected a dtype that takes {values.dtype}, got {out.dtype}")
    np.copyto(out, values, casting="same_kind")
    return out


def counted(a: Any, axis: Any, out: Any, keepdims: bool, where: Any) -> Any:
    """How many elements are not NaN."""
    found = reduced.reduce("count", a, axis, out, keepdims, where)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    check_any_out(x, axes, out, keepdims)
    if is_float(x.dtype):
        number = sums_of(x, axes, mask, None, True)[..., COUNT]
    elif is_foreign(x.dtype):
        number = foreign.sums(x, axes, mask, None, True)[0]
    else:
        number = shown(np.ones((1,) * x.ndim, np.bool_) if mask is None else mask, x.shape, axes)
    return placed(number.astype(np.intp), axes, out, keepdims)


def nan_found(a: Any, axis: Any, out: Any, keepdims: bool, where: Any, everywhere: bool) -> Any:
    """Is an element NaN, or is there nothing else?"""
    answer = reduced.reduce("all_nan" if everywhere else "any_nan", a, axis, out, keepdims, where)
    if answer is not None:
        return answer
    x, axes, mask = opened(a, axis, where)
    check_any_out(x, axes, out, keepdims)
    if is_float(x.dtype):
        found = extremes_of(x, axes, mask)
        answer = found[..., LEAST] > found[..., GREATEST] if everywhere else found[..., NAN] > 0
    elif not is_foreign(x.dtype) and (mask is None or not everywhere):  # no NaN: true of nothing, if at all
        nothing = everywhere and math.prod([x.shape[axis] for axis in axes]) == 0
        answer = np.full(result_shape(x, axes, True), nothing)
    else:
        test = np.isnan(x) if is_foreign(x.dtype) else np.zeros(x.shape, np.bool_)
        shows = np.True_ if mask is None else mask
        reduce = np.logical_and.reduce if everywhere else np.logical_or.reduce
        answer = reduce(test | ~shows if everywhere else test & shows, axes, keepdims=True)
    return placed(answer, axes, out, keepdims)


def argument(a: Any, axis: Any, out: Any, keepdims: bool, where: Any, which: int, omit: bool) -> Any:
    """Index of the first least or greatest element; of the first NaN, if there is one and they count."""
    found = reduced.reduce(PLACES[which], a, axis, out, keepdims, where, omit)
    if found is not None:
        return found
    x, axes, mask = opened(a, None if axis is None else as_int(axis, "axis"), where)
    along = axes[0] if axis is not None and axes else None
    check_any_out(x, axes, out, keepdims)
    if not x.size and (along is None or x.shape[along] == 0):
        raise ValueError(f"a: attempt to get {ARGUMENTS[which].__name__} of an empty sequence, got {x.shape}")
    rows = as_rows(x, along)
    shows = None if mask is None else as_rows(np.broadcast_to(mask, x.shape), along)
    index = np.asarray(first_index(rows, shows, which, omit), np.intp)
    return placed(index.reshape(result_shape(x, axes, True)), axes, out, keepdims)


def as_rows(x: Array, axis: int | None) -> Array:
    """The axis last; all elements in one row if there is none."""
    return x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1)


def first_index(rows: Array, shows: Array | None, which: int, omit: bool) -> Any:
    """By the kernels of floats, or by NumPy where it has the answer; of what is left, by a search."""
    index = None
    if is_float(rows.dtype):
        index = float_index(rows, shows, which, omit)
    elif shows is None and (not omit or rows.dtype.kind in "biu"):
        index = ARGUMENTS[which](rows, -1)
    return careful_index(rows, shows, which, omit) if index is None else index


def float_index(rows: Array, shows: Array | None, which: int, omit: bool) -> Any:
    """By the kernels; None where a row has nothing else than what is hidden, or NaN."""
    x, mask = np.ascontiguousarray(rows), None if shows is None else np.ascontiguousarray(shows)
    return reduced.reduce(PLACES[which], x, x.ndim - 1, None, False, mask, omit)


def careful_index(rows: Array, shows: Array | None, which: int, omit: bool) -> Array:
    """The extreme of each row first, then where it is."""
    last = (rows.ndim - 1,)
    if shows is not None and not omit:
        check_shown(rows, last, shows)
    if rows.dtype.kind in "biu":
        return first_equal(rows, shows, integer_extreme(rows, last, shows, which), False)
    wanted = extremes(rows, last, shows, omit)[which - LEAST]
    if omit and np.isnan(wanted).any():
        raise ValueError("a: All-NaN slice encountered")
    return first_equal(rows, shows, wanted, not omit)


def first_equal(rows: Array, shows: Array | None, wanted: Array, nan: bool) -> Array:
    """Index of the first element of each row that equals what is wanted, NaN too if asked."""
    index = np.full(rows.shape[:-1], rows.shape[-1], np.intp)
    for part in blocks(rows.shape, BLOCK):
        group = part[: rows.ndim - 1]
        values, target = rows[part], wanted[group]
        hit = values == target
        if nan:
            hit |= np.isnan(values) & np.isnan(target)
        if shows is not None:
            hit &= shows[part]
        start = (part[-1].start or 0) if len(part) == rows.ndim else 0
        first = np.where(hit.any(-1), hit.argmax(-1) + start, rows.shape[-1])
        index[group] = np.minimum(index[group], first)
    return index
