"""Where extremes are, with NaN left out or handed on."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Given, Out
from cnorm._stats.orders import argument
from cnorm._stats.reductions import GREATEST, LEAST
from cnorm.stats._described import described

__all__ = ["argmax", "argmin", "nanargmax", "nanargmin"]


@described("an array without an element")
def argmin(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    *,
    keepdims: bool = False,
    where: Given = None,
) -> Any:
    """Index of the first of the least elements, or of the first NaN.

    {parameters}

    Returns
    -------
    ndarray of intp or intp
        Along the axis; into the flattened array if that is None.

    {errors}

    See Also
    --------
    nanargmin : NaN left out.
    min : The element itself.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.argmin([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([1, 0])
    """
    return argument(a, axis, out, keepdims, where, LEAST, False)


@described("a row without an element, or of nothing but NaN")
def nanargmin(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    *,
    keepdims: bool = False,
    where: Given = None,
) -> Any:
    """Index of the first of the least elements, NaN left out.

    {parameters}

    Returns
    -------
    ndarray of intp or intp
        Along the axis; into the flattened array if that is None.

    {errors}

    See Also
    --------
    argmin : NaN counts.
    nanmin : The element itself.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanargmin([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([1, 1])
    """
    return argument(a, axis, out, keepdims, where, LEAST, True)


@described("an array without an element")
def argmax(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    *,
    keepdims: bool = False,
    where: Given = None,
) -> Any:
    """Index of the first of the greatest elements, or of the first NaN.

    {parameters}

    Returns
    -------
    ndarray of intp or intp
        Along the axis; into the flattened array if that is None.

    {errors}

    See Also
    --------
    nanargmax : NaN left out.
    max : The element itself.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.argmax([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([0, 0])
    """
    return argument(a, axis, out, keepdims, where, GREATEST, False)


@described("a row without an element, or of nothing but NaN")
def nanargmax(
    a: ArrayLike,
    axis: Axes = None,
    out: Out = None,
    *,
    keepdims: bool = False,
    where: Given = None,
) -> Any:
    """Index of the first of the greatest elements, NaN left out.

    {parameters}

    Returns
    -------
    ndarray of intp or intp
        Along the axis; into the flattened array if that is None.

    {errors}

    See Also
    --------
    argmax : NaN counts.
    nanmax : The element itself.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanargmax([[3.0, 1.0, 2.0], [np.nan, 0.0, 1.0]], axis=1)
    array([0, 2])
    """
    return argument(a, axis, out, keepdims, where, GREATEST, True)
