"""scale and minmax_scale as in scikit-learn, over any axes of arrays of any shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_real
from cnorm._accept.axes import as_axes, check_rank
from cnorm._accept.hints import Out
from cnorm._accept.masks import unmasked
from cnorm._stats.passes import by_ends, check_no_inf, extremes
from cnorm._stats.state import divisors
from cnorm._stats.table import by_moments, table_moments
from cnorm.preprocessing._exact import check_range, exact_map, largest_map, ranges, ratio_map, resolution
from cnorm.preprocessing._maps import Map, standard_map
from cnorm.preprocessing._sparse import (
    CENTER_SPARSE,
    as_floats,
    is_sparse,
    run_sparse,
    sparse_largest,
    sparse_moments,
)

__all__ = ["destination", "maxabs_scale", "minmax_scale", "real", "scale"]


def real(x: Any, name: str, least: int = 1) -> Array:
    """A float ndarray of so many dimensions at least; integers and booleans are promoted to float64."""
    if is_sparse(x):
        raise TypeError(f"{name}: expected a dense array, got a sparse one ({type(x).__name__})")
    array = as_real(x, name)
    check_rank(array, least, name)
    return array


def without_hidden(x: Any) -> tuple[Array, Array | None, Callable[[Array], Array]]:
    """X, NaN where a masked array hides it; what it shows, and what masks a result like it."""
    data, visible, result = unmasked(x)
    array = real(data, "X")
    if visible is not None:
        array = np.where(visible, array, array.dtype.type(np.nan))
    return array, visible, result


def destination(x: Array, out: Out, *, copy: bool) -> Array | None:
    """Where a result goes: to `out` if that is given, to x itself without a copy, if it can be written to."""
    return x if out is None and not copy and x.flags.writeable else out


def scale(
    X: Any,
    axis: int | Sequence[int] = 0,
    *,
    with_mean: bool = True,
    with_std: bool = True,
    out: Out = None,
) -> Any:
    r"""Zero mean and unit variance, as `sklearn.preprocessing.scale`.

    .. math:: y = \frac{x - \mu}{\sigma}

    Parameters
    ----------
    X : array_like or sparse matrix
        Any shape; integers and booleans are promoted to float64. NaN counts in no statistic and stays. Sparse
        matrices with `with_mean=False` and axis 0 alone, as in scikit-learn.
    axis : int, tuple of int or None
        Axes the moments are taken over: 0 for features in columns, None for all.
    with_mean, with_std : bool
        Subtract the mean, divide by the standard deviation.
    out : ndarray, optional
        Where to write; may be `X` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `X`. Constant features are not divided. A sparse matrix for a
        sparse one, in CSC format; a masked array for a masked array, whose masked elements count in no
        statistic.

    Raises
    ------
    TypeError
        A dtype that is not real, `out` for a sparse matrix.
    ValueError
        Infinity in `X`, an axis out of range, an `out` that does not fit, a sparse matrix that would be
        centered.

    See Also
    --------
    StandardScaler : Learns from one table, scales others.
    zscore : SciPy's, with `ddof`.
    cnorm.standardize : With eps, weight and bias.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.scale`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import scale
    >>> scale(np.array([[-2.0, 1.0, 5.0], [0.0, 3.0, 5.0]]))
    array([[-1., -1.,  0.],
           [ 1.,  1.,  0.]])
    """
    y = by_moments(X, X, axis, out, divided=bool(with_std)) if with_mean else None
    if y is not None:
        return y
    if is_sparse(X):
        return scale_sparse(X, axis, out, with_mean=with_mean, with_std=with_std)
    array, visible, result = without_hidden(X)
    axes = as_axes(axis, array.ndim)
    target = Output(array, out)
    if array.size:
        state = table_moments(target.x, axes)
        divisor = divisors(state) if with_std else np.ones(state.shape[:-1])
        standard_map(target.x.dtype, state, divisor, with_mean=with_mean).run(target.x, target.y)
    if visible is not None:
        np.copyto(target.y, 0, where=~visible)
    return result(target.done())


def scale_sparse(X: Any, axis: Any, out: Any, *, with_mean: bool, with_std: bool) -> Any:
    """Columns of a sparse matrix divided by their deviations, in a new CSC matrix."""
    if with_mean:
        raise ValueError(CENTER_SPARSE)
    if out is not None:
        raise TypeError("out: expected None with a sparse matrix, got an array")
    if as_axes(axis, 2) != (0,):
        raise ValueError(f"axis: expected 0 with a sparse matrix, got {axis!r}")
    x = as_floats(X.tocsc(copy=True))
    check_no_inf(x.data)
    if not with_std or not x.shape[0]:
        return x
    state = sparse_moments(x, None)
    m = standard_map(x.dtype, state, divisors(state), with_mean=False)
    return run_sparse(m, x, copy=False)


def minmax_scale(
    X: Any,
    feature_range: tuple[float, float] = (0, 1),
    *,
    axis: int | Sequence[int] = 0,
    out: Out = None,
) -> Array:
    r"""Each feature to a range whose ends are met exactly, as `sklearn.preprocessing.minmax_scale`.

    .. math:: y = \frac{x - \min}{\max - \min} (b - a) + a

    Parameters
    ----------
    X : array_like
        Any shape; integers and booleans are promoted to float64. NaN is left out and stays.
    feature_range : tuple of float
        The range `(a, b)`.
    axis : int, tuple of int or None
        Axes the extremes are taken over: 0 for features in columns, None for all.
    out : ndarray, optional
        Where to write; may be `X` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `X`: the smallest value is `a`, the largest `b`, none is
        beyond them. Constant features are `a`. A masked array for a masked array, whose masked elements count
        in no extreme.

    Raises
    ------
    TypeError
        A dtype that is not real.
    ValueError
        Infinity in `X`, a range that is empty, an axis out of range, an `out` that does not fit.

    See Also
    --------
    MinMaxScaler : Learns from one table, scales others.
    scale : By mean and deviation.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.minmax_scale`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import minmax_scale
    >>> minmax_scale(np.array([[-2.0, 1.0], [0.0, 3.0], [2.0, 2.0]]))
    array([[0. , 0. ],
           [0.5, 1. ],
           [1. , 0.5]])
    """
    y = by_ends(X, axis, out, feature_range)
    if y is not None:
        return y
    array, visible, result = without_hidden(X)
    axes = as_axes(axis, array.ndim)
    ends = check_range(feature_range)
    target = Output(array, out)
    if array.size:
        low, high = extremes(target.x, axes)
        factor, regular = ranges(low, high, resolution(array.dtype))
        m: Map = exact_map(target.x.dtype, (low, high), factor, regular, ends)
        m.run(target.x, target.y)
    if visible is not None:
        np.copyto(target.y, 0, where=~visible)
    return result(target.done())


def maxabs_scale(X: Any, *, axis: int | Sequence[int] = 0, copy: bool = True, out: Out = None) -> Any:
    r"""Each feature divided by its largest magnitude, as `sklearn.preprocessing.maxabs_scale`.

    .. math:: y = \frac{x}{\max |x|}

    Parameters
    ----------
    X : array_like or sparse matrix
        Any shape; integers and booleans are promoted to float64. NaN is left out and stays.
    axis : int, tuple of int or None
        Axes the magnitudes are compared over: 0 for features in columns, None for all. 0 or 1 with a sparse
        matrix.
    copy : bool
        False: in place where `X` is a writeable float array or a CSR or CSC matrix.
    out : ndarray, optional
        Where to write; may be `X` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `X`: what is largest is 1 or -1, nothing is beyond. Features
        that are 0 stay so. A sparse matrix for a sparse one; a masked array for a masked array, whose masked
        elements count nowhere.

    Raises
    ------
    TypeError
        A dtype that is not real, `out` for a sparse matrix.
    ValueError
        Infinity in `X`, an axis out of range, an `out` that does not fit.

    See Also
    --------
    MaxAbsScaler : Learns from one table, scales others.
    minmax_scale : To a range.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.maxabs_scale`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import maxabs_scale
    >>> maxabs_scale(np.array([[-2.0, 1.0], [-1.0, 0.0], [0.5, -4.0]]))
    array([[-1.  ,  0.25],
           [-0.5 ,  0.  ],
           [ 0.25, -1.  ]])
    """
    y = by_ends(X, axis, out) if copy else None
    if y is not None:
        return y
    if is_sparse(X):
        return maxabs_sparse(X, axis, out, copy=copy)
    array, visible, result = without_hidden(X)
    axes = as_axes(axis, array.ndim)
    target = Output(array, destination(array, out, copy=copy))
    if array.size:
        largest_map(target.x.dtype, extremes(target.x, axes)).run(target.x, target.y)
    if visible is not None:
        np.copyto(target.y, 0, where=~visible)
    return result(target.done())


def maxabs_sparse(X: Any, axis: Any, out: Any, *, copy: bool) -> Any:
    """Columns, or rows, of a CSR or CSC matrix (made of any other format) divided by their largest."""
    if out is not None:
        raise TypeError("out: expected None with a sparse matrix, got an array")
    axes = as_axes(axis, 2)
    if axes not in ((0,), (1,)):
        raise ValueError(f"axis: expected 0 or 1 with a sparse matrix, got {axis!r}")
    x = as_floats(X if X.format in ("csr", "csc") else X.tocsr())
    check_no_inf(x.data)
    columns = x if axes == (0,) else x.T
    largest = sparse_largest(columns)
    m = ratio_map(x.dtype, largest + (largest == 0))
    y = run_sparse(m, columns, copy=copy and x is X)
    return y if axes == (0,) else y.T
