"""zscore as in SciPy, scale and minmax_scale as in scikit-learn, over any axes of arrays of any shape."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm._arrays import Array, Output, as_real
from cnorm._axes import as_axes, as_number, check_rank
from cnorm._masks import as_mask, shown, unmasked
from cnorm._moments import check_nan_policy
from cnorm._states import deviation, normalized, table_moments, values_of
from cnorm._tables import extremes
from cnorm.preprocessing._maps import Map, check_range, exact_map, inverse_range, near_constant, standard_map

__all__ = ["minmax_scale", "scale", "zscore"]

PRECISION_LOSS = (
    "Precision loss occurred in moment calculation due to catastrophic cancellation. This occurs when the "
    "data are nearly identical. Results may be unreliable."
)


def real(x: Any, name: str) -> Array:
    """A float ndarray; integers and booleans are promoted to float64."""
    array = as_real(x, name)
    check_rank(array, 1, name)
    return array


def without_hidden(x: Any) -> tuple[Array, Array | None, Callable[[Array], Array]]:
    """X, NaN where a masked array hides it; what it shows, and what masks a result like it."""
    data, visible, result = unmasked(x)
    array = real(data, "X")
    if visible is not None:
        array = np.where(visible, array, array.dtype.type(np.nan))
    return array, visible, result


def zscore(
    a: Any,
    axis: Any = 0,
    ddof: float = 0,
    nan_policy: str = "propagate",
    *,
    where: Any = None,
    out: Array | None = None,
) -> Any:
    r"""Standard scores, as `scipy.stats.zscore`.

    .. math:: z = \frac{a - \mu}{\sigma}, \qquad \sigma^2 = \frac{1}{n - d}\sum (a - \mu)^2

    Parameters
    ----------
    a : array_like
        Any shape; integers and booleans are promoted to float64.
    axis : int, tuple of int or None
        Axes the moments are taken over; None for all.
    ddof : float
        Delta degrees of freedom `d`.
    nan_policy : {"propagate", "omit", "raise"}
        A NaN makes its group NaN, or is left out of the moments (and stays), or raises.
    where : array_like of bool, optional
        Elements that count, broadcast against `a`; the others come out as 0, whatever they hold.
    out : ndarray, optional
        Where to write; may be `a` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `a`; a masked array for a masked array, whose masked elements
        count in no statistic. NaN where a group is constant: its standard deviation is no more than the
        rounding of its mean.

    Raises
    ------
    TypeError
        A dtype that is not real, a mask that is not boolean.
    ValueError
        An axis out of range, an `out` that does not fit, an unknown policy, NaN under "raise".

    Warns
    -----
    RuntimeWarning
        A group is (nearly) constant.

    References
    ----------
    .. [1] SciPy, `scipy.stats.zscore`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import zscore
    >>> zscore(np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 60.0]])).round(4)
    array([[-1.2247, -0.9258],
           [ 0.    , -0.4629],
           [ 1.2247,  1.3887]])
    """
    check_nan_policy(nan_policy)
    if isinstance(a, np.ma.MaskedArray):
        filled = real(a.data, "a").astype(real(a.data[:0], "a").dtype)
        filled[np.ma.getmaskarray(a)] = np.nan
        return np.ma.array(zscore(filled, axis, ddof, "omit", where=where, out=out), mask=a.mask)
    array = real(a, "a")
    axes = as_axes(axis, array.ndim)
    ddof = as_number(ddof, "ddof")
    mask = as_mask(where, array, out)
    target = Output(array, out)
    if not array.size:
        return target.done()
    x, y = target.x, target.y
    state = None if nan_policy == "raise" else normalized(x, y, axes, ddof, mask)
    if state is None:
        state = mapped(x, y, axes, ddof, nan_policy, mask)
    without_constants(y, state, ddof, array.dtype)
    if mask is not None:
        np.copyto(y, 0, where=~mask)
    return target.done()


def mapped(
    x: Array, y: Array, axes: tuple[int, ...], ddof: float, nan_policy: str, mask: Array | None
) -> Array:
    """y = (x - mean) / std by a policy about NaN, and the table state."""
    count: Any = math.prod(x.shape[axis] for axis in axes)
    seen = x
    if mask is not None:
        seen, count = np.where(mask, x, x.dtype.type(np.nan)), shown(mask, x.shape, axes)
    state = table_moments(seen, axes, infinite=True)
    with_nan = state[..., 0] < count
    if nan_policy == "raise" and with_nan.any():
        raise ValueError('The input contains nan values and nan_policy is "raise"')
    if nan_policy == "propagate":
        state[with_nan] = np.nan
    standard_map(x.dtype, state, deviation(state, ddof)).run(x, y)
    return state


def without_constants(y: Array, state: Array, ddof: float, dtype: np.dtype[Any]) -> None:
    """NaN for groups whose deviation is rounding, by SciPy's rule, and its warning."""
    eps = np.finfo(np.float64 if dtype.itemsize == 8 else np.float32).eps
    std, mean = deviation(state, ddof), np.abs(values_of(state)[1])
    if ((std < 10 * eps * mean) & (state[..., 0] > 1)).any():
        warnings.warn(PRECISION_LOSS, RuntimeWarning, stacklevel=3)
    constant = std <= eps * mean
    if constant.any():
        np.copyto(y, np.nan, where=constant)


def scale(
    X: Any, axis: Any = 0, *, with_mean: bool = True, with_std: bool = True, out: Array | None = None
) -> Array:
    r"""Zero mean and unit variance, as `sklearn.preprocessing.scale`.

    .. math:: y = \frac{x - \mu}{\sigma}

    Parameters
    ----------
    X : array_like
        Any shape; integers and booleans are promoted to float64. NaN counts in no statistic and stays.
    axis : int, tuple of int or None
        Axes the moments are taken over: 0 for features in columns, None for all.
    with_mean, with_std : bool
        Subtract the mean, divide by the standard deviation.
    out : ndarray, optional
        Where to write; may be `X` itself.

    Returns
    -------
    ndarray
        In the shape, dtype and memory order of `X`; a masked array for a masked array, whose masked elements
        count in no statistic. Constant features are not divided.

    Raises
    ------
    TypeError
        A dtype that is not real.
    ValueError
        Infinity in `X`, an axis out of range, an `out` that does not fit.

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
    array, visible, result = without_hidden(X)
    axes = as_axes(axis, array.ndim)
    target = Output(array, out)
    if array.size:
        state = table_moments(target.x, axes)
        std = values_of(state)[3] if with_std else 0
        divisor = np.broadcast_to(np.where(std == 0, 1.0, std), state.shape[:-1])
        standard_map(target.x.dtype, state, divisor, with_mean=with_mean).run(target.x, target.y)
    if visible is not None:
        np.copyto(target.y, 0, where=~visible)
    return result(target.done())


def minmax_scale(
    X: Any, feature_range: tuple[float, float] = (0, 1), *, axis: Any = 0, out: Array | None = None
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
    array, visible, result = without_hidden(X)
    axes = as_axes(axis, array.ndim)
    ends = check_range(feature_range)
    target = Output(array, out)
    if array.size:
        low, high = extremes(target.x, axes)
        regular = ~near_constant(low, high, array.dtype)
        factor = np.where(regular, inverse_range(low, high), 1.0)
        m: Map = exact_map(target.x.dtype, (low, high), factor, regular, ends)
        m.run(target.x, target.y)
    if visible is not None:
        np.copyto(target.y, 0, where=~visible)
    return result(target.done())
