"""scikit-learn's own tests of incremental mean and variance, dense and sparse, run on the scalers' merges."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")
from scipy import sparse
from sklearn.utils.validation import _check_sample_weight

from cnorm._stats.state import combined
from cnorm._stats.table import table_moments
from cnorm.preprocessing._sparse import sparse_moments

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.thorough]

# File, and the names in it that ours stand for.
FILES = {
    "test_extmath": ("_incremental_mean_and_var",),
    "test_sparsefuncs": ("mean_variance_axis", "incr_mean_variance_axis"),
}
# What is not run: those of the array API (NumPy in, NumPy out); the stability of 5000 steps, held to
# `A.mean(axis=0)`, which is 7e-6 off the exact mean (below is the same with the exact one); weights below 0,
# which the scalers refuse: test_incremental_weighted_mean_and_variance draws some about 0.
LEFT_OUT = ("array_api", "numerical_stability")
NEGATIVE = {"weight_loc": 0}


def state_of(count: Any, mean: Any, var: Any, width: int) -> Any:
    """The table state of public statistics, as StandardScaler makes it."""
    values = (np.broadcast_to(np.asarray(v, np.float64), width) for v in (count, mean, var))
    count, mean, var = values
    return np.stack([count, mean, 0 * mean, var * count, np.ones(width)], -1)


def statistics(state: Any) -> tuple[Any, Any, Any]:
    """Mean, variance and count; constants have a variance of rounding there, too."""
    count, mean, low, m2, unit = np.moveaxis(state, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, mean + low, np.nan) / unit, m2 / count / unit / unit, count


def incremental(X: Any, last_mean: Any, last_var: Any, last_n: Any, sample_weight: Any = None) -> Any:
    """_incremental_mean_and_var of a dense table."""
    x = np.asarray(X)
    x = x if x.dtype.kind == "f" else x.astype(np.float64)
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)[:, None]
    batch = table_moments(x, (0,), weights).squeeze(0)
    return statistics(combined(state_of(last_n, last_mean, last_var, x.shape[1]), batch))


def turned(X: Any, axis: Any) -> Any:
    """A sparse table whose columns the moments are of; what scikit-learn refuses is refused."""
    if axis not in (0, 1):
        raise ValueError(f"axis: expected 0 or 1, got {axis}")
    if not sparse.issparse(X) or X.format not in ("csr", "csc"):
        raise TypeError(f"X: expected a CSR or CSC matrix, got {type(X)}")
    return X.T if axis else X


def as_dtype(X: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """In the dtype scikit-learn gives; ours keep float64."""
    return tuple(v.astype(np.float32 if X.dtype == np.float32 else np.float64) for v in values)


def sparse_state(x: Any, weights: Any) -> Any:
    w = None if weights is None else _check_sample_weight(weights, x, dtype=np.float64)
    return sparse_moments(x, w)


def of_sparse(X: Any, axis: Any, weights: Any = None) -> Any:
    """mean_variance_axis."""
    return as_dtype(X, statistics(sparse_state(turned(X, axis), weights))[:2])


def incremental_sparse(
    X: Any, *, axis: Any, last_mean: Any, last_var: Any, last_n: Any, weights: Any = None
) -> Any:
    """incr_mean_variance_axis."""
    x = turned(X, axis)
    if not np.size(last_mean) == np.size(last_var) == x.shape[1] or np.size(last_n) not in (1, x.shape[1]):
        raise ValueError("shapes of the statistics")
    before = state_of(last_n, last_mean, last_var, x.shape[1])
    return as_dtype(X, statistics(combined(before, sparse_state(x, weights))))


OURS = {
    "_incremental_mean_and_var": incremental,
    "mean_variance_axis": of_sparse,
    "incr_mean_variance_axis": incremental_sparse,
}


def selected(file: str) -> dict[str, Callable[..., Any]]:
    """Those that call one of the names."""
    module: ModuleType = importlib.import_module(f"sklearn.utils.tests.{file}")
    return {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_")
        and not any(part in name for part in LEFT_OUT)
        and any(n in inspect.getsource(function) for n in FILES[file])
    }


SELECTED = {name: function for file in FILES for name, function in selected(file).items()}
globals().update(SELECTED)


@pytest.fixture(autouse=True)
def ours(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    name = request.node.originalname
    if name not in SELECTED:
        return
    if hasattr(request.node, "callspec") and request.node.callspec.params.items() >= NEGATIVE.items():
        pytest.skip("weights below 0")
    for theirs, function in OURS.items():
        if theirs in SELECTED[name].__globals__:
            monkeypatch.setitem(SELECTED[name].__globals__, theirs, function)


def test_selection() -> None:
    """The files are the ones we think they are."""
    assert len(SELECTED) >= 16
    assert "test_incremental_weighted_mean_and_variance" in SELECTED
    assert "test_mean_variance_axis0_precision" in SELECTED


def test_stability_of_many_steps() -> None:
    """As scikit-learn's test of that name, row by row from public statistics, by exact values."""
    far, near, n = 1e8, float(np.log(1e-5)), 5000
    mean, var, count = np.full(2, far), np.zeros(2), np.full(2, n)
    for _ in range(n):
        mean, var, count = incremental(np.full((1, 2), near), mean, var, count)
    assert (count == 2 * n).all()
    apart = np.longdouble(far) - np.longdouble(near)
    np.testing.assert_allclose(mean, float((np.longdouble(far) + np.longdouble(near)) / 2), rtol=1e-14)
    np.testing.assert_allclose(var, float(apart * apart / 4), rtol=1e-13)
