"""Scalers with scikit-learn's names and semantics, and z-scores with SciPy's."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cnorm.preprocessing._functions import maxabs_scale, minmax_scale, scale
from cnorm.preprocessing._normalize import normalize
from cnorm.preprocessing._zmap import gzscore, zmap
from cnorm.preprocessing._zscore import zscore

if TYPE_CHECKING:
    from cnorm.preprocessing._maxabs import MaxAbsScaler
    from cnorm.preprocessing._minmax import MinMaxScaler
    from cnorm.preprocessing._normalizer import Normalizer
    from cnorm.preprocessing._standard import StandardScaler

__all__ = [
    "MaxAbsScaler",
    "MinMaxScaler",
    "Normalizer",
    "StandardScaler",
    "gzscore",
    "maxabs_scale",
    "minmax_scale",
    "normalize",
    "scale",
    "zmap",
    "zscore",
]

# Imported on first use: where scikit-learn is installed, they import it.
ESTIMATORS = {
    "MaxAbsScaler": "_maxabs",
    "MinMaxScaler": "_minmax",
    "Normalizer": "_normalizer",
    "StandardScaler": "_standard",
}


def __getattr__(name: str) -> Any:
    if name not in ESTIMATORS:
        from cnorm._system.hints import no_attribute

        raise no_attribute(__name__, name)
    estimator = getattr(importlib.import_module(f"{__name__}.{ESTIMATORS[name]}"), name)
    globals()[name] = estimator
    return estimator


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
