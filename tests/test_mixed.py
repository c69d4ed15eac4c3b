"""Tables whose columns differ in nature: each has the moments, and the bits, it has beside any others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from memory import peak_of
from reference import Array
from strategies import (
    COLUMN_KINDS,
    EXTREME_KINDS,
    FINITE_KINDS,
    NAN_KINDS,
    Table,
    column,
    mixed_tables,
    seeds,
)

import cnorm
from cnorm import RunningMoments
from cnorm._native import reductions
from cnorm._stats.reductions import as_weights, by_weight, in_data_weights, moments_of
from cnorm._stats.state import COUNT, combined, deviation, values_of
from cnorm._stats.table import table_moments

NO_INFINITY = (*FINITE_KINDS, *EXTREME_KINDS, *NAN_KINDS)


def exact(x: Array, weights: Any = 1.0) -> tuple[Array, Array, Array]:
    """Count, mean and standard deviation of each column in longdouble, NaN left out."""
    weights = np.where(np.isnan(x), 0, weights)
    mean, var = R.moments(np.nan_to_num(x, posinf=np.inf, neginf=-np.inf), 0, weights=weights)
    return R.wide(weights).sum(0), mean, np.sqrt(var)


def assert_exact(count: Any, mean: Any, std: Any, expected: tuple[Array, Array, Array], bound: float) -> None:
    """Counts are equal; errors are relative to the deviation, those of a mean to itself if that is larger."""
    n, true_mean, true_std = expected
    np.testing.assert_allclose(np.broadcast_to(count, n.shape), n.astype(float), rtol=1e-14)
    some = n > 0
    mean, std = R.wide(mean), R.wide(std)
    assert np.isnan(mean[~some]).all()
    size = np.maximum(np.abs(true_mean), true_std)
    assert (np.abs(mean - true_mean) <= np.maximum(bound * size, 1e-323))[some].all()
    assert (np.abs(std - true_std) <= np.maximum(bound * true_std, 1e-323))[some].all()


def bound_of(x: Array) -> float:
    """Of plain groups in a large float32 table, whose differences are in float32; else of float64."""
    return 2e-6 if x.dtype == np.float32 else 1e-12


def constants(table: Table) -> Array:
    return np.array(["constant" in kind or kind == "zero" for kind in table.kinds])


@given(mixed_tables(NO_INFINITY))
def test_a_table_at_once(table: Table) -> None:
    state = table_moments(table.x, (0,))[0]
    count, mean, _, _ = values_of(state)
    assert_exact(count, mean, deviation(state, 0), exact(table.x), bound_of(table.x))
    assert (state[constants(table) & (count > 0), 3] == 0).all()


@given(mixed_tables(NO_INFINITY))
def test_moments_omit(table: Table) -> None:
    mean, var = cnorm.moments(table.x, 0, nan_policy="omit")
    n, true_mean, true_std = exact(table.x)
    with np.errstate(over="ignore"):
        normal = (true_std**2 > np.finfo(var.dtype).tiny) & (true_std**2 < np.finfo(var.dtype).max)
    assert (np.isfinite(var) >= (normal & (n > 0))).all()
    std = np.where(normal, np.sqrt(R.wide(var)), true_std)
    assert_exact(n, mean, std, (n, true_mean, true_std), bound_of(table.x))
    assert (var[constants(table) & (n > 0)] == 0).all()


@given(mixed_tables(NO_INFINITY), seeds)
def test_a_table_with_weights(table: Table, seed: int) -> None:
    """Some weights are 0, some whole, and their unit is free."""
    rng = np.random.default_rng(seed)
    w = rng.choice([0, 0.3, 1, 2, 1e-3], (len(table.x), 1)) * rng.choice([1, 1e-300, 1e280])
    state = table_moments(table.x, (0,), w)[0]
    count, mean, _, _ = values_of(state)
    assert_exact(count, mean, deviation(state, 0), exact(table.x, w), bound_of(table.x))
    assert (state[constants(table) & (count > 0), 3] == 0).all()


@given(mixed_tables(NO_INFINITY), st.data())
def test_a_stream(table: Table, data: st.DataObject) -> None:
    """In any batches, chained or merged."""
    columns = table.x.shape[1]
    chain, merged = (RunningMoments(columns, nan_policy="omit") for _ in range(2))
    for part in table.parts:
        chain.update(part)
        other = RunningMoments(columns, nan_policy="omit").update(part)
        merged = other + merged if data.draw(st.booleans()) else merged + other
    for stats in (chain, merged):
        assert_exact(stats.count, stats.mean, stats.std(), exact(table.x), bound_of(table.x))
        flat = constants(table) & (np.broadcast_to(stats.count, columns) > 0)
        assert (stats.std()[flat] == 0).all()


@given(mixed_tables(NO_INFINITY, (np.float64,), max_size=64))
def test_a_stream_of_rows(table: Table) -> None:
    stats = RunningMoments(table.x.shape[1], nan_policy="omit")
    for row in table.x:
        stats.update(row)
    assert_exact(stats.count, stats.mean, stats.std(), exact(table.x), 1e-12)


@pytest.mark.parametrize("policy", ["propagate", "omit"])
@given(table=mixed_tables(), data=st.data())
def test_other_columns_change_no_bit(policy: str, table: Table, data: st.DataObject) -> None:
    """Whatever stands beside them, in each of the functions, with weights or a mask or neither."""
    x, columns = table.x, table.x.shape[1]
    kept = data.draw(st.integers(0, columns - 1))
    rng = np.random.default_rng(data.draw(seeds))
    other = x.copy(order="K")
    for c in range(columns):
        if c != kept:
            other[:, c] = column(data.draw(st.sampled_from(COLUMN_KINDS)), len(x), x.dtype, rng)
    how: dict[str, Any] = {}
    if data.draw(st.booleans()):
        how["weights"] = rng.integers(0, 3, (len(x), 1))
    if data.draw(st.booleans()):
        how["where"] = rng.random(x.shape) < 0.8
    for turned in (False, True):
        axis = 1 if turned else 0
        given_how = {k: v.T if turned else v for k, v in how.items()}
        results = []
        for t in (x, other):
            array = t.T if turned else t
            moments = cnorm.moments(array, axis, nan_policy=policy, **given_how)
            stats = RunningMoments(columns, nan_policy=policy)
            for _ in range(2):
                stats.update(array, axis, **given_how)
            results.append([*moments, stats.mean, stats.std(1), (stats + stats).std()])
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a[kept], b[kept])


def test_infinity_stays_in_its_column() -> None:
    """Beside an infinite column, one with a mean of a million deviations keeps all digits."""
    rng = np.random.default_rng(0)
    x = rng.normal(1e6, 1, (60_000, 3))
    alone = RunningMoments(3).update(x)
    x[7, 0], x[9, 1] = np.inf, 1e300
    stats = RunningMoments(3).update(x)
    assert stats.std()[2] == alone.std()[2]
    assert stats.mean[2] == alone.mean[2]
    assert stats.mean[0] == np.inf
    tiny = (rng.normal(size=(60_000, 2)) * 3e-40).astype(np.float32)
    tiny[5, 0] = np.inf
    state = moments_of(tiny, (0,), omit=True)
    true = np.sqrt(R.moments(tiny[:, 1])[1])
    np.testing.assert_allclose(deviation(state, 0)[0, 1], float(true), rtol=1e-12)


@pytest.mark.parametrize("size", [9e153, 1e200, 1.7e308, 1e-160, 1e-250, 5e-324])
def test_parts_of_any_size_merge(size: float) -> None:
    """Squares that overflow or vanish, of numbers that add up to nothing, of one size or of two."""
    for other in (size, 1.0):
        a, b = (table_moments(np.array([[1.0, -1.0, 1.0]]).T * s, (0,)) for s in (size, other))
        state = combined(a, b)
        x = R.wide([size, -size, size, other, -other, other])
        count, mean, _, _ = values_of(state)
        assert_exact(count[0], mean[0], deviation(state, 0)[0], exact(x[:, None]), 1e-13)


def test_nan_leads_a_column() -> None:
    """What a table above the size of a block has for a column that begins with NaN."""
    x = np.random.default_rng(1).normal(5, 1, (40_000, 2))
    x[:, 1] += 1e8
    x[:20_000, 1] = x[20_000::2, 1] = np.nan
    count, mean, var, _ = values_of(table_moments(x, (0,))[0])
    n, true_mean, true_std = exact(x)
    np.testing.assert_allclose(var, (true_std**2).astype(float), rtol=1e-12)
    np.testing.assert_allclose(mean, true_mean.astype(float), rtol=1e-15)
    assert count.tolist() == n.tolist()


def test_weights_beyond_float64() -> None:
    """A sum that no float holds is refused, wherever it comes about; nothing has changed then."""
    x, w = np.array([1.0, 2.0]), np.array([1e308, 1e308])
    with pytest.raises(ValueError, match=r"^weights: expected a finite sum"):
        cnorm.moments(x, weights=w)
    stats = RunningMoments().update(x, weights=[1e308, 1e307])
    before = stats.copy()
    assert (stats.mean, stats.var()) == pytest.approx((12 / 11, 10 / 121), rel=1e-14)
    for call in (
        lambda: stats.update(x, weights=w),
        lambda: stats.update(x, weights=[1e308, 0]),
        lambda: stats.merge(stats),
    ):
        with pytest.raises(ValueError, match=r"^weights: expected a finite sum"):
            call()
        assert stats == before


@pytest.mark.parametrize("scale", [1e-300, 1e-10, 1, 1e200, 1e306])
def test_the_unit_of_weights_is_free(scale: float) -> None:
    x, w = np.array([[3.0, 1e200], [5, 3e200], [np.inf, np.nan], [8, -1e200]]), np.array([1, 2, 0, 3.0])
    stats = RunningMoments(2).update(x[:1], weights=w[:1] * scale).update(x[1:], weights=w[1:] * scale)
    assert_exact(stats.count, stats.mean, stats.std(), exact(x[[0, 1, 3]], w[[0, 1, 3], None] * scale), 1e-14)
    mean, var = cnorm.moments(x, 0, weights=w[:, None] * scale)
    np.testing.assert_allclose(mean, stats.mean, rtol=1e-15)
    assert np.isfinite(var).tolist() == [True, False]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("heaviest", [1.0, 1e-20, 1e30])
def test_a_weight_on_nan_hides_no_light_ones(dtype: Any, heaviest: float) -> None:
    """What is left out has no say in how the weights of its group are read."""
    x = np.array([[np.nan, 3], [1, 5], [2, np.nan], [4, 7]], dtype)
    w = np.array([heaviest, 1e-60, 3e-60, 1e-65])[:, None]
    mean, var = R.moments(np.nan_to_num(x), 0, weights=np.where(np.isnan(x), 0, w))
    grouped = cnorm.group_moments(x, np.zeros(4, int), weights=w, nan_policy="omit")
    for found in (cnorm.moments(x, 0, weights=w, nan_policy="omit"), [part[0] for part in grouped]):
        np.testing.assert_allclose(found[0], mean.astype(float), rtol=1e-6)
        np.testing.assert_allclose(found[1][0], float(var[0]), rtol=1e-6)


def test_a_group_of_nothing_needs_no_second_reading() -> None:
    """Its weights are not light: there are none."""
    x = np.array([[1.0, np.nan], [2.0, np.nan]])
    weights = as_weights(np.array([[1.0], [3.0]]), x)
    readings = []

    def reading(*given: Any) -> Array:
        readings.append(given)
        return reductions.moments(*given)

    assert weights is not None
    state = by_weight(reading, in_data_weights, x, (0,), None, weights, True)
    assert len(readings) == 1
    assert state[0, :, COUNT].tolist() == [4, 0]


def test_nothing_has_no_variance_whatever_the_correction() -> None:
    x = np.full((3, 2), np.nan)
    for var in (
        cnorm.moments(x, 0, nan_policy="omit", correction=-1)[1],
        cnorm.moments(x, 0, where=False, correction=-1)[1],
        cnorm.moments(x[:0], 0, correction=-1)[1],
        RunningMoments(2).var(-1),
        RunningMoments(2).std(-2),
    ):
        assert np.isnan(var).all()


def test_variances_below_the_largest_float_are_finite() -> None:
    """Where sums of squares are not."""
    x = np.random.default_rng(2).normal(size=(1000, 3)) * [1e153, 1, 1e160]
    for axis, array in ((0, x), (1, x.T)):
        mean, var = cnorm.moments(array, axis)
        np.testing.assert_allclose(var[:2], R.moments(x[:, :2], 0)[1].astype(float), rtol=1e-12)
        np.testing.assert_allclose(mean, R.moments(x, 0)[0].astype(float), rtol=1e-12)
        assert var[2] == np.inf


@pytest.mark.parametrize("weighted", [False, True])
def test_memory(weighted: bool) -> None:
    """NaN or weights take no temporary of the size of the data."""
    x = np.random.default_rng(3).normal(size=(250_000, 20)).astype(np.float32)
    x[::7, 3] = np.nan
    w = np.ones((len(x), 1)) if weighted else None
    stats = RunningMoments(20, nan_policy="omit")
    for call in (
        lambda: cnorm.moments(x, 0, weights=w, nan_policy="omit"),
        lambda: stats.update(x, weights=w),
    ):
        assert peak_of(call) <= 0.06 * x.nbytes
