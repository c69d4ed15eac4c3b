"""xarray and pandas with `cnorm.stats` in the place of Bottleneck: their own reductions, with and without."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
from processes import run

from cnorm import stats


class Spy:
    """`cnorm.stats` that notes what is called."""

    def __init__(self) -> None:
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        function = getattr(stats, name)

        def noted(*args: Any, **kwargs: Any) -> Any:
            self.called.add(name)
            return function(*args, **kwargs)

        return noted


# xarray's method and what it calls of Bottleneck.
REDUCTIONS = {
    "mean": "nanmean",
    "var": "nanvar",
    "std": "nanstd",
    "min": "nanmin",
    "max": "nanmax",
    "argmin": "nanargmin",
    "argmax": "nanargmax",
    "median": "nanmedian",
    "sum": None,  # its own
}


def data(dtype: Any) -> Any:
    x = np.random.default_rng(0).normal(3, 2, (6, 5, 4)).astype(dtype)
    if x.dtype.kind == "f":
        x[x < 0] = np.nan
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint8, bool, np.complex64])
def test_xarray(dtype: Any) -> None:
    xr = pytest.importorskip("xarray")
    nputils = pytest.importorskip("xarray.core.nputils")
    array = xr.DataArray(data(dtype), dims=("t", "y", "x"))
    spy = Spy()
    for method in REDUCTIONS:
        if dtype in (bool, np.complex64) and method == "median":  # NumPy's has no order of them
            continue
        for dim in ("t", "x", None)[: 2 if method.startswith("arg") else 3]:
            results = []
            for ours in (False, True):
                with (
                    mock.patch.multiple(nputils, bn=spy, _BOTTLENECK_AVAILABLE=True),
                    xr.set_options(use_bottleneck=ours, use_numbagg=False),
                ):
                    results.append(getattr(array, method)(dim))
            assert results[0].dtype == results[1].dtype
            xr.testing.assert_allclose(*results, rtol=1e-5)
    if dtype in (np.float32, np.float64):
        assert spy.called == {name for name in REDUCTIONS.values() if name}


def test_xarray_has_the_rest() -> None:
    """Filling, ranks and windows go on as before."""
    xr = pytest.importorskip("xarray")
    pytest.importorskip("bottleneck")
    nputils = pytest.importorskip("xarray.core.nputils")
    array = xr.DataArray(data(np.float64), dims=("t", "y", "x"))
    with mock.patch.multiple(nputils, bn=stats), xr.set_options(use_bottleneck=True, use_numbagg=False):
        assert int(array.ffill("t").isnull().sum()) <= int(array.isnull().sum())
        assert array.bfill("t").shape == array.rank("t").shape == array.shape
        assert array.rolling(t=3).mean().shape == array.shape
        assert np.isfinite(array.rolling(t=3, min_periods=1).max()).any()


# xarray takes Bottleneck's windows when it is imported.
ROLLING = """
import sys
import numpy as np
import cnorm.stats

called = set()
for name in [n for n in cnorm.stats.__all__ if n.startswith("move_")]:
    def noted(*args, name=name, function=getattr(cnorm.stats, name), **kwargs):
        called.add(name)
        return function(*args, **kwargs)
    setattr(cnorm.stats, name, noted)

sys.modules["bottleneck"] = cnorm.stats
import xarray as xr
xr.set_options(use_bottleneck=True, use_numbagg=False)
for dtype in ("f4", "f8", "i4"):
    x = np.random.default_rng(0).normal(30, 9, (6, 5, 4)).astype(dtype)
    if dtype != "i4":
        x[x < 25] = np.nan
    array = xr.DataArray(x, dims=("t", "y", "x"))
    for options in ({"t": 3}, {"t": 4, "center": True}, {"y": 2, "min_periods": 1}):
        rolling = array.rolling(**options)
        windows = rolling.construct("w")
        enough = windows.count("w") >= options.get("min_periods", windows.sizes["w"])
        for method in ("mean", "sum", "std", "var", "min", "max", "argmin", "argmax"):
            if not method.startswith("arg"):
                wanted = getattr(windows, method)("w")
            elif dtype == "i4":  # of equal ones another is chosen
                continue
            else:
                wanted = getattr(windows.fillna(np.inf if method == "argmin" else -np.inf), method)("w")
            xr.testing.assert_allclose(getattr(rolling, method)(), wanted.where(enough), rtol=1e-4)
print(sorted(called))
"""


@pytest.mark.thorough
def test_xarray_rolling() -> None:
    pytest.importorskip("xarray")
    done = run(ROLLING)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{sorted(n for n in stats.__all__ if n.startswith('move_'))}\n"


# As docs/holes.md has it: before anything imports pandas.
PANDAS = """
import sys, warnings
import numpy as np
import cnorm.stats

called = set()
for name in ("nanvar", "nanstd", "nanmin", "nanmax"):
    def noted(*args, name=name, function=getattr(cnorm.stats, name), **kwargs):
        called.add(name)
        return function(*args, **kwargs)
    setattr(cnorm.stats, name, noted)

sys.modules["bottleneck"] = cnorm.stats
import pandas as pd
from pandas.core import nanops
del sys.modules["bottleneck"]
assert nanops.bn is cnorm.stats

x = np.random.default_rng(0).normal(3, 2, (50, 6))
x[x < 0] = np.nan
x[:, 5] = np.nan
frame = pd.DataFrame(x, columns=list("abcdef")).assign(i=np.arange(50), u=np.uint8(7), o=["x"] * 50)
frame["g"] = frame["a"].astype(np.float32)
warnings.simplefilter("ignore")
numbers = frame.drop(columns="o")
for method in ("sum", "mean", "var", "std", "min", "max", "median", "sem", "skew", "count", "idxmin"):
    results = []
    for ours in (True, False):
        pd.set_option("compute.use_bottleneck", ours)
        one = numbers.drop(columns="f") if method == "idxmin" else numbers
        results.append([getattr(one, method)(), getattr(one["a"], method)(), getattr(one.T, method)(axis=1)])
    for with_ours, without in zip(*results):
        if isinstance(without, pd.Series):
            pd.testing.assert_series_equal(with_ours, without)
        else:
            np.testing.assert_allclose(with_ours, without)
print(sorted(called))
"""


@pytest.mark.thorough
def test_pandas() -> None:
    pytest.importorskip("pandas")
    done = run(PANDAS)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['nanmax', 'nanmin', 'nanstd', 'nanvar']\n"
