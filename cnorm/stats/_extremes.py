"""Extremes, with NaN left out or handed on."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Given, Out
from cnorm._stats.orders import extreme, reach
from cnorm._stats.reductions import GREATEST, LEAST
from cnorm.stats._described import described

__all__ = ["max", "min", "nanmax", "nanmin", "nanptp", "ptp"]


@described("an array without an element")
def min(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Least element.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`. NaN where there is one.

    {errors}

    See Also
    --------
    nanmin : NaN left out.
    argmin : Where it is.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.min([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([ 1., nan])
    """
    return extreme(a, axis, out, keepdims, where, LEAST, False)


@described("an array without an element")
def nanmin(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Least element that is not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`. NaN where all are NaN, without a
        warning.

    {errors}

    See Also
    --------
    min : NaN counts.
    nanargmin : Where it is.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanmin([[3.0, 1.0, np.nan], [np.nan, np.nan, np.nan]], axis=1)
    array([ 1., nan])
    """
    return extreme(a, axis, out, keepdims, where, LEAST, True)


@described("an array without an element")
def max(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Greatest element.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`. NaN where there is one.

    {errors}

    See Also
    --------
    nanmax : NaN left out.
    argmax : Where it is.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.max([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([ 3., nan])
    """
    return extreme(a, axis, out, keepdims, where, GREATEST, False)


@described("an array without an element")
def nanmax(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Greatest element that is not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`. NaN where all are NaN, without a
        warning.

    {errors}

    See Also
    --------
    max : NaN counts.
    nanargmax : Where it is.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanmax([[3.0, 1.0, np.nan], [np.nan, np.nan, np.nan]], axis=1)
    array([ 3., nan])
    """
    return extreme(a, axis, out, keepdims, where, GREATEST, True)


@described("an array without an element")
def ptp(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Greatest less least element.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`, of integers as it wraps around. NaN
        where there is one.

    {errors}

    See Also
    --------
    nanptp : NaN left out.
    min : The least.
    max : The greatest.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.ptp([[3.0, 1.0, 2.0], [5.0, 5.0, 5.0]], axis=1)
    array([2., 0.])
    """
    return reach(a, axis, out, keepdims, where, False)


@described("an array without an element")
def nanptp(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
) -> Any:
    """Greatest less least element, NaN left out.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the dtype of `a`. NaN where all are NaN, without a
        warning.

    {errors}

    See Also
    --------
    ptp : NaN counts.
    nanmin : The least.
    nanmax : The greatest.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanptp([[3.0, 1.0, np.nan], [5.0, 5.0, 5.0]], axis=1)
    array([2., 0.])
    """
    return reach(a, axis, out, keepdims, where, True)
