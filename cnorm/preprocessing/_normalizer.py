"""Normalizer: each sample to unit norm; there is nothing to fit but the number of features."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.passes import check_finite, is_finite
from cnorm.preprocessing._fitting import fitting, machinery
from cnorm.preprocessing._normalize import EXPONENTS, as_norm, at_once, run_norm, run_sparse_norm
from cnorm.preprocessing._scaler import Scaler
from cnorm.preprocessing._short import with_short_ways

__all__ = ["Normalizer"]


@with_short_ways
class Normalizer(Scaler):
    r"""Each sample to unit norm, as `sklearn.preprocessing.Normalizer` [1]_.

    .. math:: y = \frac{x}{\lVert x \rVert}

    Parameters
    ----------
    norm : {"l2", "l1", "max"}
        The norm to divide by. Samples of norm 0 stay as they are.
    copy : bool
        False: transform an array in place where it is a writeable float array.
    axis : int, tuple of int or None
        Axes of an n-D array the norm is taken over, None for all. 1 is scikit-learn's samples in rows.

    Attributes
    ----------
    n_features_in_, feature_names_in_
        As in scikit-learn.

    See Also
    --------
    normalize : The function.
    cnorm.functional.normalize : Any axes and any p.

    Notes
    -----
    `fit` checks parameters and input and notes the features; `transform` works without it. NaN and infinity
    are refused. float16, float32 and float64 keep their dtype, everything else becomes float64. No square
    leaves float64, and small units are no zeros: scikit-learn does not scale a sample of a norm below 10 eps,
    this does. Sparse matrices become CSR.

    References
    ----------
    .. [1] scikit-learn, `sklearn.preprocessing.Normalizer`.

    Examples
    --------
    >>> import numpy as np
    >>> from cnorm.preprocessing import Normalizer
    >>> Normalizer().fit_transform(np.array([[3.0, 4.0], [0.0, 0.0], [-5.0, 12.0]]))
    array([[ 0.6       ,  0.8       ],
           [ 0.        ,  0.        ],
           [-0.38461538,  0.92307692]])
    """

    _parameter_constraints = {
        "norm": [str],
        "copy": ["boolean"],
        "axis": [int, np.integer, tuple, list, None],
    }
    _takes_nan = False
    _takes_sparse = True
    _is_fitted_to_data = False

    def __init__(self, norm: str = "l2", *, copy: bool = True, axis: Any = 1) -> None:
        self.norm = norm
        self.copy = copy
        self.axis = axis

    def _is_table(self) -> bool:
        return isinstance(self.axis, (int, np.integer)) and self.axis == 1

    def _checked(self, X: Any, reset: bool) -> Any:
        """X as a finite float ndarray or CSR matrix."""
        as_norm(self.norm)
        x = self._take(X, reset=reset, accept_sparse="csr")
        if machinery.is_sparse(x):
            if not self._is_table():
                raise ValueError(f"axis: expected 1 with a sparse matrix, got {self.axis!r}")
            check_finite(x.data)
        else:
            self._axes(x)
            check_finite(x)
        return x

    @fitting
    def fit(self, X: Any, y: Any = None) -> Normalizer:
        """Checks parameters and input, and notes the number of features and their names.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        y : None
            Ignored.

        Returns
        -------
        Normalizer
            This estimator.

        Raises
        ------
        ValueError
            An unknown norm, NaN or infinity, no sample.
        """
        self._checked(X, reset=True)
        return self

    def transform(self, X: Any, copy: bool | None = None) -> Any:
        """Divides each sample by its norm.

        Parameters
        ----------
        X : {array_like, sparse matrix} of shape (n_samples, n_features)
            Real numbers.
        copy : bool, optional
            Instead of the `copy` of the constructor.

        Returns
        -------
        ndarray or sparse matrix
            In the shape, float dtype and memory order of `X`; CSR for a sparse matrix.

        Raises
        ------
        ValueError
            NaN or infinity, a number of features that was not fitted.
        """
        x = self._checked(X, reset=False)
        copy = self.copy if copy is None else copy
        if machinery.is_sparse(x):
            return run_sparse_norm(x, self.norm, copy=copy)[0]
        return self._scaled(x, copy)

    def _scaled(self, x: Array, copy: bool | None = None) -> Array:
        plain = self.norm == "max" and x.ndim == 2 and copy is not False and self._has_rows_of()
        y = at_once(x, self.norm, 1, None) if plain else None
        if y is not None:
            return y
        out: Array = self._target(x, copy)
        run_norm(x, self.norm, self._axes(x), out)
        return out

    def _has_rows_of(self) -> bool:
        """Are the arguments those of plain rows, and to be copied?"""
        return (
            self.copy is True
            and type(self.axis) is int
            and self.axis == 1
            and type(self.norm) is str
            and self.norm in EXPONENTS
        )

    def _at_once(self, X: Any, way: int) -> Array | None:
        known = self.__dict__
        if (
            type(X) is np.ndarray
            and X.ndim == 2
            and len(X)
            and known.get("n_features_in_") == X.shape[1]
            and "feature_names_in_" not in known
            and self._has_rows_of()
        ):
            return at_once(X, self.norm, 1, None)
        return None

    def _take_at_once(self, X: Array, first: bool, weights: Any) -> bool:
        if not self._has_rows_of() or not is_finite(X):
            return False
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__["n_features_in_"] = X.shape[1]
        return True

    def _by_own(self, X: Array) -> Array | None:
        return at_once(X, self.norm, 1, None)
