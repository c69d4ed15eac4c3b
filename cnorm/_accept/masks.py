"""Masks: what `where=` accepts, masked arrays, the mask of padded sequences, and the counts a mask leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._accept.arrays import EXACT, Array, to_ndarray
from cnorm._accept.axes import as_int, broadcast
from cnorm._accept.hints import ArrayLike, Out
from cnorm._native import glance, reductions

__all__ = ["as_mask", "length_mask", "shown", "unmasked"]


def as_mask(where: Any, x: Array, out: Out = None) -> Array | None:
    """A boolean mask with as many dimensions as `x`, apart from the memory of `out`."""
    if where is None or glance.mask(where, x, out):
        return where  # type: ignore[no-any-return]
    mask = to_ndarray(where, "where")
    if mask.dtype != np.bool_:
        raise TypeError(f"where: expected a boolean array, got {mask.dtype}")
    mask = broadcast(mask, x.shape, "where")
    if isinstance(out, np.ndarray) and np.may_share_memory(mask, out):
        return mask.copy()
    return mask


def unmasked(x: Any, where: Any = None) -> tuple[Any, Any, Callable[[Array], Array]]:
    """The data of a masked array (numpy.ma), `where` without what it masks, and what masks a result like it.

    Everything else comes back as it is. A result that is masked shares the memory of the one that was not, as
    of an `out`; the mask is a copy.
    """
    if type(x) is np.ndarray or not isinstance(x, np.ma.MaskedArray) or x.dtype.names is not None:
        return x, where, _as_it_is
    data, hidden = np.ma.getdata(x, subok=False), np.ma.getmask(x)
    if hidden is np.ma.nomask:
        return data, where, np.ma.MaskedArray
    given = as_mask(where, data)
    visible = ~hidden if given is None else given & ~hidden
    return data, visible, lambda y: np.ma.MaskedArray(y, mask=hidden.copy())


def _as_it_is(y: Array) -> Array:
    return y


def shown(mask: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """How many elements of an array of that shape the mask leaves of each group (axes with size 1)."""
    times = 1
    for axis in axes:
        times *= shape[axis] if mask.shape[axis] == 1 else 1
    return np.asarray(np.add.reduce(mask, axes, np.int64, keepdims=True) * times)


def length_mask(lengths: ArrayLike, max_length: int) -> Array:
    """The mask of padded sequences: True at the first `lengths[i]` positions of row i.

    Parameters
    ----------
    lengths : array_like of int, shape (N,)
        How many positions of each sequence count, 0 to `max_length`.
    max_length : int
        The padded length L.

    Returns
    -------
    ndarray of bool, shape (N, max_length)
        Index it to the shape of the data: ``mask[:, None, :]`` for (N, C, L), ``mask[:, :, None]`` for
        (N, L, C).

    Raises
    ------
    TypeError
        `lengths` or `max_length` is not of ints.
    ValueError
        `lengths` is not one-dimensional, a length is negative or above `max_length`.

    See Also
    --------
    mean_pool : The mean of what a mask shows.
    moments : Takes it as `where`.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.length_mask([3, 0, 1], 3)
    array([[ True,  True,  True],
           [False, False, False],
           [ True, False, False]])
    """
    seen = glance.show_lengths(lengths, max_length)
    if seen is not None:
        return seen
    ends, most = to_ndarray(lengths, "lengths"), as_int(max_length, "max_length")
    if ends.dtype.kind not in "iu" and (ends.size or isinstance(lengths, np.ndarray)):
        raise TypeError(f"lengths: expected ints, got {ends.dtype}")
    if ends.ndim != 1:
        raise ValueError(f"lengths: expected one dimension, got shape {ends.shape}")
    if most < 0:
        raise ValueError(f"max_length: expected no negative number, got {most}")
    least, greatest = _range_of(ends)
    if not 0 <= least <= greatest <= most:
        raise ValueError(f"lengths: expected 0 to max_length = {most}, got {least} to {greatest}")
    return np.asarray(np.arange(most) < ends[:, None])


def _range_of(lengths: Array) -> tuple[int, int]:
    """Least and greatest, of none 0."""
    if not lengths.size:
        return 0, 0
    if lengths.dtype.isnative:
        _, least, greatest, _, _ = reductions.extremes(lengths, (0,)).ravel().tolist()
        if -EXACT < least <= greatest < EXACT:
            return int(least), int(greatest)
    return int(lengths.min()), int(lengths.max())
