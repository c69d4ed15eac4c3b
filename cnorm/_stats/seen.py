"""Moments of what a stream has seen: the numbers asked for, data by them, what makes two of them equal."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_number
from cnorm._stats.scaled import denormalized, normalized
from cnorm._stats.state import COUNT, deviation, mean_of, variance

__all__ = ["Seen"]


class Seen:
    """A state, read; `RunningMoments` is what changes it."""

    __slots__ = ("_lone", "_peak", "_row", "_state", "_weighted", "decay", "nan_policy", "shape")
    __hash__ = None  # type: ignore[assignment]

    shape: tuple[int, ...]
    nan_policy: str
    decay: float | None
    _state: Array
    _weighted: bool  # were weights given?
    _row: tuple[int, ...]  # the shape of one sample
    _peak: Array | None  # heights of the largest numbers that parts were taken out of; None if none was
    _lone: bool  # is one value left somewhere, which may be too little of the peak for others to join it?

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
        if not isinstance(other, Seen):
            return NotImplemented
        alike = (self.shape, self.nan_policy, self.decay) == (other.shape, other.nan_policy, other.decay)
        return alike and np.array_equal(self._state, other._state, equal_nan=True)

    def __repr__(self) -> str:
        count = self.count
        if isinstance(count, np.ndarray):
            count = f"{count.min()}..{count.max()}" if count.size else 0
        policy = "" if self.nan_policy == "propagate" else f", nan_policy={self.nan_policy!r}"
        return f"RunningMoments(shape={self.shape}, count={count}{policy})"
