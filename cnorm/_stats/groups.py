"""Moments of groups along an axis, by labels or by offsets, and elements by the moments of their group."""

from __future__ import annotations

from collections.abc import Sequence

from cnorm._accept.arrays import Array, as_input, as_number_array, native
from cnorm._accept.groups import as_labels, as_offsets, group_axes
from cnorm._accept.hints import ArrayLike, Given, Out
from cnorm._accept.masks import unmasked
from cnorm._native import groups as by_group
from cnorm._stats.grouped import moments_by, sort_labels, standardize_by

__all__ = ["group_moments", "group_standardize", "segment_moments", "segment_standardize"]


def group_moments(
    x: ArrayLike,
    labels: ArrayLike,
    num_groups: int | None = None,
    *,
    axis: int | Sequence[int] = 0,
    correction: float = 0,
    where: Given = None,
    weights: Given = None,
    nan_policy: str = "propagate",
) -> tuple[Array, Array]:
    """Mean and variance of groups given by labels, as of a `groupby`.

    Parameters
    ----------
    x : array_like
        Real numbers, as `moments` takes them.
    labels : array_like of int
        The group of each position along the (first) axis, in any order; negative: in no group.
    num_groups : int, optional
        How many groups there are; by default one more than the largest label.
    axis : int or tuple of int
        The axis of the labels; further ones are reduced as well.
    correction : float
        Delta degrees of freedom: 0 for the variance of the data, 1 for the unbiased estimate.
    where : array_like of bool, optional
        Elements to include; broadcasts against `x`.
    weights : array_like, optional
        Non-negative repeat counts; broadcast against `x`.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN; what is in no group does not matter.

    Returns
    -------
    mean, var : ndarray
        The shape of `x` with `num_groups` along the axis of the labels and further axes dropped; float32
        for 16-bit input, otherwise in the float dtype of `x`. NaN for an empty group.

    Raises
    ------
    TypeError
        `x` is not real, `labels` are not ints, `where` is not boolean.
    ValueError
        A label of `num_groups` or more, not one label for each position, an axis out of range, a mask or
        weights that do not broadcast, NaN under "raise".

    See Also
    --------
    segment_moments : The same of groups that lie one after the other.

    Notes
    -----
    Each group is read block by block as by `moments`, in the order of its positions. What other
    groups hold, and how labels are interleaved, changes no bit of a group; nor does the number of
    threads.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> x = np.array([[1.0, 10.0], [5.0, 20.0], [3.0, 30.0]])
    >>> mean, var = cnorm.group_moments(x, [1, 0, 1])
    >>> mean
    array([[ 5., 20.],
           [ 2., 20.]])
    >>> var
    array([[  0.,   0.],
           [  1., 100.]])
    """
    if weights is None:
        found = by_group.moments_at_once(x, labels, num_groups, True, axis, correction, where, nan_policy)
        if found is not None:
            return found
    x, where, _ = unmasked(x, where)
    array = native(as_number_array(x, "x"))
    axes = group_axes(axis, array.shape)
    marks, groups = as_labels(labels, array.shape[axes[0]], num_groups)
    starts, shuffled = sort_labels(marks, groups)
    return moments_by(array, axes, starts, shuffled, correction, where, weights, nan_policy)


def segment_moments(
    x: ArrayLike,
    offsets: ArrayLike,
    *,
    axis: int | Sequence[int] = 0,
    correction: float = 0,
    where: Given = None,
    weights: Given = None,
    nan_policy: str = "propagate",
) -> tuple[Array, Array]:
    """Mean and variance of segments: group i is ``offsets[i]:offsets[i + 1]`` along the axis.

    Parameters
    ----------
    x : array_like
        Real numbers, as `moments` takes them.
    offsets : array_like of int
        Not decreasing, 0 to the length of the (first) axis; one more than there are segments. What lies
        before the first and behind the last is in none.
    axis : int or tuple of int
        The axis of the segments; further ones are reduced as well.
    correction : float
        Delta degrees of freedom: 0 for the variance of the data, 1 for the unbiased estimate.
    where : array_like of bool, optional
        Elements to include; broadcasts against `x`.
    weights : array_like, optional
        Non-negative repeat counts; broadcast against `x`.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN; what is in no segment does not matter.

    Returns
    -------
    mean, var : ndarray
        The shape of `x` with the segments along their axis and further axes dropped; float32 for 16-bit
        input, otherwise in the float dtype of `x`. NaN for an empty segment.

    Raises
    ------
    TypeError
        `x` is not real, `offsets` are not ints, `where` is not boolean.
    ValueError
        Offsets that decrease or leave the axis, an axis out of range, a mask or weights that do not
        broadcast, NaN under "raise".

    See Also
    --------
    group_moments : The same by a label for each position, to the same bits.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> mean, var = cnorm.segment_moments(np.array([1.0, 3.0, 5.0, 7.0, 9.0]), [0, 2, 2, 5])
    >>> mean
    array([ 2., nan,  7.])
    >>> var.round(3)
    array([1.   ,   nan, 2.667])
    """
    if weights is None:
        found = by_group.moments_at_once(x, offsets, None, False, axis, correction, where, nan_policy)
        if found is not None:
            return found
    x, where, _ = unmasked(x, where)
    array = native(as_number_array(x, "x"))
    axes = group_axes(axis, array.shape)
    starts = as_offsets(offsets, array.shape[axes[0]])
    return moments_by(array, axes, starts, None, correction, where, weights, nan_policy)


