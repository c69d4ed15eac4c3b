"""MinMaxScaler: each feature to a given range, whose ends are met exactly and never left."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.passes import check_no_inf, extremes
from cnorm._stats.table import by_fit_ends, fit_range
from cnorm.preprocessing._exact import (
    check_range,
    exact_map,
    fitted_range,
    inverse_range,
    plain_factor,
    range_inverse,
    ranges,
    resolution,
)
from cnorm.preprocessing._fitting import fitting, machinery
from cnorm.preprocessing._maps import Map, compute
from cnorm.preprocessing._scaler import BACK, Scaler
from cnorm.preprocessing._short import with_short_ways

__all__ = ["MinMaxScaler"]
NO_SPARSE = "{} does not support sparse input. Consider using MaxAbsScaler instead."


@with_short_ways
class MinMaxScaler(Scaler):
    r"""Each feature to a range, as `sklearn.preprocessing.MinMaxScaler` [1]_, but exactly.

    .. math:: y = \frac{x - \min}{\max - \min} (b - a) + a

    The fitted minimum becomes `a` and the maximum `b` to the last bit, and no value between leaves the range.

    Parameters
    ----------
    feature_range : tuple of float
        The range `(a, b)`.
    copy : bool
        False: transform an array in place where it is a writeable float array.
    clip : bool
        Clip values beyond the fitted ones to the range.
    axis : int, tuple of int or None
        Axes of an n-D array the extremes are taken over; the others have extremes of their own. None for
        all. 0 is scikit-learn's features in columns.

    Attributes
    ----------
    data_min_, data_max_, data_range_ : ndarray of shape (n_features,)
        float64, whatever the input. With `axis`: of the shape of the axes kept.
    scale_, min_ : ndarray of shape (n_features,)
        `y = x * scale_ + min_` up to rounding.
    n_samples_seen_ : int
        Samples seen.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    minmax_scale : The function.
    StandardScaler : By mean and deviation.
    MaxAbsScaler : By the largest magnitude.

    Notes
    -----
    NaN is left out and stays in the result; infinity is refused. float16, float32 and float64 keep their
    dtype, everything else becomes float64. A feature is constant, and becomes `a`, if its range is below
    10 eps (of the most precise dtype seen) both in itself (scikit-learn's rule) and in relation to its
    values: small units are no reason.
    scikit-learn, where it is installed, validates input and makes DataFrames.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.MinMaxScaler`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import MinMaxScaler
    >>> MinMaxScaler().fit_transform(np.array([[1.0, 49.0], [2.0, 0.0], [3.0, 7.0]]))
    array([[0.        , 1.        ],
           [0.5       , 0.        ],
           [1.        , 0.14285714]])
    """

    _parameter_constraints = {
        "feature_range": [tuple],
        "copy": ["boolean"],
        "clip": ["boolean"],
        "axis": [int, np.integer, tuple, list, None],
    }

    _eps: float
    data_min_: Array
    data_max_: Array
    data_range_: Array
    scale_: Array
    min_: Array
    _fitted = ("data_min_", "data_max_", "data_range_", "scale_", "min_")
    _watched = ("scale_", "min_")

    def __init__(
        self,
        feature_range: tuple[float, float] = (0, 1),
        *,
        copy: bool = True,
        clip: bool = False,
        axis: Any = 0,
    ) -> None:
        self.feature_range = feature_range
        self.copy = copy
        self.clip = clip
        self.axis = axis

    @fitting
    def fit(self, X: Any, y: Any = None) -> MinMaxScaler:
        """Takes minimum and maximum of each feature; what was fitted before is forgotten.

        A fit that raises forgets nothing.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.

        Returns
        -------
        MinMaxScaler
            This scaler.

        Raises
        ------
        TypeError
            A sparse matrix.
        ValueError
            Infinity, no sample, an empty range.
        """
        self._forget()
        fitted: MinMaxScaler = self.partial_fit(X, y)
        return fitted

    @fitting
    def partial_fit(self, X: Any, y: Any = None) -> MinMaxScaler:
        """Widens minimum and maximum by those of another batch; arguments as for `fit`.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.

        Returns
        -------
        MinMaxScaler
            This scaler.
        """
        check_range(self.feature_range)
        if machinery.is_sparse(X):
            raise TypeError(NO_SPARSE.format(type(self).__name__))
        x = self._take(X, reset="n_samples_seen_" not in self.__dict__)
        axes = self._axes(x)
        least, most = (v.squeeze(axes) for v in extremes(x, axes))
        if "n_samples_seen_" in self.__dict__:
            self._check_kept(x, np.shape(self.data_min_))
        self._take_in(least, most, math.prod([x.shape[a] for a in axes]), resolution(x.dtype))
        self._prepare()
        return self

    def _take_at_once(self, X: Array, first: bool, weights: Any) -> bool:
        least, most, eps = (None, None, 1.0) if first else (self.data_min_, self.data_max_, self._eps)
        found = fit_range(X, least, most, self.feature_range, eps)
        if found is None:
            return False
        rows, eps = found
        least, most, extent, scale, shift = rows
        seen = len(X) + (0 if first else self.n_samples_seen_)
        values = {
            "data_min_": least,
            "data_max_": most,
            "data_range_": extent,
            "scale_": scale,
            "min_": shift,
        }
        return self._hold(X, first, rows[3:], n_samples_seen_=seen, _eps=eps, **values)

    def _by_own(self, X: Array) -> Array | None:
        return by_fit_ends(X, self.data_min_, self.data_max_, self.feature_range, self._eps)

    def _take_in(self, least: Array, most: Array, samples: int, eps: float) -> None:
        """Adds extremes of so many samples, known to a relative eps: the finest tells what is constant."""
        if "n_samples_seen_" in self.__dict__:
            least, most = np.fmin(self.data_min_, least), np.fmax(self.data_max_, most)
            samples += self.n_samples_seen_
            eps = min(eps, self.__dict__.get("_eps", eps))
        low, high = check_range(self.feature_range)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            scale = (high - low) * ranges(least, most, eps)[0]
            self._replace(
                n_samples_seen_=samples,
                _eps=eps,
                data_min_=np.asarray(least),
                data_max_=np.asarray(most),
                data_range_=np.asarray(most - least),
                scale_=np.asarray(scale),
                min_=np.asarray(low - least * scale),
            )

    def _fitted_range(self, per_range: Array) -> tuple[float, float, Array] | None:
        """Range and regular columns if scale_ and min_ are what fit made of minimum and maximum."""
        return fitted_range(self.feature_range, self.data_min_, per_range, self.scale_, self.min_)

    def _plain_factor(self) -> Array | None:
        """1 / (maximum - minimum) where all are moderate and scale_ and min_ as fit made them, else None."""
        if not self._as_fitted():
            return None
        ends = self.data_min_, self.data_max_
        return plain_factor(self.feature_range, ends, self._eps, self.scale_, self.min_)

    def _map(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        plain = self._plain_factor()
        if plain is not None:
            ends = self.data_min_.reshape(shape), self.data_max_.reshape(shape)
            target = float(self.feature_range[0]), float(self.feature_range[1])
            return exact_map(dtype, ends, plain.reshape(shape), None, target)
        per_range = inverse_range(self.data_min_, self.data_max_)
        fitted = self._fitted_range(per_range)
        if fitted is None:  # someone has set scale_ or min_, or changed the range since fit
            scale = np.asarray(self.scale_, np.float64).reshape(shape)
            bias = np.asarray(self.min_).reshape(shape).astype(compute(dtype))
            return Map(np.zeros(shape), scale, None, bias)
        low, high, regular = fitted
        factor = np.where(regular, per_range, 1.0)
        ends = self.data_min_.reshape(shape), self.data_max_.reshape(shape)
        return exact_map(dtype, ends, factor.reshape(shape), regular.reshape(shape), (low, high))

    def _may_be_short(self, way: int) -> bool:
        return (way == BACK or not self.clip) and super()._may_be_short(way)

    def transform(self, X: Any) -> Any:
        """Scales the features to the range.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Real numbers.

        Returns
        -------
        ndarray
            In the shape, float dtype and memory order of `X`.

        Raises
        ------
        ValueError
            Infinity, a number of features that was not fitted. `NotFittedError`, one of them, before `fit`.
        """
        self._check_fitted()
        if machinery.is_sparse(X):
            raise TypeError(NO_SPARSE.format(type(self).__name__))
        x = self._take(X, reset=False)
        check_no_inf(x)
        return self._scaled(x)

    def _scaled(self, x: Array, copy: bool | None = None) -> Array:
        y = super()._scaled(x, copy)
        if self.clip:
            np.clip(y, *self.feature_range, out=y)
        return y

    def inverse_transform(self, X: Any) -> Any:
        """Scales the features back from the range.

        Parameters
        ----------
        X : array_like of shape (n_samples, n_features)
            Transformed data.

        Returns
        -------
        ndarray
            In the shape, float dtype and memory order of `X`.
        """
        self._check_fitted()
        x = self._take(X, reset=None)
        return self._scaled_back(x)

    def _map_back(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        fitted = self._fitted_range(inverse_range(self.data_min_, self.data_max_))
        if fitted is None:
            with np.errstate(divide="ignore", over="ignore"):
                return Map(
                    np.asarray(self.min_, float).reshape(shape),
                    1 / np.asarray(self.scale_, float).reshape(shape),
                )
        low, high, regular = fitted
        ends = self.data_min_.reshape(shape), self.data_max_.reshape(shape)
        return range_inverse(dtype, ends, regular.reshape(shape), (low, high))
