"""Variances and deviations, with NaN left out or handed on."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Dtype, Given, Out
from cnorm._stats.holes import spread
from cnorm.stats._described import described

__all__ = ["nanstd", "nanvar", "std", "var"]


@described("weights that are negative, infinite or NaN")
def var(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Variance.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        Without a warning, NaN of nothing, and what NumPy divides where there are no more than `ddof`.

    {errors}

    See Also
    --------
    nanvar : NaN left out.
    std : Its root.
    cnorm.moments : Mean and variance of one read.

    Notes
    -----
    The relative error is that of `cnorm.moments`: the mean is taken off before anything is squared.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.var(np.array([[1.0, 3.0], [2.0, 6.0]]), axis=1)
    array([1., 4.])
    """
    return spread(a, axis, dtype, out, ddof, keepdims, where, weights, False, False)


@described("weights that are negative, infinite or NaN")
def nanvar(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Variance of the elements that are not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        NaN where no more than `ddof` are not NaN, without a warning.

    {errors}

    See Also
    --------
    var : NaN counts.
    nanstd : Its root.
    cnorm.moments : Mean and variance of one read.

    Notes
    -----
    The relative error is that of `cnorm.moments`: the mean is taken off before anything is squared.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanvar([[1.0, np.nan, 3.0], [np.nan, np.nan, 5.0]], axis=1, ddof=1)
    array([ 2., nan])
    """
    return spread(a, axis, dtype, out, ddof, keepdims, where, weights, True, False)


@described("weights that are negative, infinite or NaN")
def std(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Standard deviation.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        Without a warning, NaN of nothing, and what NumPy divides where there are no more than `ddof`.

    {errors}

    See Also
    --------
    nanstd : NaN left out.
    var : Its square.
    cnorm.moments : Mean and variance of one read.

    Notes
    -----
    The relative error is that of `cnorm.moments`: the mean is taken off before anything is squared.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.std(np.array([[1.0, 3.0], [2.0, 6.0]]), axis=1)
    array([1., 2.])
    """
    return spread(a, axis, dtype, out, ddof, keepdims, where, weights, False, True)


@described("weights that are negative, infinite or NaN")
def nanstd(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Standard deviation of the elements that are not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        NaN where no more than `ddof` are not NaN, without a warning.

    {errors}

    See Also
    --------
    std : NaN counts.
    nanvar : Its square.
    cnorm.moments : Mean and variance of one read.

    Notes
    -----
    The relative error is that of `cnorm.moments`: the mean is taken off before anything is squared.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanstd([[1.0, np.nan, 3.0], [np.nan, np.nan, 5.0]], axis=1, ddof=1)
    array([1.41421356,        nan])
    """
    return spread(a, axis, dtype, out, ddof, keepdims, where, weights, True, True)