def group_standardize(
    x: ArrayLike,
    labels: ArrayLike,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    axis: int | Sequence[int] = 0,
    num_groups: int | None = None,
    where: Given = None,
    out: Out = None,
    eps_mode: str = "inside",
) -> Array:
    r"""Zero mean and unit variance of each group given by labels, then scale and shift.

    .. math:: y = \frac{x - \mu_g}{\sqrt{\sigma_g^2 + \epsilon}} \, w + b

    Parameters
    ----------
    x : array_like of float
        Any shape and layout.
    labels : array_like of int
        The group `g` of each position along the (first) axis, in any order; what has a negative one comes
        out as 0.
    weight, bias : array_like of float, optional
        Broadcast against `x`.
    eps : float
        Added to the variance.
    axis : int or tuple of int
        The axis of the labels; each statistic is taken over further ones as well.
    num_groups : int, optional
        A number that labels have to be below.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; the others come out as 0, whatever they hold.
    out : ndarray, optional
        Where to write; may be `x` itself.
    eps_mode : {"inside", "outside", "max"}
        Where `eps` stands: sqrt(var + eps), sqrt(var) + eps, max(sqrt(var), eps).

    Returns
    -------
    ndarray
        In the dtype, shape and memory order of `x`.

    Raises
    ------
    TypeError
        A dtype that is not float, labels that are not ints, a mask that is not boolean.
    ValueError
        A label of `num_groups` or more, not one label for each position, shapes that do not broadcast, an
        axis out of range, an `eps` below 0 or NaN, an `out` that does not fit, no such `eps_mode`.

    See Also
    --------
    segment_standardize : The same of groups that lie one after the other.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> cnorm.group_standardize(np.array([1.0, 50.0, 3.0, 70.0, 9.0]), [0, 1, 0, 1, -1], eps=0)
    array([-1., -1.,  1.,  1.,  0.])
    """
    y = by_group.standardize_at_once(
        x, labels, num_groups, True, axis, weight, bias, eps, where, out, eps_mode
    )
    if y is not None:
        return y
    data, where, result = unmasked(x, where)
    array = as_input(data, "x")
    axes = group_axes(axis, array.shape)
    marks, groups = as_labels(labels, array.shape[axes[0]], num_groups, out)
    starts, shuffled = sort_labels(marks, groups)
    y = standardize_by(array, axes, starts, shuffled, weight, bias, eps, where, out, eps_mode)
    return result(y)


def segment_standardize(
    x: ArrayLike,
    offsets: ArrayLike,
    weight: Given = None,
    bias: Given = None,
    eps: float = 1e-5,
    *,
    axis: int | Sequence[int] = 0,
    where: Given = None,
    out: Out = None,
    eps_mode: str = "inside",
) -> Array:
    """Zero mean and unit variance of each segment ``offsets[i]:offsets[i + 1]``, then scale and shift.

    Parameters
    ----------
    x : array_like of float
        Any shape and layout.
    offsets : array_like of int
        Not decreasing, 0 to the length of the (first) axis. What is in no segment comes out as 0.
    weight, bias : array_like of float, optional
        Broadcast against `x`.
    eps : float
        Added to the variance.
    axis : int or tuple of int
        The axis of the segments; each statistic is taken over further ones as well.
    where : array_like of bool, optional
        Elements that count, broadcast against `x`; the others come out as 0, whatever they hold.
    out : ndarray, optional
        Where to write; may be `x` itself.
    eps_mode : {"inside", "outside", "max"}
        Where `eps` stands: sqrt(var + eps), sqrt(var) + eps, max(sqrt(var), eps).

    Returns
    -------
    ndarray
        In the dtype, shape and memory order of `x`.

    Raises
    ------
    TypeError
        A dtype that is not float, offsets that are not ints, a mask that is not boolean.
    ValueError
        Offsets that decrease or leave the axis, shapes that do not broadcast, an axis out of range, an
        `eps` below 0 or NaN, an `out` that does not fit, no such `eps_mode`.

    See Also
    --------
    group_standardize : The same by a label for each position, to the same bits.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> cnorm.segment_standardize(np.array([1.0, 3.0, 9.0, 50.0, 70.0]), [0, 2, 2, 3, 5], eps=0)
    array([-1.,  1.,  0., -1.,  1.])
    """
    y = by_group.standardize_at_once(x, offsets, None, False, axis, weight, bias, eps, where, out, eps_mode)
    if y is not None:
        return y
    data, where, result = unmasked(x, where)
    array = as_input(data, "x")
    axes = group_axes(axis, array.shape)
    starts = as_offsets(offsets, array.shape[axes[0]], out)
    return result(standardize_by(array, axes, starts, None, weight, bias, eps, where, out, eps_mode))
