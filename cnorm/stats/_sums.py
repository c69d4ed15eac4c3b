"""Sums and means, with NaN left out or handed on."""

from __future__ import annotations

from typing import Any

from cnorm._accept.hints import ArrayLike, Axes, Dtype, Given, Out
from cnorm._stats.holes import averaged, summed
from cnorm.stats._described import described

__all__ = ["mean", "nanmean", "nansum", "sum"]


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
    Within blocks floats are summed as by `cnorm.moments`; the sums of blocks are kept in two float64 words
    and rounded once. As in NumPy, a sum of float64 may leave its range on the way.

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
    Within blocks floats are summed as by `cnorm.moments`; the sums of blocks are kept in two float64 words
    and rounded once. As in NumPy, a sum of float64 may leave its range on the way.

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
