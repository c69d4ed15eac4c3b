"""MaxAbsScaler: each feature divided by its largest magnitude, which becomes 1 or -1 exactly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.passes import check_no_inf, extremes
from cnorm._stats.table import by_fit_ends, fit_largest
from cnorm.preprocessing._exact import ratio_map
from cnorm.preprocessing._fitting import fitting, machinery
from cnorm.preprocessing._maps import Map, standard_inverse
from cnorm.preprocessing._scaler import BACK, Scaler
from cnorm.preprocessing._short import with_short_ways
from cnorm.preprocessing._sparse import run_sparse, sparse_largest

__all__ = ["MaxAbsScaler"]


@with_short_ways
class MaxAbsScaler(Scaler):
    r"""Each feature by its largest magnitude, as `sklearn.preprocessing.MaxAbsScaler` [1]_, but exactly.

    .. math:: y = \frac{x}{\max |x|}

    What is largest becomes 1 or -1 to the last bit, and nothing fitted is beyond. Zeros stay zeros.

    Parameters
    ----------
    copy : bool
        False: transform an array in place where it is a writeable float array.
    clip : bool
        Clip values beyond the fitted ones to -1 and 1.
    axis : int, tuple of int or None
        Axes of an n-D array the magnitudes are compared over; the others have a largest of their own. None
        for all. 0 is scikit-learn's features in columns.

    Attributes
    ----------
    max_abs_, scale_ : ndarray of shape (n_features,)
        float64, whatever the input. `scale_` is 1 for features that are 0. With `axis`: of the shape of the
        axes kept.
    n_samples_seen_ : int
        Samples seen.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    maxabs_scale : The function.
    MinMaxScaler : To a range.
    StandardScaler : By mean and deviation.

    Notes
    -----
    NaN is left out and stays in the result; infinity is refused. float16, float32 and float64 keep their
    dtype, everything else becomes float64. Small units are no zeros: scikit-learn does not scale a feature
    below 10 eps, this does. Sparse matrices (CSR and CSC) stay sparse. scikit-learn, where it is installed,
    validates input, makes DataFrames and lets sparse matrices in. An error, of `fit` too, changes nothing.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.MaxAbsScaler`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import MaxAbsScaler
    >>> MaxAbsScaler().fit_transform(np.array([[1.0, -49.0], [-4.0, 7.0], [3.0, 0.0]]))
    array([[ 0.25      , -1.        ],
           [-1.        ,  0.14285714],
           [ 0.75      ,  0.        ]])
    """

    _parameter_constraints = {
        "copy": ["boolean"],
        "clip": ["boolean"],
        "axis": [int, np.integer, tuple, list, None],
    }

    max_abs_: Array
    scale_: Array
    _fitted = ("max_abs_", "scale_")
    _watched = ("scale_",)
    _takes_sparse = True

    def __init__(self, *, copy: bool = True, clip: bool = False, axis: Any = 0) -> None:
        self.copy = copy
        self.clip = clip
        self.axis = axis

    @fitting
    def fit(self, X: Any, y: Any = None) -> MaxAbsScaler:
        """Takes the largest magnitude of each feature; what was fitted before is forgotten.

        A fit that raises forgets nothing.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.

        Returns
        -------
        MaxAbsScaler
            This scaler.

        Raises
        ------
        ValueError
            Infinity, no sample, a sparse matrix with another `axis` than 0.
        """
        self._forget()
        fitted: MaxAbsScaler = self.partial_fit(X, y)
        return fitted

    @fitting
    def partial_fit(self, X: Any, y: Any = None) -> MaxAbsScaler:
        """Takes in the magnitudes of another batch; arguments as for `fit`.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.

        Returns
        -------
        MaxAbsScaler
            This scaler.
        """
        first = "n_samples_seen_" not in self.__dict__
        x = self._take(X, reset=first, accept_sparse=("csr", "csc"))
        largest, samples = self._largest(x)
        if not first:
            if not machinery.is_sparse(x):
                self._check_kept(x, np.shape(self.max_abs_))
            largest = np.fmax(self.max_abs_, largest)
            samples += self.n_samples_seen_
        self._replace(
            n_samples_seen_=samples,
            max_abs_=np.asarray(largest),
            scale_=np.asarray(largest + (largest == 0)),
        )
        self._prepare()
        return self

    def _take_at_once(self, X: Array, first: bool, weights: Any) -> bool:
        rows = fit_largest(X, None if first else self.max_abs_)
        if rows is None:
            return False
        seen = len(X) + (0 if first else self.n_samples_seen_)
        return self._hold(X, first, rows[1:], n_samples_seen_=seen, max_abs_=rows[0], scale_=rows[1])

    def _by_own(self, X: Array) -> Array | None:
        return by_fit_ends(X, None, self.max_abs_)

    def _largest(self, x: Any) -> tuple[Array, int]:
        """The largest magnitudes of a batch, of the axes kept, and how many samples they are of."""
        if machinery.is_sparse(x):
            self._check_sparse(x)
            return sparse_largest(x), x.shape[0]
        axes = self._axes(x)
        low, high = (v.squeeze(axes) for v in extremes(x, axes))
        return np.maximum(-low, high), math.prod([x.shape[a] for a in axes])

    def _check_sparse(self, x: Any) -> None:
        if not self._is_table():
            raise ValueError(f"axis: expected 0 with a sparse matrix, got {self.axis!r}")
        check_no_inf(x.data)

    def _map(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        return ratio_map(dtype, np.asarray(self.scale_, np.float64).reshape(shape))

    def _may_be_short(self, way: int) -> bool:
        return (way == BACK or not self.clip) and super()._may_be_short(way)

    def transform(self, X: Any) -> Any:
        """Divides by the largest magnitudes.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.

        Returns
        -------
        ndarray or sparse matrix
            In the shape, float dtype and memory order of `X`.

        Raises
        ------
        ValueError
            Infinity, a number of features that was not fitted. `NotFittedError`, one of them, before `fit`.
        """
        self._check_fitted()
        x = self._take(X, reset=False, accept_sparse=("csr", "csc"))
        if machinery.is_sparse(x):
            self._check_sparse(x)
            y = run_sparse(self._map(x.dtype, x.shape[1:]), x, copy=self.copy)
            if self.clip:
                np.clip(y.data, -1, 1, out=y.data)
            return y
        check_no_inf(x)
        return self._scaled(x)

    def _scaled(self, x: Array, copy: bool | None = None) -> Array:
        y = super()._scaled(x, copy)
        if self.clip:
            np.clip(y, -1, 1, out=y)
        return y

    def inverse_transform(self, X: Any) -> Any:
        """Multiplies by the largest magnitudes.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Transformed data.

        Returns
        -------
        ndarray or sparse matrix
            In the shape, float dtype and memory order of `X`.
        """
        self._check_fitted()
        x = self._take(X, reset=None, accept_sparse=("csr", "csc"))
        if machinery.is_sparse(x):
            scale = np.asarray(self.scale_, np.float64)
            self._check_sparse(x)
            self._check_kept(x, scale.shape)
            return run_sparse(standard_inverse(x.dtype, scale, None), x, copy=self.copy)
        return self._scaled_back(x)

    def _map_back(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        return standard_inverse(dtype, np.asarray(self.scale_, np.float64).reshape(shape), None)
