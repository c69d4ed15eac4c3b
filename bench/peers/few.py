"""Libraries that have one or two of the operations: SciPy, scikit-learn, thinc, Bottleneck."""

from __future__ import annotations

from typing import Any

from bench.cases import REDUCTIONS, Case
from bench.data import Data
from bench.peers import FRESH, Calls, Later
from bench.peers.reductions import axes_of


def scipy_calls(case: Case, d: Data, threads: int) -> Calls:
    """z-scores."""
    if case.operation != "zscore":
        return {}
    from scipy.stats import zscore

    return {FRESH: lambda: zscore(d.x, 0)}


def sklearn_calls(case: Case, d: Data, threads: int) -> Calls:
    """The scalers: fitted and applied, a fitted one applied to a row, or fitted further."""
    if case.operation not in ("zscore", "minmax", "scaler_row", "running_moments", "scale_sparse"):
        return {}
    from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

    if case.operation == "scaler_row":
        fitted = StandardScaler().fit(d.fit)
        return {FRESH: lambda: fitted.transform(d.x)}
    if case.operation == "scale_sparse":
        from scipy.sparse import csc_array

        x = csc_array(d.x)
        return {FRESH: lambda: scale(x, with_mean=False)}
    if case.operation == "running_moments":
        stream = StandardScaler().fit(d.fit)
        result = Later(lambda: stream.mean_, lambda: stream.var_)

        def run() -> Later:
            stream.partial_fit(d.x)
            return result

        return {FRESH: run}
    scaler: Any = StandardScaler if case.operation == "zscore" else MinMaxScaler
    return {FRESH: lambda: scaler().fit_transform(d.x)}


def thinc_calls(case: Case, d: Data, threads: int) -> Calls:
    """LayerNorm of float32 rows."""
    rows = len(case.shape) == 2 and case.dtype == "float32" and d.x.flags.c_contiguous
    if case.operation != "layer_norm" or not rows:
        return {}
    from thinc.api import LayerNorm

    layer: Any = LayerNorm(case.shape[1]).initialize()
    layer.set_param("G", d.weight)
    layer.set_param("b", d.bias)
    return {FRESH: lambda: layer.predict(d.x)}


def bottleneck_calls(case: Case, d: Data, threads: int) -> Calls:
    """Over one axis or all; NaN are left out, as nothing else is offered."""
    if case.operation not in ("moments", "zscore", *REDUCTIONS):
        return {}
    import bottleneck as bn

    if case.operation in REDUCTIONS:
        return {FRESH: lambda: getattr(bn, case.operation)(d.x, axes_of(case))}

    if case.operation == "zscore":
        return {FRESH: lambda: (d.x - bn.nanmean(d.x, 0)) / bn.nanstd(d.x, 0)}
    if 1 < len(case.axes) < len(case.shape):
        return {}
    axis = case.axes[0] if len(case.axes) == 1 else None
    return {FRESH: lambda: (bn.nanmean(d.x, axis), bn.nanvar(d.x, axis))}
