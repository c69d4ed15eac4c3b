"""Moments along an axis, weighted exponentially: arguments, and the core's call."""

from __future__ import annotations

import math
from typing import Any

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_int, as_number
from cnorm._accept.hints import ArrayLike
from cnorm._native import windows
from cnorm._stats.lines import as_line_axis, as_lines, masked, result_like

__all__ = ["ewm_moments"]


def as_alpha(halflife: Any, alpha: Any) -> float:
    """The weight of an element against what came before it."""
    if (halflife is None) == (alpha is None):
        raise ValueError(f"alpha: expected either it or halflife, got {alpha!r} and {halflife!r}")
    if alpha is None:
        life = as_number(halflife, "halflife")
        if not life > 0:
            raise ValueError(f"halflife: expected a positive number, got {life}")
        return -math.expm1(-math.log(2) / life)
    share = as_number(alpha, "alpha")
    if not 0 < share <= 1:
        raise ValueError(f"alpha: expected more than 0, at most 1, got {share}")
    return share


def ewm_moments(
    x: ArrayLike,
    *,
    halflife: float | None = None,
    alpha: float | None = None,
    axis: int = -1,
    adjust: bool = True,
    min_count: int = 1,
) -> tuple[Array, Array]:
    r"""Exponentially weighted mean and variance of all up to each position, as pandas' `ewm`.

    .. math:: \mu_i = \frac{\sum_k (1 - \alpha)^k x_{i-k}}{\sum_k (1 - \alpha)^k}, \qquad
              \sigma_i^2 = \frac{\sum_k (1 - \alpha)^k (x_{i-k} - \mu_i)^2}{\sum_k (1 - \alpha)^k}

    Parameters
    ----------
    x : array_like
        Real numbers; integers, booleans, nullable columns and objects that are numbers become float64. NaN
        and, as in pandas, infinities have no weight; what came before them grows older by a position.
    halflife : float, optional
        Positions in which a weight falls to a half.
    alpha : float, optional
        The smoothing factor, in (0, 1]; either it or `halflife`.
    axis : int
        The axis to go along.
    adjust : bool
        Divide by the sum of the weights; else the first element stands for all that might have come before.
    min_count : int
        With fewer elements so far the result is NaN.

    Returns
    -------
    mean, var : ndarray
        Of the shape of `x`: float32 of floats up to 32 bits, otherwise float64. The variance is pandas' with
        ``bias=True``.

    Raises
    ------
    TypeError
        `x` is not real, a number is none.
    ValueError
        Both or neither of `halflife` and `alpha`, one out of its range, a `min_count` below 0, an axis out of
        range.

    See Also
    --------
    rolling_moments : Windows of one length.
    RunningMoments : With `decay`, moments that forget.

    Examples
    --------
    >>> import cnorm
    >>> mean, var = cnorm.ewm_moments([1.0, 3.0, 3.0], alpha=0.5)
    >>> mean.round(4), var.round(4)
    (array([1.    , 2.3333, 2.7143]), array([0.    , 0.8889, 0.4898]))
    """
    share = alpha if halflife is None else as_alpha(halflife, alpha)
    found = windows.decayed_at_once(x, share, axis, adjust, min_count)
    if found is not None:
        return found
    share, least = as_alpha(halflife, alpha), as_int(min_count, "min_count")
    if least < 0:
        raise ValueError(f"min_count: expected no negative number, got {least}")
    array, hidden = as_lines(x, "x")
    a = as_line_axis(axis, array)
    mean, var = result_like(array), result_like(array)
    windows.decayed(array, mean, var, a, share, bool(adjust), max(least, 1))
    return masked(mean, hidden), masked(var, hidden)
