"""Moments of a stream: taken in batch by batch, merged, and parts taken out again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_number_array, native, to_ndarray
from cnorm._accept.axes import as_axes, as_int, as_number
from cnorm._accept.masks import as_mask, unmasked
from cnorm._native import core
from cnorm._stats.reductions import as_weights, check_nan_policy, moments_of, omits
from cnorm._stats.scaled import denormalized, normalized
from cnorm._stats.state import (
    COUNT,
    EMPTY,
    check_left,
    combined,
    deviation,
    mean_of,
    separated,
    variance,
)

__all__ = ["RunningMoments"]

_ndarray, _merged = np.ndarray, core.merge_states


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from an int or several."""
    sizes = shape if isinstance(shape, Iterable) and not isinstance(shape, (str, bytes)) else (shape,)
    checked = tuple(as_int(n, "shape") for n in sizes)
    if min(checked, default=0) < 0:
        raise ValueError(f"shape: expected no negative size, got {shape!r}")
    return checked


def beside_samples(weights: Any, x: Array, axes: tuple[int, ...]) -> Array:
    """Weights as they are, or, one for each sample, with the axes of x."""
    w = to_ndarray(weights, "weights")
    if w.shape != tuple(x.shape[a] for a in axes):
        return w
    return w.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])


def higher(a: Array | None, b: Array | None) -> Array | None:
    """The larger heights of two objects."""
    return a if b is None else b if a is None else np.fmax(a, b)


def as_prior(prior: Any, shape: tuple[int, ...]) -> tuple[float, Array, Array]:
    """Count, mean and variance that stand for data before the first, the last two of that shape."""
    if not isinstance(prior, (tuple, list)) or len(prior) != 3:
        raise ValueError(f"prior: expected (count, mean, var), got {prior!r}")
    count = as_number(prior[0], "prior")
    mean, var = (np.asarray(native(as_number_array(v, "prior")), np.float64) for v in prior[1:])
    try:
        mean, var = np.broadcast_to(mean, shape), np.broadcast_to(var, shape)
    except ValueError:
        raise ValueError(
            f"prior: expected a mean and a variance of shape {shape}, got {mean.shape} and {var.shape}"
        ) from None
    if not (0 <= count < np.inf and np.isfinite(mean).all() and np.isfinite(var).all() and (var >= 0).all()):
        raise ValueError("prior: expected finite numbers, no negative count or variance")
    return count, mean, var


def as_decay(decay: Any) -> float | None:
    """What is left of the weight of all data before an update: above 0, at most 1."""
    if decay is None:
        return None
    number = as_number(decay, "decay")
    if not 0 < number <= 1:
        raise ValueError(f"decay: expected a number above 0 and at most 1, got {decay!r}")
    return float(number)


