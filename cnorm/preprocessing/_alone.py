"""The little of scikit-learn's machinery that dense arrays need, for when it is not installed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, is_float, native, to_ndarray

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


# Other containers than arrays come with scikit-learn.
local = SimpleNamespace(global_config={"transform_output": "default"})


class NotFittedError(ValueError, AttributeError):
    """A method that needs a fitted scaler was called before fit."""


class Callbacks:
    """Callbacks come with scikit-learn."""


class Estimator:
    """get_params, set_params, repr and feature names from the constructor's signature."""

    _parameter_constraints: dict[str, list[Any]] = {}

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted(name for name in inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in self._get_param_names()}

    def set_params(self, **params: Any) -> Any:
        """Sets arguments of the constructor."""
        for name in params:
            if name not in self._get_param_names():
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {self}. "
                    f"Valid parameters are: {self._get_param_names()!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _validate_params(self) -> None:
        for name, allowed in self._parameter_constraints.items():
            value = getattr(self, name)
            if not any(fits(value, kind) for kind in allowed):
                kinds = ", ".join(getattr(kind, "__name__", str(kind)) for kind in allowed)
                raise ValueError(f"{name}: expected one of {kinds}, got {value!r}")

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        parameters = inspect.signature(type(self)).parameters
        changed = (f"{n}={v!r}" for n, v in self.get_params().items() if v is not parameters[n].default)
        return f"{type(self).__name__}({', '.join(changed)})"

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names given, or x0, x1, ..."""
        n = getattr(self, "n_features_in_", None)
        if n is None:
            raise NotFittedError(f"This {type(self).__name__} instance is not fitted yet.")
        names = [f"x{i}" for i in range(n)] if input_features is None else input_features
        if len(names) != n:
            raise ValueError(
                f"input_features should have length equal to number of features ({n}), got {len(names)}"
            )
        return np.asarray(names, dtype=object)


def fits(value: Any, kind: Any) -> bool:
    """Is this value what a constraint allows?"""
    if kind is None:
        return value is None
    if kind == "boolean":
        return isinstance(value, (bool, np.bool_))
    return isinstance(value, kind) and not isinstance(value, bool)


def fitting(method: Callable[..., Any]) -> Callable[..., Any]:
    """Checks the parameters first."""

    @functools.wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._validate_params()
        return method(self, *args, **kwargs)

    return wrapper


def validate(estimator: Any, X: Any, *, reset: bool | None, table: bool, accept_sparse: Any = False) -> Array:
    """X as a float ndarray, checked against what was fitted; see `_sklearn.validate`."""
    if hasattr(X, "toarray"):
        raise TypeError("X: sparse input needs scikit-learn; expected a dense array")
    x = native(to_ndarray(X, "X"))
    if x.dtype.kind == "c":
        raise ValueError(f"X: Complex data not supported, got {x.dtype}")
    if not is_float(x.dtype):
        x = x.astype(np.float64)
    if table and x.ndim < 2:
        raise ValueError(f"X: Expected 2D array, got {x.ndim}D array instead, of shape {x.shape}")
    if x.ndim and not len(x):
        raise ValueError(
            f"X: Found array with 0 sample(s) (shape={x.shape}) while a minimum of 1 is required"
        )
    if table and not x.shape[1]:
        raise ValueError(
            f"X: Found array with 0 feature(s) (shape={x.shape}) while a minimum of 1 is required"
        )
    if reset is None or not table:
        return x
    if reset:
        estimator.n_features_in_ = x.shape[1]
    elif getattr(estimator, "n_features_in_", x.shape[1]) != x.shape[1]:
        raise ValueError(
            f"X has {x.shape[1]} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input"
        )
    return x


def check_weights(sample_weight: Any, X: Array) -> Array:
    """One weight for each row, in float64."""
    weights = np.asarray(to_ndarray(sample_weight, "sample_weight"), np.float64)
    if weights.ndim == 0:
        weights = np.full(len(X), weights)
    if weights.ndim != 1:
        raise ValueError("Sample weights must be 1D array or scalar")
    if weights.shape != (len(X),):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected ({len(X)},)!")
    if not np.isfinite(weights).all():
        raise ValueError("Input sample_weight contains NaN or infinity")
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`")
    return weights


def fit_task(estimator: Any, X: Any, y: Any, sample_weight: Any) -> AbstractContextManager[None]:
    """No callbacks to tell."""
    return nullcontext()


def has_callbacks(estimator: Any) -> bool:
    """Callbacks come with scikit-learn."""
    return False


def is_sparse(X: Any) -> bool:
    """`validate` has refused sparse input already."""
    return False
