"""What scikit-learn does for the scalers: parameters, validation, names, containers.

The one module of cnorm that imports scikit-learn; `_alone` has the same names without it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.validation import FLOAT_DTYPES, _check_sample_weight, validate_data

from cnorm._accept.arrays import Array, to_ndarray

try:  # this thread's configuration, where public get_config() copies all of it for 0.2 us
    from sklearn._config import _threadlocal as local
except ImportError:
    local = SimpleNamespace()

try:  # scikit-learn 1.9
    from sklearn.callback import CallbackSupportMixin as Callbacks
except ImportError:

    class Callbacks:  # type: ignore[no-redef]
        """Without callbacks."""


__all__ = [
    "Callbacks",
    "Estimator",
    "NotFittedError",
    "check_weights",
    "fit_task",
    "fitting",
    "has_callbacks",
    "is_sparse",
    "local",
    "validate",
]


class Estimator(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """scikit-learn's own base, with the scalers' tags."""

    _takes_nan = True
    _takes_sparse = False  # with_mean tells of those that have it
    _is_fitted_to_data = True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self._takes_nan
        tags.input_tags.sparse = not getattr(self, "with_mean", not self._takes_sparse)
        tags.requires_fit = self._is_fitted_to_data
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


fitting: Callable[[Any], Any] = _fit_context(prefer_skip_nested_validation=True)
is_sparse: Callable[[Any], bool] = sparse.issparse


def validate(estimator: Any, X: Any, *, reset: bool | None, table: bool, accept_sparse: Any = False) -> Any:
    """X as a float ndarray or sparse matrix, checked against what was fitted; inf is left to the caller.

    reset: X is the first data; None: X is to be transformed back and has no names. table: 2-D at least.
    """
    checks = {
        "accept_sparse": accept_sparse,
        "dtype": FLOAT_DTYPES,
        "ensure_all_finite": "allow-nan" if sparse.issparse(X) else False,
        "ensure_2d": table,
        "allow_nd": True,
    }
    torch = sys.modules.get("torch")
    if isinstance(X, np.ma.MaskedArray) or (torch is not None and isinstance(X, torch.Tensor)):
        X = to_ndarray(X, "X")
    if reset is None:
        X = check_array(X, estimator=estimator, input_name="X", **checks)
    else:
        X = validate_data(estimator, X, reset=reset, **checks)
    return X if sparse.issparse(X) else np.asarray(X)


def check_weights(sample_weight: Any, X: Any) -> Array:
    """One weight for each row, in float64."""
    if isinstance(sample_weight, np.ma.MaskedArray):
        sample_weight = to_ndarray(sample_weight, "sample_weight")
    weights: Array = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    return weights


def fit_task(estimator: Any, X: Any, y: Any, sample_weight: Any) -> AbstractContextManager[None]:
    """Tells callbacks, if there are any, of the beginning and the end of a fit."""
    if has_callbacks(estimator):
        return told(estimator, X, y, sample_weight)
    return nullcontext()


def has_callbacks(estimator: Any) -> bool:
    """Its own, or those of an estimator around it?"""
    return "_skl_callbacks" in estimator.__dict__ or "_parent_callback_ctx" in estimator.__dict__


@contextmanager
def told(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Iterator[None]:
    """As `fit_task`."""
    context = estimator._init_callback_context()
    known = {"estimator": estimator, "X": X, "y": y, "metadata": {"sample_weight": sample_weight}}
    context.call_on_fit_task_begin(**known)
    yield
    context.call_on_fit_task_end(**known, reconstruction_attributes={})
