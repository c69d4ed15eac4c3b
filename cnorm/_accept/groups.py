"""Groups along an axis: what `labels` and `offsets` accept."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, native, to_ndarray
from cnorm._accept.axes import as_int, ordered_axes

__all__ = ["as_labels", "as_offsets", "group_axes", "labels_of"]

# A statistic of each, of five doubles, has an address.
MOST_GROUPS = np.iinfo(np.intp).max // 64


def group_axes(axis: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Axes as non-negative ints: first the one along which the groups lie, then what is reduced as well."""
    axes = ordered_axes(axis, len(shape))
    if not axes:
        raise ValueError(f"axis: expected the axis of the groups, got {axis!r} with x of shape {shape}")
    return axes


def as_labels(labels: Any, length: int, num_groups: Any, out: Any = None) -> tuple[Array, int]:
    """The label of each position as contiguous int32 or intp, apart from `out`, and the number of groups."""
    array = as_whole(labels, "labels")
    if array.shape != (length,):
        raise ValueError(f"labels: expected a label for each of {length} positions, got shape {array.shape}")
    most = int(array.max()) if array.size else -1
    groups = max(most + 1, 0) if num_groups is None else as_int(num_groups, "num_groups")
    if groups < 0:
        raise ValueError(f"num_groups: expected no negative number, got {groups}")
    if groups > MOST_GROUPS:
        name, got = ("labels", most) if num_groups is None else ("num_groups", groups)
        raise ValueError(f"{name}: expected no more than {MOST_GROUPS} groups, got {got}")
    if most >= groups:
        raise ValueError(f"labels: expected labels below num_groups = {groups}, got {most}")
    own = np.int32 if np.can_cast(array.dtype, np.int32) else np.intp
    return apart(vector_of(array, own), out), groups


def vector_of(array: Array, dtype: Any) -> Array:
    """Its numbers side by side and aligned, as the core takes them."""
    own = np.ascontiguousarray(array, dtype)
    return own if own.flags.aligned else own.copy()


def apart(own: Array, out: Any) -> Array:
    """The same, where writing `out` does not change it."""
    return own.copy() if isinstance(out, np.ndarray) and np.may_share_memory(own, out) else own


def as_offsets(offsets: Any, length: int, out: Any = None) -> Array:
    """Where segments begin, and where the last one ends, as contiguous intp, apart from `out`."""
    array = as_whole(offsets, "offsets")
    if array.ndim != 1 or array.size < 1:
        raise ValueError(
            f"offsets: expected a vector of one offset more than there are segments, got shape {array.shape}"
        )
    if (array[1:] < array[:-1]).any():
        at = int(np.argmax(array[1:] < array[:-1]))
        raise ValueError(
            f"offsets: expected none below the one before, got {array[at]}, {array[at + 1]} at {at}"
        )
    if not 0 <= int(array[0]) <= int(array[-1]) <= length:
        raise ValueError(
            f"offsets: expected 0 to {length}, the length of the axis, got {array[0]} to {array[-1]}"
        )
    return apart(vector_of(array, np.intp), out)


def as_whole(numbers: Any, name: str) -> Array:
    """An array of ints; an empty list counts as one."""
    array = native(to_ndarray(numbers, name))
    if array.dtype.kind not in "iu" and (array.size or isinstance(numbers, np.ndarray)):
        raise TypeError(f"{name}: expected ints, got {array.dtype}")
    return array


def labels_of(offsets: Array, length: int) -> Array:
    """The segment of each position; -1 in none."""
    labels = np.full(length, -1, np.intp)
    labels[offsets[0] : offsets[-1]] = np.repeat(np.arange(offsets.size - 1), np.diff(offsets))
    return labels