class RunningMoments:
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

    __slots__ = ("_lone", "_peak", "_row", "_state", "_weighted", "decay", "nan_policy", "shape")
    __hash__ = None  # type: ignore[assignment]

    shape: tuple[int, ...]
    nan_policy: str
    decay: float | None
    _peak: Array | None  # heights of the largest numbers that parts were taken out of; None if none was
    _lone: bool  # is one value left somewhere, which may be too little of the peak for others to join it?

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
        if weights is None and where is None and type(x) is _ndarray and type(axis) is int and not axis:
            size = x.shape
            if (size == self.shape or size == self._row) and not self._lone and self.nan_policy != "raise":
                row = x.astype(np.float64) if x.dtype.char in "ef" else x
                before = self._state if self.decay is None else self._aged()
                state = _merged(before, row, self.nan_policy == "omit")
                if state is not None:
                    self._state = state
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

    @property
    def count(self) -> Any:
        """Elements seen, or the sum of their weights: one number if it is the same for all of `shape`.

        An int (int64 in an array) unless weights were given.
        """
        counts: Array = self._state[..., COUNT]
        if not counts.size or (counts != counts.flat[0]).any():
            return counts.copy() if self._weighted else counts.astype(np.int64)
        return float(counts.flat[0]) if self._weighted else int(counts.flat[0])

    @property
    def mean(self) -> Any:
        """Mean in float64; NaN where nothing was seen."""
        return mean_of(self._state)[()]

    def var(self, correction: float = 0) -> Any:
        """Variance in float64.

        Parameters
        ----------
        correction : float
            Delta degrees of freedom: 0 for the variance of the data, 1 for the unbiased estimate.

        Returns
        -------
        ndarray or scalar
            NaN or infinity where no more than `correction` elements were seen.
        """
        return variance(self._state, as_number(correction, "correction"))[()]

    def std(self, correction: float = 0) -> Any:
        """Standard deviation in float64, finite where the variance is beyond float64.

        Parameters
        ----------
        correction : float
            Delta degrees of freedom, as for `var`.

        Returns
        -------
        ndarray or scalar
            NaN or infinity where no more than `correction` elements were seen.
        """
        return deviation(self._state, as_number(correction, "correction"))[()]

    def normalize(
        self, x: Any, eps: float = 1e-8, clip: float | None = None, dtype: Any = None, out: Any = None
    ) -> Array:
        r"""Data by the moments so far, as VecNormalize has it.

        .. math:: y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}

        Parameters
        ----------
        x : array_like
            Real numbers of shape ``(..., *shape)``.
        eps : float
            Added to the variance.
        clip : float, optional
            Values beyond -clip and clip become these.
        dtype : dtype, optional
            Float dtype of the result; that of `x`, or float64 of integers, if None.
        out : ndarray, optional
            Where to write, of that dtype and the shape of `x`; may be `x` itself.

        Returns
        -------
        ndarray
            NaN where nothing was seen.

        Raises
        ------
        TypeError
            `x` is not real, a dtype that is not float.
        ValueError
            A shape that does not end with `shape`, a negative `eps`, a `clip` that is not above 0, an `out`
            that does not fit.

        Examples
        --------
        >>> import numpy as np, cnorm
        >>> stats = cnorm.RunningMoments(2, prior=(1e-4, 0, 1)).update([[1.0, 10.0], [3.0, 30.0]])
        >>> stats.normalize([[2.0, 90.0]], clip=5.0).round(3)
        array([[0., 5.]])
        """
        return normalized(x, self._state, self.shape, eps, clip, dtype, out)

    def denormalize(self, y: Any, eps: float = 1e-8, dtype: Any = None, out: Any = None) -> Array:
        r"""What `normalize` made of data, back.

        .. math:: x = y \sqrt{\sigma^2 + \epsilon} + \mu

        Parameters
        ----------
        y : array_like
            Real numbers of shape ``(..., *shape)``.
        eps : float
            Added to the variance.
        dtype : dtype, optional
            Float dtype of the result; that of `y`, or float64 of integers, if None.
        out : ndarray, optional
            Where to write, of that dtype and the shape of `y`; may be `y` itself.

        Returns
        -------
        ndarray
            NaN where nothing was seen.

        Raises
        ------
        TypeError
            `y` is not real, a dtype that is not float.
        ValueError
            A shape that does not end with `shape`, a negative `eps`, an `out` that does not fit.

        Examples
        --------
        >>> import numpy as np, cnorm
        >>> stats = cnorm.RunningMoments().update([1.0, 3.0])
        >>> stats.denormalize([-1.0, 0.0]).round(6)
        array([1., 2.])
        """
        return denormalized(y, self._state, self.shape, eps, dtype, out)

    def copy(self) -> RunningMoments:
        """An object of its own with the same moments."""
        return self._new(self._state, self._weighted, self._peak)

    def __getstate__(self) -> Any:
        """Attributes for every pickle protocol; 0 and 1 do not find those in slots by themselves."""
        return super().__getstate__()

    def __setstate__(self, state: tuple[dict[str, Any] | None, dict[str, Any]]) -> None:
        """Attributes of `__getstate__`, also of versions that had fewer."""
        self._peak, self._lone, self.decay = None, False, None
        for part in state:
            for name, value in (part or {}).items():
                setattr(self, name, value)

    def __eq__(self, other: object) -> bool:
        """The same moments to the last bit, of data of the same kind?"""
        if not isinstance(other, RunningMoments):
            return NotImplemented
        alike = (self.shape, self.nan_policy, self.decay) == (other.shape, other.nan_policy, other.decay)
        return alike and np.array_equal(self._state, other._state, equal_nan=True)

    def __repr__(self) -> str:
        count = self.count
        if isinstance(count, _ndarray):
            count = f"{count.min()}..{count.max()}" if count.size else 0
        policy = "" if self.nan_policy == "propagate" else f", nan_policy={self.nan_policy!r}"
        return f"RunningMoments(shape={self.shape}, count={count}{policy})"
