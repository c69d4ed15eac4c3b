"""Moments of a stream: taken in batch by batch, merged, and parts taken out again."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_number_array, native, to_ndarray
from cnorm._accept.axes import as_axes
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.streams import as_decay, as_prior, as_shape
from cnorm._native import states
from cnorm._stats.reductions import as_weights, check_nan_policy, moments_of, omits
from cnorm._stats.seen import Seen
from cnorm._stats.state import COUNT, EMPTY, check_left, combined, separated
from cnorm._stats.table import column_moments

__all__ = ["RunningMoments"]

_ndarray, _merged = np.ndarray, states.merge


def beside_samples(weights: Any, x: Array, axes: tuple[int, ...]) -> Array:
    """Weights as they are, or, one for each sample, with the axes of x."""
    w = to_ndarray(weights, "weights")
    if w.shape != tuple(x.shape[a] for a in axes):
        return w
    return w.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])


def higher(a: Array | None, b: Array | None) -> Array | None:
    """The larger heights of two objects."""
    return a if b is None else b if a is None else np.fmax(a, b)


class RunningMoments(Seen):
    r"""Count, mean and variance of data that come in parts, as if they had come at once.

    Parts may have any size, down to one row; what they are and in which order they come matters to rounding
    only. Nothing is squared before the mean is taken off: `mean` a million times `std` costs no digits.

    Parameters
    ----------
    shape : int or tuple of int
        Of the mean: () for one of all values, (20,) for one of each column.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with NaN, as in `moments`. An infinity makes the mean infinite or NaN, the variance NaN.
    prior : tuple, optional
        (count, mean, var): moments that stand for so many elements before the first; mean and variance
        broadcast to `shape`.
    decay : float, optional
        Each update first multiplies the weight of all data before it, the prior's too, with this number,
        above 0 and at most 1: moments of a stream that changes, as if weights fell by age.

    Raises
    ------
    TypeError
        `shape` is not made of ints.
    ValueError
        A negative size, an unknown policy, a prior that does not fit or is not finite, a decay beyond its
        range.

    See Also
    --------
    moments : The same of an array at once.
    cnorm.preprocessing.StandardScaler : Columns of tables, fitted in parts.
    cnorm.interop.dask.running_moments : Of a chunked array.

    Notes
    -----
    A state is replaced, never changed: an update that fails leaves everything as it was, and other threads
    see the moments before it or after it. Two threads that update the same object may lose an update: let
    each have its own, and merge them.

    Means are kept in two float64, sums of squares in one, in a power of two of each feature's own where
    squares would overflow or vanish [1]_.
    `preprocessing.StandardScaler.partial_fit` merges the same states by the same functions.

    References
    ----------
    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> stats = cnorm.RunningMoments(2)
    >>> stats.update([[1.0, 10.0], [3.0, 30.0]]).update([5.0, 50.0])
    RunningMoments(shape=(2,), count=3)
    >>> stats.mean, stats.var(correction=1)
    (array([ 3., 30.]), array([  4., 400.]))
    >>> (stats + stats).count
    6
    """

    __slots__ = ()

    def __init__(
        self, shape: Any = (), *, nan_policy: str = "propagate", prior: Any = None, decay: float | None = None
    ) -> None:
        check_nan_policy(nan_policy)
        self.shape = as_shape(shape)
        self.nan_policy, self.decay = nan_policy, as_decay(decay)
        self._row = (1, *self.shape)
        self._peak, self._lone = None, False
        try:
            self._state = np.empty((*self.shape, 5))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"shape: expected that of an array, got {shape!r} ({error})") from None
        self._state[...] = EMPTY
        self._weighted = self.decay is not None
        if prior is not None:
            count, mean, var = as_prior(prior, self.shape)
            self._weighted |= count != int(count)
            if count:
                self._state[...] = np.stack([0 * mean + count, mean, 0 * mean, var * count, 0 * mean + 1], -1)

    def update(self, x: Any, axis: Any = 0, weights: Any = None, *, where: Any = None) -> RunningMoments:
        """Takes more data in.

        Parameters
        ----------
        x : array_like
            Real numbers; without the axes of `axis`, or as it is (then one more sample), of shape `shape`.
        axis : int, tuple of int or None
            Axes the samples lie along; None for all.
        weights : array_like, optional
            Non-negative repeat counts: one for each sample (the sizes of `axis`), or broadcast against `x`.
            A weight of 0 hides an element, even NaN.
        where : array_like of bool, optional
            Elements that count, broadcast against `x`; the others are not looked at.

        Returns
        -------
        RunningMoments
            This object.

        Raises
        ------
        TypeError
            `x` or `weights` are not real, `where` is not boolean.
        ValueError
            A shape or axis that does not fit, a negative weight, an infinite one or sum of them, NaN under
            "raise". Too small a spread beside that of parts that were taken out of these moments.

        Examples
        --------
        >>> import numpy as np, cnorm
        >>> x = np.array([[1.0, 2.0, 9.0]])
        >>> cnorm.RunningMoments(1).update(x, axis=1, weights=[2, 2, 1]).mean
        array([3.])
        """
        along_rows = where is None and type(axis) is int and not axis
        if along_rows and type(x) is _ndarray and self._take_rows(x, weights):
            return self
        x, where, _ = unmasked(x, where)
        array = native(as_number_array(x, "x"))
        single = array.shape == self.shape
        axes = as_axes(axis, array.ndim + single)
        mask = as_mask(where, array)
        if single:
            array, axes = array[None], (0,)
            mask = None if mask is None else mask[None]
        if tuple(n for a, n in enumerate(array.shape) if a not in axes) != self.shape:
            raise ValueError(
                f"x: expected shape {self.shape}, or that in the axes other than {axis!r}, got {array.shape}"
            )
        state = self._with(array, axes, weights, mask)
        return self._take(state, self._weighted or weights is not None, self._peak, "x")

    def _take_rows(self, x: Array, weights: Any) -> bool:
        """Takes in one sample, or several in rows; does nothing where care is needed."""
        omit, several = self.nan_policy == "omit", x.shape != self.shape and x.shape != self._row
        if weights is None and (self.nan_policy == "raise" or self._lone):
            return False
        if several or weights is not None:
            batch = column_moments(x, weights, omit=omit) if x.shape[1:] == self.shape else None
            if batch is None:
                return False
            self._take(combined(self._aged(), batch), self._weighted or weights is not None, self._peak, "x")
            return True
        row = x.astype(np.float64) if x.dtype.char in "ef" else x
        state = _merged(self._aged(), row, omit)
        if state is not None:
            self._state = state
        return state is not None

    def _aged(self) -> Array:
        """The state at the next update: counts and sums of squares as decay leaves them."""
        if self.decay is None:
            return self._state
        aged: Array = self._state * np.array([self.decay, 1, 1, self.decay, 1])
        return aged

    def _with(self, x: Array, axes: tuple[int, ...], weights: Any, mask: Array | None) -> Array:
        """The state with a batch taken in."""
        w = None if weights is None else as_weights(beside_samples(weights, x, axes), x)
        omit = omits(x, axes, mask, w, self.nan_policy)
        if w is None and x.shape == self._row and axes == (0,) and mask is None:
            state = _merged(self._aged(), x.astype(np.float64, "C", copy=False), omit)
            if state is not None:
                return state
        batch = moments_of(x, axes, mask, w, omit, wide=True)
        return combined(self._aged(), batch.reshape(self._state.shape))

    def _take(self, state: Array, weighted: bool, peak: Array | None, name: str) -> RunningMoments:
        """Replaces the state, if it is large enough beside what was taken out."""
        if peak is not None:
            check_left(state, peak, not weighted, name)
        return self._set(state, weighted, peak)

    def _set(self, state: Array, weighted: bool, peak: Array | None) -> RunningMoments:
        self._lone = peak is not None and bool((state[..., COUNT] == 1).any())
        self._peak, self._weighted, self._state = peak, weighted, state
        return self

    def _other(self, other: Any) -> RunningMoments:
        if not isinstance(other, RunningMoments):
            raise TypeError(f"other: expected RunningMoments, got {type(other).__name__}")
        for name in ("shape", "nan_policy", "decay"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                raise ValueError(f"other: expected {name}={ours!r}, got {theirs!r}")
        return other

    def _new(self, state: Array, weighted: bool, peak: Array | None) -> RunningMoments:
        result = type(self).__new__(type(self))
        result.shape, result.nan_policy, result._row = self.shape, self.nan_policy, self._row
        result.decay = self.decay
        return result._set(state, weighted, peak)

    def merge(self, other: RunningMoments) -> RunningMoments:
        """Takes in what another object has seen, which stays as it is; `a + b` gives a new object.

        Parameters
        ----------
        other : RunningMoments
            Of the same shape, NaN policy and decay. Nothing decays; a prior of both counts twice.

        Returns
        -------
        RunningMoments
            This object.

        Raises
        ------
        TypeError
            `other` is something else.
        ValueError
            Another shape, policy or decay; as for `update`, an infinite sum of weights or too small a spread.

        Examples
        --------
        >>> import cnorm
        >>> a, b = cnorm.RunningMoments().update([1.0, 2.0]), cnorm.RunningMoments().update([6.0])
        >>> a.merge(b).mean
        np.float64(3.0)
        """
        state = combined(self._state, self._other(other)._state)
        return self._take(state, self._weighted or other._weighted, higher(self._peak, other._peak), "other")

    def __add__(self, other: Any) -> RunningMoments:
        if not isinstance(other, RunningMoments):
            return NotImplemented
        return self.copy().merge(other)

    def __sub__(self, other: Any) -> RunningMoments:
        """What is left without a part merged before.

        It carries the errors of both, up to 1024 times as large. ValueError beyond: where fewer than 1/1024
        of the elements, or of the sum of squares about the mean, are left of the most that any object had
        which this one came from by additions and subtractions.
        """
        if not isinstance(other, RunningMoments):
            return NotImplemented
        weighted = self._weighted or self._other(other)._weighted
        peak = higher(self._peak, other._peak)
        rest, peak = separated(self._state, other._state, peak, whole_counts=not weighted)
        return self._new(rest, weighted, peak)

    def copy(self) -> RunningMoments:
        """An object of its own with the same moments."""
        return self._new(self._state, self._weighted, self._peak)
