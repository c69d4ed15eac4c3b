"""StandardScaler: zero mean and unit variance per feature, fitted in one pass or batch by batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.passes import check_no_inf
from cnorm._stats.state import COUNT, as_divisors, combined, values_of, values_of_one_count
from cnorm._stats.table import by_fit_moments, fit_moments, table_moments
from cnorm.preprocessing._fitting import as_weights, fitting, machinery
from cnorm.preprocessing._maps import Map, as_float, same, standard_inverse, standard_map
from cnorm.preprocessing._scaler import Scaler
from cnorm.preprocessing._short import with_short_ways
from cnorm.preprocessing._sparse import CENTER_SPARSE, run_sparse, sparse_moments

__all__ = ["StandardScaler"]

_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)


@with_short_ways
class StandardScaler(machinery.Callbacks, Scaler):
    r"""Zero mean and unit variance per feature, as `sklearn.preprocessing.StandardScaler` [1]_.

    .. math:: y = \frac{x - \mu}{\sigma}

    Parameters
    ----------
    copy : bool
        False: transform an array in place where it is a writeable float array.
    with_mean, with_std : bool
        Subtract the mean, divide by the standard deviation.
    axis : int, tuple of int or None
        Axes of an n-D array the statistics are taken over; the others have statistics of their own. None
        for all. 0 is scikit-learn's features in columns.

    Attributes
    ----------
    mean_, var_, scale_ : ndarray of shape (n_features,) or None
        float64, whatever the input. `scale_` is the standard deviation, 1 for (nearly) constant features.
        With `axis`: of the shape of the axes kept.
    n_samples_seen_ : int or ndarray of shape (n_features,)
        Samples, or weights, without NaN; an array where features differ.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    scale : The function.
    zscore : SciPy's, with `ddof`.
    MinMaxScaler : To a range.
    cnorm.RunningMoments : Moments of data in parts.

    Notes
    -----
    NaN counts in no statistic and stays in the result; infinity is refused. float16, float32 and float64 keep
    their dtype, everything else becomes float64. One pass over the data, merged exactly: the result of
    `partial_fit` does not depend on how the data is split but for rounding, and squares do not overflow [2]_.
    scikit-learn, where it is installed, validates input, makes DataFrames and lets sparse matrices in, whose
    moments are taken in float64. An error, of `fit` too, changes nothing.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.StandardScaler`.
    .. [2] Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import StandardScaler
    >>> x = np.array([[0.0, 1.0], [0.0, 3.0], [6.0, 5.0]])
    >>> scaler = StandardScaler().fit(x)
    >>> scaler.mean_
    array([2., 3.])
    >>> scaler.transform([[2.0, 3.0]])
    array([[0., 0.]])
    >>> StandardScaler(axis=(0, 2)).fit(np.ones((4, 3, 5))).mean_
    array([1., 1., 1.])
    """

    _parameter_constraints = {
        "copy": ["boolean"],
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
        "axis": [int, np.integer, tuple, list, None],
    }

    _state: Array
    mean_: Array | None
    var_: Array | None
    scale_: Array | None
    _fitted = ("mean_", "var_", "scale_")
    _watched = ("scale_", "mean_", "var_")
    _takes_weights = True

    def __init__(
        self, *, copy: bool = True, with_mean: bool = True, with_std: bool = True, axis: Any = 0
    ) -> None:
        self.with_mean = with_mean
        self.with_std = with_std
        self.copy = copy
        self.axis = axis

    @fitting
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Takes mean and variance of each feature; what was fitted before is forgotten.

        A fit that raises forgets nothing.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        StandardScaler
            This scaler.

        Raises
        ------
        ValueError
            Infinity, no sample, a shape or weights that do not fit, a sparse matrix that would be centered.
        """
        self._forget()
        fitted: StandardScaler = self.partial_fit(X, y, sample_weight)
        return fitted

    @fitting
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> StandardScaler:
        """Merges the moments of another batch into those seen so far; arguments as for `fit`.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.
        sample_weight : array_like of shape (n_samples,), optional
            Non-negative weights.

        Returns
        -------
        StandardScaler
            This scaler.
        """
        first = "n_samples_seen_" not in self.__dict__
        x = self._take(X, reset=first, accept_sparse=("csr", "csc"))
        with machinery.fit_task(self, X, y, sample_weight):
            weights = None if sample_weight is None else as_weights(sample_weight, x)
            self._take_in(x, weights, first)
            self._prepare()
        return self

    def _take_at_once(self, X: Array, first: bool, weights: Any) -> bool:
        dtype = _INT64 if first else getattr(self.n_samples_seen_, "dtype", None)
        alike = self.with_std and (dtype is _INT64 or dtype is _FLOAT64) and (first or self._are_counts())
        found = fit_moments(X, None if first else self._state, weights) if alike else None
        if found is None:
            return False
        state, count, rows = found
        std, mean, var = rows
        kind = np.int64 if dtype is _INT64 and weights is None else np.float64
        seen = kind(count) if type(count) is float else count.astype(kind)
        return self._hold(
            X, first, rows, _state=state, n_samples_seen_=seen, scale_=std, mean_=mean, var_=var
        )

    def _are_counts(self) -> bool:
        """Are the samples seen, where columns differ, those of the state?"""
        seen = self.n_samples_seen_
        return not isinstance(seen, np.ndarray) or same(seen, self._state[..., COUNT])

    def _by_own(self, X: Array) -> Array | None:
        return by_fit_moments(X, self._state, self.scale_) if self.with_mean else None

    def _batch_state(self, x: Any, weights: Array | None) -> Array:
        """The table state of a batch, of the axes kept."""
        if machinery.is_sparse(x):
            if self.with_mean:
                raise ValueError(CENTER_SPARSE)
            if not self._is_table():
                raise ValueError(f"axis: expected 0 with a sparse matrix, got {self.axis!r}")
            check_no_inf(x.data)
            return sparse_moments(x, weights)
        axes = self._axes(x)
        if weights is not None:
            if 0 not in axes:
                raise ValueError(f"sample_weight: expected an axis that includes 0, got axis={self.axis!r}")
            weights = weights.reshape(-1, *(1,) * (x.ndim - 1))
        return table_moments(x, axes, weights).squeeze(axes)

    def _take_in(self, x: Any, weights: Array | None, first: bool) -> None:
        state, weighted = self._batch_state(x, weights), weights is not None
        if not first:
            before = self._seen()
            self._check_kept(x, before.shape[:-1])
            state = combined(before, state)
            weighted |= np.asarray(self.n_samples_seen_).dtype.kind == "f"
        self._store(state, weighted)

    def _store(self, state: Array, weighted: bool) -> None:
        """The public attributes of a state."""
        count, ordinary = state[..., COUNT], values_of_one_count(state)
        mean, var, std = ordinary or values_of(state)[1:]
        seen = count if weighted else count.astype(np.int64)
        alike = ordinary is not None or (count == count.flat[0]).all()
        nothing = not self.with_mean and not self.with_std
        self._replace(
            _state=state,
            n_samples_seen_=seen.flat[0] if alike else seen,
            mean_=None if nothing else np.asarray(mean),
            var_=np.asarray(var) if self.with_std else None,
            scale_=(std if ordinary is not None else as_divisors(std)) if self.with_std else None,
        )

    def _exact(self) -> Array | None:
        """The state the public attributes were made of, if they are still those."""
        state: Array | None = self.__dict__.get("_state")
        if self._as_fitted() and state is not None and self._are_counts():
            return state
        known = (self.n_samples_seen_, self.mean_, self.var_)
        if state is None or not all(
            a is None or same(a, b) for a, b in zip(known, values_of(state), strict=False)
        ):
            return None
        return state

    def _seen(self) -> Array:
        """The state so far: to the last digit if it is known, else from the public attributes."""
        state = self._exact()
        if state is not None:
            return state
        known = (self.n_samples_seen_, self.mean_, self.var_)
        shape = np.broadcast_shapes(*(np.shape(a) for a in known if a is not None))
        count, mean, var = (as_float(0 if a is None else a, shape) for a in known)
        return np.stack([count, mean, np.zeros(shape), var * count, np.ones(shape)], -1)

    def _map(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        std = as_float(self.scale_, shape) if self.with_std else np.ones(shape)
        mean = as_float(self.mean_, shape) if self.with_mean else np.zeros(shape)
        state = self._exact() if self.with_mean and "_state" in self.__dict__ else None
        if state is None:
            state = np.stack([mean, mean, 0 * mean, mean, np.ones(shape)], -1)
        return standard_map(dtype, state.reshape(*shape, 5), std, with_mean=self.with_mean, mean=mean)

    def _map_back(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Map:
        std = as_float(self.scale_, shape) if self.with_std else np.ones(shape)
        mean = as_float(self.mean_, shape) if self.with_mean else None
        return standard_inverse(dtype, std, mean)

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Subtracts the mean and divides by the standard deviation.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        copy : bool, optional
            Instead of the `copy` of the constructor.

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
        x = self._take(X, reset=False, accept_sparse="csr")
        if machinery.is_sparse(x):
            if self.with_mean:
                raise ValueError(CENTER_SPARSE)
            return run_sparse(self._map(x.dtype, x.shape[1:]), x, copy=self.copy if copy is None else copy)
        check_no_inf(x)
        return self._scaled(x, copy)

    def inverse_transform(self, X: Any, copy: bool | None = None) -> Any:
        """Multiplies by the standard deviation and adds the mean.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Transformed data.
        copy : bool, optional
            Instead of the `copy` of the constructor.

        Returns
        -------
        ndarray or sparse matrix
            In the shape, float dtype and memory order of `X`.
        """
        self._check_fitted()
        x = self._take(X, reset=None, accept_sparse="csr")
        if machinery.is_sparse(x):
            if self.with_mean:
                raise ValueError(CENTER_SPARSE.replace("center", "uncenter"))
            std = as_float(1.0 if self.scale_ is None else self.scale_, x.shape[1:])
            m = standard_inverse(x.dtype, std, None)
            return run_sparse(m, x, copy=self.copy if copy is None else copy)
        return self._scaled_back(x, copy)
