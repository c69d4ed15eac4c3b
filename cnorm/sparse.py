"""Sparse matrices: mean and variance, minimum and maximum, and scaling of rows or columns; zeros count.

CSR and CSC matrices and arrays of scipy.sparse, or any object with their `data, indices, indptr, shape` and
`format`. Nothing is imported, made dense or compiled on first use. Elements stored twice add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnorm._accept.arrays import EXACT
from cnorm._accept.axes import as_number
from cnorm._accept.hints import ArrayLike, Axes, Given
from cnorm._stats.compressed import (
    as_compressed,
    as_divisors,
    as_position_weights,
    divided,
    exact_extremes,
    extremes_along,
    moments_along,
    one_axis,
)
from cnorm._stats.moments import finish

__all__ = ["minmax", "moments", "scale"]


def moments(
    a: ArrayLike,
    axis: Axes = None,
    *,
    correction: float = 0,
    weights: Given = None,
    nan_policy: str = "propagate",
) -> tuple[Any, Any]:
    r"""Mean and variance of the columns or rows of a sparse matrix, zeros that are not stored included.

    .. math:: \mu = \frac{1}{n}\sum x, \qquad \sigma^2 = \frac{1}{n - c}\sum (x - \mu)^2

    Parameters
    ----------
    a : sparse matrix
        CSR or CSC, of scipy.sparse or any object with its `data, indices, indptr, shape, format`. Real
        numbers. Indices of 32 or 64 bits in any order; elements stored twice add up.
    axis : {0, 1, -1, -2} or None
        0 for columns, 1 for rows, None for all elements.
    correction : float
        Delta degrees of freedom `c`: 0 for the variance of the data, 1 for the unbiased estimate.
    weights : array_like, optional
        Non-negative repeat counts along `axis`: of the rows for axis 0, of the columns for axis 1. `n` is
        then their sum.
    nan_policy : {"propagate", "omit", "raise"}
        What to do with stored NaN: "omit" leaves it out, and zeros count.

    Returns
    -------
    mean, var : ndarray or scalar
        float32 for 16- and 32-bit floats, else float64. NaN for an empty group.

    Raises
    ------
    TypeError
        No such matrix, or numbers that are not real.
    ValueError
        Indices outside of the shape, parts that do not fit each other, an axis out of range, weights that do
        not fit, NaN under "raise".

    See Also
    --------
    minmax : Least and greatest.
    scale : Divides rows or columns.
    cnorm.preprocessing.StandardScaler : Takes sparse tables.

    Notes
    -----
    What is stored is read once, in blocks of rows that are merged in order: the result has the same bits for
    every number of threads. Groups with few zeros and a mean far from zero, with NaN or with numbers whose
    squares leave float64 are read again about a pivot: no digits cancel [1]_.

    References
    ----------
    .. [1] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> from types import SimpleNamespace
    >>> a = SimpleNamespace(data=np.array([2.0, 4.0, 6.0]), indices=np.array([0, 1, 1]),
    ...                     indptr=np.array([0, 2, 3]), shape=(2, 2), format="csr")  # [[2, 4], [0, 6]]
    >>> cnorm.sparse.moments(a, axis=0)
    (array([1., 5.]), array([1., 1.]))
    """
    m, axis, correction = as_compressed(a), one_axis(axis), as_number(correction, "correction")
    w = as_position_weights(weights, m, axis)
    return finish(moments_along(m, axis, w, nan_policy), correction, m.data, ())


def minmax(a: ArrayLike, axis: Axes = None) -> tuple[Any, Any]:
    """The least and the greatest element of the columns or rows of a sparse matrix, zeros included.

    Parameters
    ----------
    a : sparse matrix
        CSR or CSC, as for `moments`.
    axis : {0, 1, -1, -2} or None
        0 for columns, 1 for rows, None for all elements.

    Returns
    -------
    min, max : ndarray or scalar
        In the dtype of `a`, float32 for 16-bit floats. NaN is left out, as by the scalers (scikit-learn's
        `min_max_axis` with `ignore_nan=True`); NaN where there is nothing else.

    Raises
    ------
    TypeError
        No such matrix, or numbers that are not real.
    ValueError
        Indices outside of the shape, parts that do not fit each other, an axis out of range or of length 0.

    See Also
    --------
    moments : Mean and variance.
    scale : Divides rows or columns.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> from types import SimpleNamespace
    >>> a = SimpleNamespace(data=np.array([2.0, 4.0, 6.0]), indices=np.array([0, 1, 1]),
    ...                     indptr=np.array([0, 2, 3]), shape=(2, 2), format="csr")  # [[2, 4], [0, 6]]
    >>> cnorm.sparse.minmax(a, axis=0)
    (array([0., 4.]), array([2., 6.]))
    """
    m, axis = as_compressed(a), one_axis(axis)
    integers = m.data.dtype.kind in "iu"
    if (m.shape[0] * m.shape[1] if axis is None else m.shape[axis]) == 0:
        raise ValueError(f"a: expected an element along axis {axis}, got shape {m.shape}")
    low, high = extremes_along(m, axis)
    if integers and m.data.dtype.itemsize == 8 and np.abs([low, high]).max(initial=0) >= EXACT:
        return exact_extremes(m, axis)
    return low.astype(m.data.dtype)[()], high.astype(m.data.dtype)[()]


def scale(
    a: ArrayLike,
    by: ArrayLike,
    axis: int | Sequence[int] = 0,
    *,
    max_value: float | None = None,
    copy: bool = True,
) -> Any:
    """Each column (axis 0) or row of a sparse matrix divided by a number, and clipped.

    Parameters
    ----------
    a : sparse matrix
        CSR or CSC, as for `moments`.
    by : array_like
        Divisors: one for each column (axis 0), or row (axis 1). By 0 nothing is divided, as in scanpy and
        scikit-learn, where deviations of constants count as 1.
    axis : {0, 1, -1, -2}
        The axis the divisors are statistics of: `by = sqrt(var)` with the `var` of `moments(a, axis)`.
    max_value : float, optional
        What is larger afterwards becomes this, as in scanpy's `pp.scale(zero_center=False)`. At least 0, as
        zeros stay.
    copy : bool
        False: in place where `a.data` is a writeable float array; `a` itself is returned then.

    Returns
    -------
    sparse matrix
        Of the class, format and float dtype of `a`, float64 for integers and booleans.

    Raises
    ------
    TypeError
        No such matrix, numbers that are not real.
    ValueError
        Indices outside of the shape, parts or divisors that do not fit, an axis out of range, a `max_value`
        below 0.

    See Also
    --------
    moments : What to divide by.
    cnorm.preprocessing.MaxAbsScaler : By the largest magnitude.

    Examples
    --------
    >>> import numpy as np, cnorm
    >>> from types import SimpleNamespace
    >>> a = SimpleNamespace(data=np.array([2.0, 4.0, 6.0]), indices=np.array([0, 1, 1]),
    ...                     indptr=np.array([0, 2, 3]), shape=(2, 2), format="csr")  # [[2, 4], [0, 6]]
    >>> cnorm.sparse.scale(a, [2.0, 4.0]).data
    array([1. , 1. , 1.5])
    >>> cnorm.sparse.scale(a, [2.0, 4.0], max_value=1.25).data
    array([1.  , 1.  , 1.25])
    """
    m, chosen = as_compressed(a), one_axis(axis)
    if chosen is None:
        raise ValueError(f"axis: expected 0 or 1, got {axis!r}")
    divisor = as_divisors(by, m.shape[1 - chosen])
    most = np.inf if max_value is None else as_number(max_value, "max_value")
    if not most >= 0:
        raise ValueError(f"max_value: expected a number of at least 0, got {max_value!r}")
    return divided(a, m, divisor, chosen, most, copy=copy)


if not TYPE_CHECKING:  # type checkers know the names

    def __getattr__(name: str) -> Any:
        from cnorm._system.hints import no_attribute

        raise no_attribute(__name__, name)
