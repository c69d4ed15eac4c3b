"""Libraries that have one or two of the operations: SciPy, scikit-learn, thinc, Bottleneck."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.cases import REDUCTIONS, WINDOWS, Case
from bench.data import Data
from bench.peers import FRESH, Calls, Later
from bench.peers.reductions import axes_of


def scipy_calls(case: Case, d: Data, threads: int) -> Calls:
    """z-scores."""
    if case.operation not in ("zscore", "zmap", "gzscore"):
        return {}
    from scipy import stats

    positive = np.abs(d.x) if case.operation == "gzscore" else d.x
    call: dict[str, Any] = {
        "zscore": lambda: stats.zscore(d.x, 0),
        "zmap": lambda: stats.zmap(d.x, d.fit, 0),
        "gzscore": lambda: stats.gzscore(positive, axis=0),
    }
    return {FRESH: call[case.operation]}


def sklearn_calls(case: Case, d: Data, threads: int) -> Calls:
    """The scalers: fitted and applied, a fitted one applied to a row, or fitted further."""
    scalers = {
        "zscore": "StandardScaler",
        "minmax": "MinMaxScaler",
        "maxabs": "MaxAbsScaler",
        "normalizer": "Normalizer",
        "normalizer_l1": "Normalizer",
        "normalizer_max": "Normalizer",
    }
    if case.operation not in (*scalers, "scaler_row", "running_moments", "scale_sparse", "sparse_moments"):
        return {}
    from sklearn import preprocessing

    if case.operation == "scaler_row":
        fitted = preprocessing.StandardScaler().fit(d.fit)
        return {FRESH: lambda: fitted.transform(d.x)}
    if case.operation == "scale_sparse":
        from scipy.sparse import csc_array

        x = csc_array(d.x)
        return {FRESH: lambda: preprocessing.scale(x, with_mean=False)}
    if case.operation == "sparse_moments":
        from scipy.sparse import csr_matrix
        from sklearn.utils.sparsefuncs import mean_variance_axis

        table = csr_matrix(d.x)
        return {FRESH: lambda: mean_variance_axis(table, case.axes[0])}
    if case.operation == "running_moments":
        stream = preprocessing.StandardScaler().fit(d.fit)
        result = Later(lambda: stream.mean_, lambda: stream.var_)

        def run() -> Later:
            stream.partial_fit(d.x)
            return result

        return {FRESH: run}
    scaler: Any = getattr(preprocessing, scalers[case.operation])
    norm = {"norm": case.operation.split("_")[1]} if "_" in case.operation else {}
    return {FRESH: lambda: scaler(**norm).fit_transform(d.x)}


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
    if case.operation not in ("moments", "zscore", *REDUCTIONS, *WINDOWS):
        return {}
    import bottleneck as bn

    if case.operation in WINDOWS:
        along = case.axes[0]
        window = min(WINDOWS[case.operation], d.x.shape[along])
        return {FRESH: lambda: (bn.move_mean(d.x, window, 1, along), bn.move_var(d.x, window, 1, along))}

    if case.operation in REDUCTIONS:
        return {FRESH: lambda: getattr(bn, case.operation)(d.x, axes_of(case))}

    if case.operation == "zscore":
        return {FRESH: lambda: (d.x - bn.nanmean(d.x, 0)) / bn.nanstd(d.x, 0)}
    if 1 < len(case.axes) < len(case.shape):
        return {}
    axis = case.axes[0] if len(case.axes) == 1 else None
    return {FRESH: lambda: (bn.nanmean(d.x, axis), bn.nanvar(d.x, axis))}
