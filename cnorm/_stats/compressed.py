"""Sparse matrices in CSR or CSC form: accepted, checked, their rows and columns reduced or divided."""

from __future__ import annotations

import copy as copying
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, is_float
from cnorm._accept.axes import as_axes
from cnorm._native import sparse, states
from cnorm._stats.reductions import (
    GREATEST,
    LEAST,
    ORDER,
    check_nan_policy,
    extremes_of,
    in_data_weights,
    moments_of,
    order_of,
)
from cnorm._stats.state import COUNT, EMPTY, combined

__all__ = [
    "Compressed",
    "as_compressed",
    "as_divisors",
    "as_position_weights",
    "divided",
    "exact_extremes",
    "extremes_along",
    "moments_along",
    "one_axis",
]

_INT32 = np.dtype(np.int32)
# What the core says of indices.
IN_ORDER, OUT_OF_ORDER, OUTSIDE = range(3)


class Compressed(NamedTuple):
    """The parts of a matrix: vectors without gaps the core takes; `major` is the axis that is compressed."""

    data: Array
    indices: Array
    starts: Array
    shape: tuple[int, int]
    major: int

    @property
    def width(self) -> int:
        return self.shape[1 - self.major]


def as_compressed(a: Any, name: str = "a") -> Compressed:
    """The parts of a matrix, as far as possible without a copy; what they say of each other is checked."""
    try:
        form = a.format  # first: an array has none, and data that may raise
        plain = sparse.parts(a.data, a.indices, a.indptr, a.shape, form)
    except AttributeError:
        raise TypeError(
            f"{name}: expected a CSR or CSC matrix (data, indices, indptr, shape, format), "
            f"got {type(a).__name__}"
        ) from None
    if plain is not None:
        return Compressed(*plain)
    if a.format not in ("csr", "csc"):
        raise TypeError(f"{name}: expected the format csr or csc, got {a.format}")
    if len(a.shape) != 2:
        raise ValueError(f"{name}: expected two dimensions, got shape {tuple(a.shape)}")
    shape = int(a.shape[0]), int(a.shape[1])
    major = 0 if a.format == "csr" else 1
    starts = vector(a.indptr, f"{name}.indptr", np.dtype(np.int64))
    data = as_values(a.data, f"{name}.data")
    indices = vector(a.indices, f"{name}.indices")
    indices = indices if indices.dtype.itemsize in (4, 8) else indices.astype(np.int64)
    if len(starts) != shape[major] + 1:
        raise ValueError(
            f"{name}.indptr: expected {shape[major] + 1} numbers for shape {shape}, got {len(starts)}"
        )
    if starts[0] != 0 or (np.diff(starts) < 0).any():
        raise ValueError(f"{name}.indptr: expected numbers that begin with 0 and do not decrease")
    stored = int(starts[-1])
    for part, values in (("data", data), ("indices", indices)):
        if len(values) < stored:
            raise ValueError(f"{name}.{part}: expected at least {stored} elements, got {len(values)}")
    return Compressed(data[:stored], indices[:stored], starts, shape, major)


def vector(values: Any, name: str, dtype: np.dtype[Any] | None = None) -> Array:
    """A vector of signed integers of the native byte order, without gaps, of a dtype if one is asked for."""
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected a vector of integers, got {array.dtype} of shape {array.shape}")
    if array.dtype.kind == "u":
        dtype = np.dtype(np.int64)
    return np.require(array, dtype or array.dtype.newbyteorder("="), ["C", "A"])


def as_values(values: Any, name: str) -> Array:
    """A vector of real numbers the core takes as they are; 16-bit floats as float32."""
    array = np.asarray(values)
    if array.ndim != 1 or not (array.dtype.kind in "biu" or is_float(array.dtype)):
        raise TypeError(
            f"{name}: expected a vector of real numbers, got {array.dtype} of shape {array.shape}"
        )
    if array.dtype.kind not in "biu" and array.dtype.itemsize == 2:
        array = array.astype(np.float32)
    return np.require(array, array.dtype.newbyteorder("="), ["C", "A"])


