"""Groups and windows of chunked arrays: as one call with all data, whatever the chunks; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")
from cnorm.interop.dask import group_moments, rolling_moments  # noqa: E402

rng = np.random.default_rng(0)
X = rng.normal(1e6, 1, (60, 8, 10))
LABELS = {0: rng.integers(-1, 5, 60), 1: rng.integers(-1, 5, 8), 2: rng.integers(-1, 5, 10)}
CHUNKS = ((17, 0, 3, 40), (5, 3), (4, 6))


def both(found: tuple[Any, Any]) -> tuple[Any, Any]:
    mean, var = dask.compute(*found)
    assert (mean.shape, var.shape, mean.dtype, var.dtype) == (
        found[0].shape,
        found[1].shape,
        found[0].dtype,
        found[1].dtype,
    )
    return mean, var


def check(found: tuple[Any, Any], wanted: tuple[Any, Any]) -> None:
    tolerance = 1e-12 if wanted[0].dtype == np.float64 else 1e-6
    for a, b in zip(both(found), wanted, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=tolerance)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (2, 1), (1, 0, 2)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
@pytest.mark.parametrize("of", ["plain", "holes", "chunked labels"])
def test_groups(axis: Any, dtype: Any, of: str) -> None:
    x = X.astype(dtype)
    labels: Any = LABELS[(axis[0] if isinstance(axis, tuple) else axis) % 3]
    keywords: dict[str, Any] = {"correction": 1}
    if of == "holes":
        keywords |= {
            "where": rng.random(x.shape) < 0.8,
            "weights": rng.integers(0, 4, (8, 1)),
            "nan_policy": "omit",
        }
        if dtype != np.int32:
            x[rng.random(x.shape) < 0.1] = np.nan
    given = da.from_array(labels, chunks=7 if len(labels) > 10 else 3) if of == "chunked labels" else labels
    found = group_moments(da.from_array(x, chunks=CHUNKS), given, 5, axis=axis, split_every=2, **keywords)
    check(found, cnorm.group_moments(x, labels, 5, axis=axis, **keywords))


def test_groups_of_masked_arrays_and_empty_groups() -> None:
    masked = np.ma.MaskedArray(X, mask=X > 1e6)
    mean, var = both(group_moments(da.from_array(masked, chunks=CHUNKS), LABELS[0], 9))
    wanted = cnorm.group_moments(X, LABELS[0], 9, where=X <= 1e6)
    np.testing.assert_allclose(mean, wanted[0], rtol=1e-13)
    np.testing.assert_allclose(var, wanted[1], rtol=1e-9)
    assert np.isnan(mean[5:]).all()


@pytest.mark.parametrize("window", [1, 2, 7, 20, 100])
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("least", [None, 1])
def test_windows(window: int, center: bool, least: int | None) -> None:
    x = X.copy()
    x[rng.random(x.shape) < 0.1] = np.nan
    chunks = ((17, 3, 40), (5, 3), (4, 6))
    least = None if least is None else min(least, window)
    for axis, dtype in ((0, np.float64), (-1, np.float32), (1, np.float64)):
        given = x.astype(dtype)
        keywords: dict[str, Any] = {"axis": axis, "min_count": least, "center": center, "correction": 1}
        found = both(rolling_moments(da.from_array(given, chunks=chunks), window, **keywords))
        wanted = cnorm.rolling_moments(given, window, **keywords)
        for a, b, tolerance in zip(found, wanted, (1e-14, 1e-9), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=tolerance if dtype == np.float64 else 1e-6, atol=1e-12)


def test_windows_of_masked_arrays_and_integers() -> None:
    masked = np.ma.MaskedArray(X[:, 0, 0], mask=X[:, 0, 0] > 1e6)
    mean, _ = both(rolling_moments(da.from_array(masked, chunks=7), 4, min_count=1))
    wanted = cnorm.rolling_moments(masked, 4, min_count=1)
    assert isinstance(mean, np.ma.MaskedArray)
    assert np.array_equal(mean.mask, masked.mask)
    np.testing.assert_allclose(mean.filled(0), wanted[0].filled(0), rtol=1e-14)
    whole = rolling_moments(da.arange(20, chunks=6), 3)
    assert np.array_equal(both(whole)[0], cnorm.rolling_moments(np.arange(20), 3)[0], equal_nan=True)


def test_refused() -> None:
    x = da.from_array(X, chunks=CHUNKS)
    with pytest.raises(TypeError, match=r"^x: expected a dask.array.Array"):
        group_moments(X, LABELS[0], 5)
    with pytest.raises(TypeError, match=r"^labels: expected ints"):
        group_moments(x, LABELS[0] * 1.0, 5)
    with pytest.raises(ValueError, match=r"^labels: expected a label for each of 60 positions"):
        group_moments(x, LABELS[1], 5)
    with pytest.raises(ValueError, match=r"^num_groups: expected no negative"):
        group_moments(x, LABELS[0], -1)
    with pytest.raises(ValueError, match=r"^labels: expected labels below num_groups = 2"):
        dask.compute(*group_moments(x, LABELS[0], 2))
    with pytest.raises(ValueError, match=r"^x: contains NaN"):
        dask.compute(*group_moments(x * np.nan, LABELS[0], 5, nan_policy="raise"))
    with pytest.raises(TypeError, match=r"^x: expected a dask.array.Array"):
        rolling_moments(X, 3)
    with pytest.raises(ValueError, match=r"^window: expected a positive number"):
        rolling_moments(x, 0)
    with pytest.raises(ValueError, match=r"^axis: expected an axis"):
        rolling_moments(x, 2, axis=3)
    with pytest.raises(ValueError, match=r"^x: expected known sizes along axis 0"):
        rolling_moments(x[x[:, 0, 0] > 1e6], 2, axis=0)
