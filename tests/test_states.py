"""Table states: merging is exact whatever is empty, NaN and units come out again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from sweep import sweep

from cnorm._stats import state as S
from cnorm._stats import table as T


@sweep(
    axes=[(0,), (1,), (0, 1), (2,), (0, 2), (0, 1, 2)],
    longest=[0, 1, 2],
    offset=[0, 1e6],
    weighted=[False, True],
)
def test_careful(axes: tuple[int, ...], longest: int, offset: float, weighted: bool) -> None:
    """Many small blocks along any axis give the moments of the whole, NaN left out."""
    shape = [4, 5, 6]
    shape[longest] = 60
    rng = np.random.default_rng(0)
    x = rng.normal(offset, 1, shape)
    hidden = rng.random(x.shape) < 0.2
    hidden[:, 2, 3] = True
    x[hidden] = np.nan
    w = rng.integers(0, 4, (shape[0], 1, 1)).astype(float) if weighted else None
    state = T.table_moments(x, axes, w)
    weights = np.where(hidden, 0, 1 if w is None else w)
    mean, var = R.moments(np.where(hidden, 0, x), axes, keepdims=True, weights=weights)
    count, center, spread, _ = S.values_of(state)
    np.testing.assert_array_equal(count, weights.sum(axes, keepdims=True))
    some = count > 0
    np.testing.assert_allclose(center[some], mean[some].astype(float), rtol=1e-15, atol=1e-15)
    np.testing.assert_allclose(spread[some], var[some].astype(float), rtol=1e-11, atol=1e-18 * offset**2)
    assert np.isnan(center[~some]).all()


def test_nan_among_blocks_of_different_size() -> None:
    """NaN is replaced by the mean of the block before, which may be far away."""
    rng = np.random.default_rng(1)
    x = (
        rng.normal(size=(400, 1)) * np.repeat([1e-3, 1e6, 1, 1e3], 100)[:, None]
        + np.repeat([1e8, 0, -5, 7], 100)[:, None]
    )
    x[rng.random(x.shape) < 0.4] = np.nan
    real = x[~np.isnan(x)]
    _, mean, var, _ = S.values_of(T.table_moments(x, (0,)))
    np.testing.assert_allclose(mean[0, 0], float(R.moments(real)[0]), rtol=1e-14)
    np.testing.assert_allclose(var[0, 0], float(R.moments(real)[1]), rtol=1e-13)


@pytest.mark.parametrize("sizes", [(1e300, 1.0), (1.0, 1e300), (1e308, 1e308)])
def test_units_are_merged(sizes: tuple[float, float]) -> None:
    a, b = (np.array([[0.1], [0.9], [-0.3]]) * size for size in sizes)
    state = S.combined(T.table_moments(a, (0,)), T.table_moments(-b, (0,)))
    both = np.concatenate([a, -b]).astype(np.longdouble)
    count, mean, _, std = S.values_of(state)
    assert count == 6
    np.testing.assert_allclose(mean[0, 0], float(both.mean()), rtol=1e-15)
    np.testing.assert_allclose(std[0, 0], float(both.std()), rtol=1e-15)


def test_an_empty_state_changes_nothing() -> None:
    x = np.random.default_rng(2).normal(1e6, 1, (50, 3))
    full = T.table_moments(x, (0,))
    empty = T.table_moments(np.full((4, 3), np.nan), (0,))
    np.testing.assert_array_equal(S.combined(full, empty), full)
    np.testing.assert_array_equal(S.combined(empty, full), full)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(30_011, 7), (5_003, 50), (100_003, 1), (700, 127)])
def test_moments_of_narrow_tables(dtype: Any, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(3).normal(1e3, 1, shape).astype(dtype)
    mean, var = R.moments(x, 0, keepdims=True)
    count, center, spread, _ = S.values_of(T.table_moments(x, (0,)))
    assert (count == len(x)).all()
    np.testing.assert_allclose(center, mean.astype(float), rtol=1e-12)
    np.testing.assert_allclose(spread, var.astype(float), rtol=1e-6 if dtype == np.float32 else 1e-12)
