"""Sums, means, variances and deviations, with NaN left out or handed on."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Dtype, Given, Out
from cnorm._stats.holes import averaged, spread, summed
from cnorm.stats._described import described

__all__ = ["mean", "nanmean", "nanstd", "nansum", "nanvar", "std", "sum", "var"]


@described("weights that are negative, infinite or NaN")
def sum(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Sum of the elements.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; of integers and booleans NumPy's
        integer dtype, with weights float64.

    {errors}

    See Also
    --------
    nansum : NaN left out.
    mean : Divided by how many there are.

    Notes
    -----
    Rounded once: the sum of floats is kept in two float64 words.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    array([4., 6.])
    >>> bn.sum([1.0, 2.0], weights=[3, 1])
    np.float64(5.0)
    """
    return summed(a, axis, dtype, out, keepdims, where, weights, False)


@described("weights that are negative, infinite or NaN")
def nansum(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Sum of the elements that are not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; of integers and booleans NumPy's
        integer dtype, with weights float64. 0 where all are NaN.

    {errors}

    See Also
    --------
    sum : NaN counts.
    nanmean : Divided by how many there are.

    Notes
    -----
    Rounded once: the sum of floats is kept in two float64 words.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nansum([[1.0, np.nan], [np.nan, np.nan]], axis=1)
    array([1., 0.])
    """
    return summed(a, axis, dtype, out, keepdims, where, weights, True)


@described("weights that are negative, infinite or NaN")
def mean(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Arithmetic mean.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        NaN of nothing, without a warning.

    {errors}

    See Also
    --------
    nanmean : NaN left out.
    cnorm.moments : Mean and variance of one read.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.mean(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    array([1.5, 3.5])
    >>> float(bn.mean(np.full(100_000, 0.1, np.float32))) == float(np.float32(0.1))
    True
    """
    return averaged(a, axis, dtype, out, keepdims, where, weights, False)


@described("weights that are negative, infinite or NaN")
def nanmean(
    a: ArrayLike,
    axis: Axes = None,
    dtype: Dtype = None,
    out: Out = None,
    keepdims: bool = False,
    *,
    where: Given = None,
    weights: Given = None,
) -> Any:
    """Mean of the elements that are not NaN.

    {parameters}

    Returns
    -------
    ndarray or scalar
        float32 for 16-bit floats, otherwise the float dtype of `a`; float64 of integers and booleans.
        NaN where all are NaN, without a warning.

    {errors}

    See Also
    --------
    mean : NaN counts.
    cnorm.moments : Mean and variance of one read.

    Examples
    --------
    >>> import numpy as np, cnorm.stats as bn
    >>> bn.nanmean([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]], axis=1)
    array([ 2., nan])
    """
    return averaged(a, axis, dtype, out, keepdims, where, weights, True)


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
