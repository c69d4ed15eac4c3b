"""mean_pool: the mean of the tokens that count, as models of sentences take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_input, check_out, native, rounded, to_ndarray
from cnorm._accept.axes import as_axes
from cnorm._accept.hints import ArrayLike, Out
from cnorm._accept.masks import as_mask
from cnorm._native import norms, reduced
from cnorm._stats.reductions import sums_of
from cnorm._stats.state import COUNT, MEAN, MEAN_LO, UNIT

_LEAST_NORM = 1e-12  # as normalize has it


def mean_pool(
    x: ArrayLike,
    where: ArrayLike,
    axis: int | Sequence[int] = 1,
    *,
    normalize: bool = False,
    out: Out = None,
) -> Array:
    r"""Mean of the tokens that count, as models of sentences take it of their last layer.

    .. math:: y = \frac{\sum_t m_t x_t}{\sum_t m_t}, \qquad \text{and then}\quad \frac{y}{\lVert y \rVert_2}

    Parameters
    ----------
    x : array_like of float, shape (N, L, D)
        Any layout and any number of dimensions. What hidden tokens hold never matters.
    where : array_like of bool, shape (N, L)
        Tokens that count: the attention mask as bool, or `length_mask(lengths, L)`. With as many dimensions
        as `x` it is broadcast against `x`; with one less, the last axis of `x` is what it lacks. None: all
        count.
    axis : int or tuple of int
        The tokens'; dropped from the result.
    normalize : bool
        Divide each mean by its norm over the last axis.
    out : ndarray, optional
        Where to write; of the result's shape and the dtype of `x`.

    Returns
    -------
    ndarray
        Dtype of `x`. 0 where no token counts.

    Raises
    ------
    TypeError
        `x` is not float, `where` not boolean, `normalize` no bool.
    ValueError
        A mask that does not fit, an axis out of range, the last axis among those of a mask that lacks it or
        of a result to be normalized, an `out` that does not fit.

    See Also
    --------
    length_mask : The mask of padded sequences.

    Notes
    -----
    Summed in float64 and rounded once, after the division.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> x = np.array([[[1.0, 4.0], [5.0, 4.0], [9.0, 9.0]]])
    >>> cnorm.mean_pool(x, cnorm.length_mask([2], 3))
    array([[3., 4.]])
    >>> cnorm.mean_pool(x, cnorm.length_mask([2], 3), normalize=True)
    array([[0.6, 0.8]])
    """
    if normalize is False or normalize is True:
        found = reduced.pool_at_once(x, where, axis, out, normalize)
        if found is not None:
            return rounded(_of_length_one(found) if normalize else found, x.dtype)  # type: ignore
    array = as_input(x, "x")
    if not array.ndim:
        raise ValueError("x: expected at least 1 dimension, got 0")
    axes = as_axes(axis, array.ndim)
    if not isinstance(normalize, (bool, np.bool_)):
        raise TypeError(f"normalize: expected a bool, got {normalize!r}")
    if normalize and array.ndim - 1 in axes:
        raise ValueError(f"normalize: expected a last axis that is not pooled, got axis={axis!r}")
    mask = _mask_of(where, array, axes)
    if out is not None:
        check_out(tuple([n for a, n in enumerate(array.shape) if a not in axes]), array.dtype, out)
    x = native(array)
    exact = np.float64 if normalize or array.dtype.itemsize == 2 else None  # rounded once, at the end
    pooled = reduced.reduce("pool", x, axes, None, False, mask, dtype=exact)
    if pooled is None:
        pooled = _means(x, axes, mask).squeeze(axes)
    pooled = np.asarray(pooled)
    y = rounded(_of_length_one(pooled) if normalize else pooled, x.dtype)
    if out is None:
        return y.astype(array.dtype, copy=False)
    out[...] = y
    return out


def _of_length_one(pooled: Array) -> Array:
    """Each mean over its norm, in place."""
    if pooled.size:
        norms.normalize(pooled, pooled, (pooled.ndim - 1,), None, None, _LEAST_NORM, "l2")
    return pooled


def _mask_of(where: Any, x: Array, axes: tuple[int, ...]) -> Array | None:
    """A mask against x; one that lacks a dimension lacks the last."""
    if where is None:
        return None
    given = to_ndarray(where, "where")
    if given.ndim not in (x.ndim, x.ndim - 1):
        raise ValueError(f"where: expected {x.ndim - 1} or {x.ndim} dimensions, got shape {given.shape}")
    if given.ndim == x.ndim:
        return as_mask(given, x)
    if x.ndim - 1 in axes:
        raise ValueError(
            f"where: expected {x.ndim} dimensions to pool the last axis, got shape {given.shape}"
        )
    mask = as_mask(given, x[..., 0] if x.shape[-1] else np.empty(x.shape[:-1]))
    return None if mask is None else mask[..., None]


def _means(x: Array, axes: tuple[int, ...], mask: Array | None) -> Array:
    """float64, 0 of nothing."""
    state = sums_of(x, axes, mask)
    with np.errstate(all="ignore"):
        count, total = state[..., COUNT], (state[..., MEAN] + state[..., MEAN_LO]) / state[..., UNIT]
        return np.where(count > 0, total / count, 0.0)
