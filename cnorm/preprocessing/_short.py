"""The short ways in: plain matrices are scaled without scikit-learn's wrappers and most checks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from cnorm.preprocessing._fitting import machinery
from cnorm.preprocessing._scaler import BACK, THERE, Scaler

__all__ = ["with_short_ways"]

_ndarray = np.ndarray
_local = machinery.local
_UNKNOWN = {"transform_output": None}


def has_default_output(scaler: Scaler) -> bool:
    """Has nobody asked scikit-learn for other containers?"""
    if "_sklearn_output_config" in scaler.__dict__:
        return False
    return bool(getattr(_local, "global_config", _UNKNOWN)["transform_output"] == "default")


def short_way(careful: Callable[..., Any], way: int) -> Callable[..., Any]:
    """Spares a plain matrix every check but those of infinity, written statistics and scikit-learn's output.

    `careful` is transform, or its inverse, as scikit-learn has wrapped it.
    """

    @functools.wraps(careful)
    def method(self: Scaler, X: Any, copy: Any = None) -> Any:
        if copy is None and (way or has_default_output(self)):
            y = self._at_once(X, way)
            if y is not None:
                return y
        return careful(self, X) if copy is None else careful(self, X, copy)

    method.careful = careful  # type: ignore[attr-defined]
    return method


def short_fit(careful: Callable[..., Any]) -> Callable[..., Any]:
    """fit_transform, which scikit-learn has wrapped, without the wrapper where that changes nothing."""
    plain = Scaler.__dict__["fit_transform"]
    plain = getattr(plain, "__wrapped__", plain)

    @functools.wraps(careful)
    def fit_transform(self: Scaler, X: Any, y: Any = None, **fit_params: Any) -> Any:
        if type(X) is not _ndarray or not has_default_output(self):
            return careful(self, X, y, **fit_params)
        scaled = None if fit_params else self._fit_and_scale(X)
        return plain(self, X, y, **fit_params) if scaled is None else scaled

    return fit_transform


def with_short_ways(scaler: Any) -> Any:
    """A class whose transform, its inverse and fit_transform take them."""
    scaler.transform = short_way(scaler.transform, THERE)
    if hasattr(scaler, "inverse_transform"):
        scaler.inverse_transform = short_way(scaler.inverse_transform, BACK)
    scaler.fit_transform = short_fit(scaler.fit_transform)
    return scaler