def check_order(order: int, m: Compressed, name: str = "a") -> None:
    """Raises if an index is outside."""
    if order == OUTSIDE:
        raise ValueError(
            f"{name}.indices: expected indices from 0 to {m.width - 1} for shape {m.shape}, "
            f"got {m.indices.min()} to {m.indices.max()}"
        )


def canonical(m: Compressed, order: int | None = None, name: str = "a") -> Compressed:
    """The same matrix if no element is stored twice, else a copy with their sums; indices are checked."""
    order = sparse.order(m.indices, m.starts, m.width) if order is None else order
    check_order(order, m, name)
    if order == IN_ORDER or not sparse.repeats(m.indices, m.starts, m.width):
        return m
    # Booleans add by or, as in SciPy.
    given = m.data.astype(np.int64) if m.data.dtype.kind == "b" else m.data
    data, indices, starts = np.empty_like(given), np.empty_like(m.indices), np.empty_like(m.starts)
    sparse.add_repeats(given, m.indices, m.starts, m.width, data, indices, starts)
    stored = int(starts[-1])
    return m._replace(
        data=data[:stored].astype(m.data.dtype, copy=False), indices=indices[:stored], starts=starts
    )


def one_axis(axis: Any) -> int | None:
    """0, 1, or None for both."""
    axes = as_axes(axis, 2)
    return None if len(axes) == 2 else axes[0]


def as_position_weights(weights: Any, m: Compressed, axis: int | None) -> Array | None:
    """What the positions along an axis count, float64."""
    if weights is None:
        return None
    if axis is None:
        raise ValueError("weights: expected axis 0 or 1 with weights, got None")
    w = np.asarray(weights)
    if w.dtype.kind not in "biuf":
        raise TypeError(f"weights: expected a real dtype, got {w.dtype}")
    if w.shape != (m.shape[axis],):
        raise ValueError(f"weights: expected shape ({m.shape[axis]},), got {w.shape}")
    w = np.require(w, np.float64, ["C", "A"])
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError("weights: expected no negative, infinite or NaN weight")
    return w


def as_divisors(by: Any, groups: int) -> Array:
    """What each group is divided by, float64, 1 in the place of 0."""
    seen = sparse.divisors(by, groups)
    if seen is not None:
        return seen
    divisor = np.asarray(by)
    if divisor.dtype.kind not in "biuf":
        raise TypeError(f"by: expected real numbers, got {divisor.dtype}")
    if divisor.shape != (groups,):
        raise ValueError(f"by: expected shape ({groups},), got {divisor.shape}")
    return np.ascontiguousarray(divisor if divisor.all() else np.where(divisor == 0, 1, divisor), np.float64)


def moments_along(
    m: Compressed, axis: int | None, weights: Array | None = None, nan_policy: str = "propagate"
) -> Array:
    """The table state of the groups along an axis, or of all elements; zeros that are not stored count."""
    check_nan_policy(nan_policy)
    omit = nan_policy == "omit"
    if nan_policy == "raise" and counted_nan(m, axis, weights):
        raise ValueError('a: contains NaN and nan_policy is "raise"')
    if axis is None:
        m = canonical(m)
        stored = moments_of(m.data, (0,), None, None, omit)[0]
        return combined(stored, zeros_of(m))
    order = int(order_of(weights.max(initial=0))) if weights is not None else 0
    order = order if abs(order) > ORDER else 0
    w = weights if weights is None or not order else np.ldexp(weights, -order)
    across = axis == m.major
    state, found = sparse.moments(m.data, m.indices, m.starts, m.width, across, w, omit)
    right = canonical(m, found)
    if right is not m:
        state, _ = sparse.moments(right.data, right.indices, right.starts, m.width, across, w, omit)
    return in_data_weights(state, np.full(len(state), order)) if order else state


def counted_nan(m: Compressed, axis: int | None, weights: Array | None) -> bool:
    """Is there NaN that counts?"""
    if m.data.dtype.kind != "f":
        return False
    nans = np.isnan(m.data)
    if not nans.any() or weights is None:
        return bool(nans.any())
    check_order(sparse.order(m.indices, m.starts, m.width), m)
    places = m.indices[nans]
    if axis == m.major:
        places = np.repeat(np.arange(m.shape[m.major]), np.diff(m.starts))[nans]
    return bool((weights[places] > 0).any())


