"""Sums, means and deviations under NumPy's names: its rules of dtype, out and keepdims about the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_number
from cnorm._native import reduced, states
from cnorm._stats import foreign
from cnorm._stats.reductions import as_weights, moments_of, squares_of, sums_of
from cnorm._stats.request import Target, check_any_out, is_foreign, opened
from cnorm._stats.state import M2, UNIT

__all__ = ["averaged", "spread", "squared", "summed"]


def summed(
    a: Any, axis: Any, dtype: Any, out: Any, keepdims: bool, where: Any, weights: Any, omit: bool
) -> Any:
    """The sum, without NaN if they are omitted."""
    found = reduced.reduce("sum", a, axis, out, keepdims, where, omit, 0, dtype, weights)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    w = None if weights is None else as_weights(weights, x)
    kind = x.dtype.kind if dtype is None else np.dtype(dtype).kind
    if kind in "biu" and w is None:
        return summed_integers(x, axes, dtype, out, keepdims, mask, omit)
    target = Target(x, axes, dtype, out, keepdims)
    if is_foreign(x.dtype) or is_foreign(target.dtype):
        x = widened(x, target.dtype)
        return target.done(foreign.sums(x, axes, mask, w and w.values, omit)[1])
    state = sums_of(x, axes, mask, w, omit)
    return target.done(states.totals(state, True))


def summed_integers(
    x: Array, axes: tuple[int, ...], dtype: Any, out: Any, keepdims: bool, mask: Array | None, omit: bool
) -> Any:
    """NumPy's own sum, which wraps around; of floats to an integer dtype, too."""
    check_any_out(x, axes, out, keepdims)
    if x.dtype.kind == "c":
        raise TypeError(f"dtype: expected a complex dtype for complex numbers, got {np.dtype(dtype)}")
    if x.dtype.kind not in "biu":
        x = x if x.dtype.itemsize > 2 else x.astype(np.float32)
        x = np.where(np.isnan(x), x.dtype.type(0), x) if omit else x
    with np.errstate(invalid="ignore"):
        return np.sum(x, axes, dtype, out, keepdims, where=True if mask is None else mask)


def averaged(
    a: Any, axis: Any, dtype: Any, out: Any, keepdims: bool, where: Any, weights: Any, omit: bool
) -> Any:
    """The mean, without NaN if they are omitted."""
    found = reduced.reduce("mean", a, axis, out, keepdims, where, omit, 0, dtype, weights)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    w = None if weights is None else as_weights(weights, x)
    target = Target(x, axes, dtype, out, keepdims)
    if is_foreign(x.dtype) or is_foreign(target.dtype):
        count, total = foreign.sums(widened(x, target.dtype), axes, mask, w and w.values, omit)
        with np.errstate(all="ignore"):
            return target.done(total / count)
    return target.done(states.values(moments_of(x, axes, mask, w, omit), 0, True)[0])


def spread(
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    ddof: Any,
    keepdims: bool,
    where: Any,
    weights: Any,
    omit: bool,
    root: bool,
) -> Any:
    """The variance or its root; of too few elements NaN if NaN are omitted, else what NumPy divides."""
    name = "std" if root else "var"
    found = reduced.reduce(name, a, axis, out, keepdims, where, omit, ddof, dtype, weights)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    w = None if weights is None else as_weights(weights, x)
    ddof = as_number(ddof, "ddof")
    target = Target(x, axes, dtype, out, keepdims, real=True)
    wanted = x.dtype if dtype is None else np.dtype(dtype)
    if is_foreign(x.dtype) or is_foreign(wanted):
        count, values = foreign.squares(widened(x, wanted), axes, mask, w and w.values, omit)
        with np.errstate(all="ignore"):
            values = (values / divisor(count, ddof, omit)).astype(values.dtype, copy=False)
        values = np.sqrt(values) if root else values
    else:
        values = states.values(moments_of(x, axes, mask, w, omit), ddof, True, omit, root)[1]
    return target.done(values)


def divisor(count: Array, ddof: float, omit: bool) -> Array:
    """The count less ddof; of nothing, or of too few, what makes NaN or, as NumPy has it, 0."""
    left = np.asarray(count - ddof)
    left[left <= max(-ddof, 0)] = np.nan if omit else 0
    return left


def squared(a: Any, axis: Any, out: Any, keepdims: bool, where: Any) -> Any:
    """The sum of squares, of integers as NumPy sums them."""
    found = reduced.reduce("squares", a, axis, out, keepdims, where)
    if found is not None:
        return found
    x, axes, mask = opened(a, axis, where)
    if x.dtype.kind in "biu":
        check_any_out(x, axes, out, keepdims)
        wide = x.astype(np.add.reduce(x[:0], axes, keepdims=True).dtype if x.ndim else np.sum(x).dtype)
        return np.sum(wide * wide, axes, None, out, keepdims, where=True if mask is None else mask)
    target = Target(x, axes, None, out, keepdims)
    if is_foreign(x.dtype):
        with np.errstate(all="ignore"):
            return target.done(foreign.sums(x * x, axes, mask, None, False)[1])
    state = squares_of(x, axes, mask)
    with np.errstate(over="ignore", under="ignore"):
        return target.done(state[..., M2] / state[..., UNIT] / state[..., UNIT])


def widened(x: Array, dtype: np.dtype[Any]) -> Array:
    """x in a dtype that NumPy alone has arithmetic for: the one asked for, or its own."""
    if is_foreign(dtype) and (x.dtype.kind != "c" or dtype.kind == "c"):
        return x.astype(dtype, copy=False)
    return x
