"""Moving windows under Bottleneck's names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from cnorm._accept.arrays import Array
from cnorm._accept.hints import ArrayLike
from cnorm._stats.moves import moved

__all__ = [
    "move_argmax",
    "move_argmin",
    "move_max",
    "move_mean",
    "move_min",
    "move_std",
    "move_sum",
    "move_var",
]

Function = TypeVar("Function", bound=Callable[..., Any])

ARGUMENTS = """\
Parameters
----------
a : array_like
    Real numbers. NaN never counts; what a masked array hides does not either.
window : int
    Positions in a window, at most as many as the axis has. The window of a position ends there.
min_count : int, optional
    With fewer elements that are not NaN the result is NaN. By default `window`.
axis : int
    The axis windows lie along."""
DDOF = """
ddof : float
    Delta degrees of freedom: the divisor is the number of elements less `ddof`, NaN if there are no more."""
RESULT = """

Returns
-------
ndarray
    Of the shape of `a`: float32 of floats up to 32 bits, otherwise float64.

Raises
------
TypeError
    `a` is not real, `window`, `min_count` or `axis` not an int.
ValueError
    A `window` or `min_count` out of range, an axis out of range, an array without an axis."""


def described(function: Function) -> Function:
    """Fills `{arguments}` in a docstring."""
    if function.__doc__:
        ddof = DDOF if "ddof" in inspect.signature(function).parameters else ""
        text = inspect.cleandoc(function.__doc__)
        function.__doc__ = text.replace("{arguments}", ARGUMENTS + ddof + RESULT)
    return function


@described
def move_sum(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """Sum of each window.

    {arguments}

    See Also
    --------
    move_mean : Divided by how many there are.
    cnorm.rolling_moments : Mean and variance, centred windows, cut ends.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_sum([1.0, 2.0, 3.0, 4.0], 2)
    array([nan,  3.,  5.,  7.])
    """
    return moved(a, window, min_count, axis, "sum")


@described
def move_mean(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """Mean of each window.

    {arguments}

    See Also
    --------
    move_var : The variance.
    cnorm.rolling_moments : Mean and variance, centred windows, cut ends.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_mean([1.0, 2.0, 3.0, 4.0], 2, min_count=1)
    array([1. , 1.5, 2.5, 3.5])
    """
    return moved(a, window, min_count, axis, "mean")


@described
def move_var(
    a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1, ddof: float = 0
) -> Array:
    """Variance of each window; of equal values exactly 0.

    {arguments}

    See Also
    --------
    move_std : Its root.
    cnorm.rolling_moments : Mean and variance, centred windows, cut ends.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_var([1.0, 3.0, 3.0, 7.0], 2)
    array([nan,  1.,  0.,  4.])
    """
    return moved(a, window, min_count, axis, "var", ddof)


@described
def move_std(
    a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1, ddof: float = 0
) -> Array:
    """Standard deviation of each window; of equal values exactly 0.

    {arguments}

    See Also
    --------
    move_var : Its square.
    cnorm.rolling_moments : Mean and variance, centred windows, cut ends.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_std([1.0, 3.0, 3.0, 7.0], 2)
    array([nan,  1.,  0.,  2.])
    """
    return moved(a, window, min_count, axis, "std", ddof)


@described
def move_min(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """Least element of each window.

    {arguments}

    See Also
    --------
    move_argmin : How far back it is.
    nanmin : Of the whole axis.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_min([3.0, 1.0, 2.0, 4.0], 2)
    array([nan,  1.,  1.,  2.])
    """
    return moved(a, window, min_count, axis, "min")


@described
def move_max(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """Greatest element of each window.

    {arguments}

    See Also
    --------
    move_argmax : How far back it is.
    nanmax : Of the whole axis.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_max([3.0, 1.0, 2.0, 4.0], 2)
    array([nan,  3.,  2.,  4.])
    """
    return moved(a, window, min_count, axis, "max")


@described
def move_argmin(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """How many positions before the end of each window its least element stands, the last of equal ones.

    {arguments}

    See Also
    --------
    move_min : The element itself.
    nanargmin : Of the whole axis.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_argmin([3.0, 1.0, 2.0, 4.0], 2)
    array([nan,  0.,  1.,  1.])
    """
    return moved(a, window, min_count, axis, "argmin")


@described
def move_argmax(a: ArrayLike, window: int, min_count: int | None = None, axis: int = -1) -> Array:
    """How many positions before the end of each window its greatest element stands, the last of equal ones.

    {arguments}

    See Also
    --------
    move_max : The element itself.
    nanargmax : Of the whole axis.

    Examples
    --------
    >>> import cnorm.stats as bn
    >>> bn.move_argmax([3.0, 1.0, 2.0, 4.0], 2)
    array([nan,  1.,  0.,  0.])
    """
    return moved(a, window, min_count, axis, "argmax")
