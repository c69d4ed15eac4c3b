"""A pytest plugin: cnorm in the place of what a package computes; CNORM_ADOPTER names the package.

How many calls were ours is told at the end. What a package takes and cnorm refuses (other kinds of
arrays, other choices of an argument) goes on to its own function.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm import stats

calls = 0


def counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Counts what does not go on to the package's own."""

    def called(*args: Any, **kwargs: Any) -> Any:
        global calls
        calls += 1
        return function(*args, **kwargs)

    return called


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype.itemsize <= 8


def as_bottleneck(package: str) -> Any:
    """What asks for Bottleneck while it is imported gets ours; filling and ranks ask for it later."""
    for name in stats.__all__:
        if name.startswith(("nan", "move_")):
            setattr(stats, name, counted(getattr(stats, name)))
    sys.modules["bottleneck"] = stats
    imported = importlib.import_module(package)
    del sys.modules["bottleneck"]
    return imported


def xarray() -> None:
    as_bottleneck("xarray").set_options(use_bottleneck=True, use_numbagg=False)


def pandas() -> None:
    as_bottleneck("pandas").set_option("compute.use_bottleneck", True)


def nilearn() -> None:
    from nilearn import signal

    own = signal.standardize_signal
    scaled = counted(
        lambda x: cnorm.standardize(x, 0, weight=np.sqrt(1 - 1 / len(x)), eps=0)  # constant ones are 0
    )

    def standardize_signal(signals: Any, detrend: Any = False, standardize: Any = "zscore_sample") -> Any:
        plain = not detrend and standardize in (True, "zscore_sample")
        if plain and is_float(signals) and signals.ndim == 2 and len(signals) > 1:
            return scaled(signals)
        return own(signals, detrend, standardize)

    signal.standardize_signal = standardize_signal


def keras() -> None:
    from keras.src.backend.numpy import nn

    own_moments, own_batch = nn.moments, nn.batch_normalization
    moments = counted(cnorm.moments)

    def of(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
        if synchronized or not is_float(x) or x.dtype == np.float16:
            return own_moments(x, axes, keepdims, synchronized)
        return moments(x, tuple(axes) if isinstance(axes, list) else axes, keepdims=keepdims)

    normalized = counted(
        lambda x, axis, *parts, eps: np.moveaxis(
            F.batch_norm(np.moveaxis(x, axis, 1), *parts, eps=eps), 1, axis
        )
    )

    def batch(
        x: Any, mean: Any, var: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
    ) -> Any:
        if not is_float(x) or x.ndim < 2 or axis % x.ndim == 0 or x.dtype != np.asarray(mean).dtype:
            return own_batch(x, mean, var, axis, offset, scale, epsilon)
        parts = (None if of is None else np.asarray(of) for of in (mean, var, scale, offset))
        return normalized(x, axis, *parts, eps=epsilon)

    nn.moments, nn.batch_normalization = of, batch


def thinc() -> None:
    from thinc.layers import layernorm

    own = layernorm.forward
    normalized = counted(F.layer_norm)

    def forward(model: Any, X: Any, is_train: bool) -> Any:
        if not is_float(X):
            return own(model, X, is_train)
        y = normalized(X, X.shape[1:], model.get_param("G"), model.get_param("b"), 1e-8)
        return y, lambda dY: own(model, X, True)[1](dY)

    layernorm.forward = forward


if "CNORM_ADOPTER" in os.environ:  # else it is only looked at for doctests
    globals()[os.environ["CNORM_ADOPTER"]]()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For the test that runs this."""
    terminalreporter.write_line(f"adopters: {calls} calls ours")
