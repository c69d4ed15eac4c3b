"""Methods that fit: all or nothing, by rules of scikit-learn that cost a plain matrix nothing; weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from cnorm._accept.arrays import Array, is_plain
from cnorm._stats.passes import is_finite

if TYPE_CHECKING:
    from cnorm.preprocessing import _alone as machinery
else:
    try:
        from cnorm.preprocessing import _sklearn as machinery
    except ImportError:
        from cnorm.preprocessing import _alone as machinery

__all__ = ["all_or_nothing", "as_weights", "fitting", "machinery"]


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that raises leaves the estimator as it was: attributes are replaced, never written to."""

    @functools.wraps(method)
    def whole(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = self.__dict__.copy()
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            object.__setattr__(self, "__dict__", before)
            raise

    return whole


def fitting(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that fits, all or nothing, by scikit-learn's rules, which cost a plain matrix nothing."""
    careful, plain = all_or_nothing(machinery.fitting(method)), all_or_nothing(method)
    anew = method.__name__ == "fit"

    @functools.wraps(careful)
    def fit(self: Any, X: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        free = self._is_valid() and not machinery.has_callbacks(self)
        quick = free and self._is_plain(X)
        if (quick or (free and self._is_whole(X))) and self._fit_at_once(X, anew, *args, **kwargs):
            return self
        return (plain if quick else careful)(self, X, y, *args, **kwargs)

    return fit


def as_weights(sample_weight: Any, x: Any) -> Array:
    """One weight for each row, in float64; scikit-learn's checks take 40 us."""
    if is_plain(sample_weight) and sample_weight.ndim == 1 and len(sample_weight) == x.shape[0]:
        weights: Array = sample_weight.astype(np.float64, copy=False)
        if is_finite(weights) and weights.min() >= 0 and weights.any():
            return weights
    return machinery.check_weights(sample_weight, x)
