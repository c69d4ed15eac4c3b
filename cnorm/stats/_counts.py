"""How many elements are NaN or not, and sums of squares: what Bottleneck has and NumPy has not."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Given, Out
from cnorm._stats.holes import squared
from cnorm._stats.orders import counted, nan_found
from cnorm.stats._described import described

__all__ = ["allnan", "anynan", "count", "ss"]


@described()
def count(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """How many elements are not NaN.

    {parameters}

    Returns
    -------
    ndarray of intp or intp

    {errors}

    See Also
    --------
    anynan : Is any NaN?
    nansum : Their sum.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.count([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]], axis=1)
    array([2, 0])
    """
    return counted(a, axis, out, keepdims, where)


@described()
def anynan(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Is an element NaN?

    {parameters}

    Returns
    -------
    ndarray of bool or bool

    {errors}

    See Also
    --------
    allnan : Are all?
    count : How many are not.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.anynan([[1.0, np.nan], [3.0, 4.0]], axis=1)
    array([ True, False])
    """
    return nan_found(a, axis, out, keepdims, where, False)


@described()
def allnan(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Is every element NaN?

    {parameters}

    Returns
    -------
    ndarray of bool or bool
        True of nothing.

    {errors}

    See Also
    --------
    anynan : Is any?
    count : How many are not.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.allnan([[1.0, np.nan], [np.nan, np.nan]], axis=1)
    array([False,  True])
    """
    return nan_found(a, axis, out, keepdims, where, True)


@described()
def ss(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Sum of squares.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; of integers and booleans the dtype
        NumPy sums them in. NaN where there is one.

    {errors}

    See Also
    --------
    nansum : Of the elements themselves.
    var : Of deviations from the mean.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.ss([[1.0, 2.0], [3.0, 4.0]], axis=1)
    array([ 5., 25.])
    """
    return squared(a, axis, out, keepdims, where)