def zeros_of(m: Compressed) -> Array:
    """The state of all that is not stored."""
    zeros = EMPTY.copy()
    zeros[COUNT] = m.shape[0] * m.shape[1] - len(m.data)
    return zeros


def extremes_along(m: Compressed, axis: int | None) -> tuple[Array, Array]:
    """Least and greatest of the groups, NaN left out and NaN where there is nothing else; float64."""
    if axis is None:
        m = canonical(m)
        found = extremes_of(m.data, (0,))[0]
        low, high = found[LEAST], found[GREATEST]
        if zeros_of(m)[COUNT] > 0:
            low, high = np.minimum(low, 0), np.maximum(high, 0)
    else:
        across = axis == m.major
        found, order = sparse.extremes(m.data, m.indices, m.starts, m.width, across)
        right = canonical(m, order)
        if right is not m:
            found, _ = sparse.extremes(right.data, right.indices, right.starts, m.width, across)
        return states.ends(found, True, True)
    nothing = low > high
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def exact_extremes(m: Compressed, axis: int | None) -> tuple[Array, Array]:
    """The same of 64-bit integers that float64 does not hold, in their dtype."""
    m = canonical(m)
    info = np.iinfo(m.data.dtype)
    size = 1 if axis is None else m.shape[1 - axis]
    low, high = np.full(size, info.max, m.data.dtype), np.full(size, info.min, m.data.dtype)
    of_major = np.repeat(np.arange(m.shape[m.major]), np.diff(m.starts))
    places = 0 * m.indices if axis is None else m.indices if axis == m.major else of_major
    np.minimum.at(low, places, m.data)
    np.maximum.at(high, places, m.data)
    full = m.shape[0] * m.shape[1] if axis is None else m.shape[axis]
    zeros = np.bincount(places, minlength=size) < full
    low[zeros], high[zeros] = np.minimum(low[zeros], 0), np.maximum(high[zeros], 0)
    return (low[0], high[0]) if axis is None else (low, high)


def shallow(a: Any) -> Any:
    """As `copy.copy` has it of an object whose class says nothing of copies: in a fifth of the time."""
    y = object.__new__(type(a))
    y.__dict__.update(a.__dict__)
    return y


def divided(a: Any, m: Compressed, by: Array, axis: int, most: float, *, copy: bool) -> Any:
    """A matrix of a's class divided by float64 `by` along an axis, at most `most`; a itself in place."""
    check_order(sparse.order(m.indices, m.starts, m.width), m)
    right = canonical(m) if most < np.inf else m  # the sum of what is stored twice is clipped
    given = np.asarray(a.data)
    in_place = not copy and right is m and is_float(given.dtype) and given.flags.writeable
    data = right.data.astype(np.float64) if right.data.dtype.kind in "biu" else right.data
    same = in_place and np.may_share_memory(data, given)
    out = data if same else np.empty_like(data)
    sparse.divide(data, right.indices, right.starts, m.width, axis == m.major, by, most, out)
    if in_place:
        if not same:
            given[: len(out)] = out
        return a
    if is_float(given.dtype) and given.dtype.itemsize == 2:
        with np.errstate(over="ignore"):
            out = out.astype(given.dtype.newbyteorder("="))
    kept = (m.indices, m.starts) if right is m else (right.indices, right.starts)
    types = np.asarray(a.indices).dtype, np.asarray(a.indptr).dtype
    indices, indptr = (v.astype(t) for v, t in zip(kept, types, strict=True))
    if hasattr(a, "_replace"):
        return a._replace(data=out, indices=indices, indptr=indptr)
    alike = right is m and set(types) == {_INT32} and max(m.shape) < 2**31
    of_scipy = hasattr(a, "tocsr")
    if of_scipy and not (alike and type(a).__module__.startswith("scipy.")):
        return type(a)((out, indices, indptr), shape=a.shape)
    y = shallow(a) if of_scipy else copying.copy(a)  # its constructor looks for dtypes of indices for 5 us
    y.data, y.indices, y.indptr = out, indices, indptr
    return y
