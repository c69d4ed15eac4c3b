"""Columns of different nature in one table: each against longdouble, and what it is beside any others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BOUNDS, Array
from strategies import COLUMN_KINDS, NAN_KINDS, Table, fill, mixed_tables

from cnorm.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    StandardScaler,
    gzscore,
    maxabs_scale,
    minmax_scale,
    normalize,
    scale,
    zmap,
    zscore,
)
from cnorm.preprocessing._maps import Map

F64 = np.dtype(np.float64)
FINITE = tuple(kind for kind in COLUMN_KINDS if kind != "infinite")
FEATURE_RANGE = (-0.9, 0.1)


def quiet(function: Callable[..., Any], *args: Any, **named: Any) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(function(*args, **named))


def omitting(x: Array, axis: int = 0) -> Array:
    return quiet(zscore, x, axis, nan_policy="omit")


def propagating(x: Array, axis: int = 0) -> Array:
    return quiet(zscore, x, axis)


def in_place(x: Array, axis: int = 0) -> Array:
    y = x.copy(order="K")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zscore(y, axis, nan_policy="omit", out=y)
    return y


def there_and_back(scaler: Any) -> Callable[..., Array]:
    def function(x: Array, axis: int = 0) -> Array:
        fitted = scaler(axis=axis).fit(x)
        return np.asarray(fitted.inverse_transform(fitted.transform(x)))

    return function


SCORES: dict[str, Callable[..., Array]] = {
    "omit": omitting,
    "propagate": propagating,
    "in place": in_place,
    "scale": lambda x, axis=0: scale(x, axis),
    "StandardScaler": lambda x, axis=0: StandardScaler(axis=axis).fit_transform(x),
}
RANGES: dict[str, Callable[..., Array]] = {
    "minmax_scale": lambda x, axis=0: minmax_scale(x, FEATURE_RANGE, axis=axis),
    "MinMaxScaler": lambda x, axis=0: MinMaxScaler(FEATURE_RANGE, axis=axis).fit_transform(x),
}
RATIOS: dict[str, Callable[..., Array]] = {
    "maxabs_scale": lambda x, axis=0: maxabs_scale(x, axis=axis),
    "MaxAbsScaler": lambda x, axis=0: MaxAbsScaler(axis=axis).fit_transform(x),
}
NORMS: dict[str, Callable[..., Array]] = {
    "l1": lambda x, axis=0: normalize(x, "l1", axis=axis),
    "l2": lambda x, axis=0: normalize(x, "l2", axis=axis),
    "max": lambda x, axis=0: normalize(x, "max", axis=axis),
    "Normalizer": lambda x, axis=0: Normalizer(axis=axis).fit_transform(x),
}
MAPPED: dict[str, Callable[..., Array]] = {
    "zmap": lambda x, axis=0: quiet(zmap, x, x.copy(order="K"), axis, 0, "omit"),
    "zmap propagate": lambda x, axis=0: quiet(zmap, x, x.copy(order="K"), axis),
    "gzscore": lambda x, axis=0: quiet(gzscore, np.abs(x), axis=axis, nan_policy="omit"),
}
BACK = {
    "standard back": there_and_back(StandardScaler),
    "minmax back": there_and_back(MinMaxScaler),
    "maxabs back": there_and_back(MaxAbsScaler),
}
TAKE_INFINITY = ("omit", "propagate", "in place", *MAPPED)


def kinds_for(name: str) -> tuple[str, ...]:
    if name in NORMS:
        return tuple(kind for kind in FINITE if kind not in NAN_KINDS)
    return COLUMN_KINDS if name in TAKE_INFINITY else FINITE


def expected_scores(name: str, column: Array) -> Array | None:
    """(x - mean) / std in longdouble, None where it is a matter of rounding what is constant."""
    wide = column.astype(np.longdouble)
    finite = wide[~np.isnan(wide)]
    if not finite.size or (name == "propagate" and finite.size < wide.size) or np.isinf(finite).any():
        return np.where(np.isinf(wide), np.nan, wide * np.nan)
    apart = finite - finite[0]  # longdouble alone leaves 5e-12 of a mean of 1e8
    mean = apart.mean()
    std = np.sqrt(((apart - mean) ** 2).mean())
    level = np.abs(finite[0] + mean)
    eps = np.finfo(column.dtype if name in TAKE_INFINITY else F64).eps
    if np.ptp(finite) == 0:
        return wide * (np.nan if name in TAKE_INFINITY else 0)
    if std < 100 * len(finite) * eps * level:
        return None
    return ((wide - finite[0]) - mean) / std


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", SCORES)
@given(data=st.data())
def test_scores_of_each_column(name: str, axis: int, data: Any) -> None:
    table: Table = data.draw(mixed_tables(kinds_for(name)))
    x = table.x.T if axis else table.x
    y = SCORES[name](x, axis)
    y = y.T if axis else y
    bound = 2 * BOUNDS[x.dtype.name]
    for j, kind in enumerate(table.kinds):
        expected = expected_scores(name, table.x[:, j])
        if expected is None:
            continue
        np.testing.assert_array_equal(np.isnan(y[:, j]), np.isnan(expected), err_msg=kind)
        shown = ~np.isnan(expected)
        error = np.abs(y[shown, j].astype(np.longdouble) - expected[shown])
        assert (error <= bound * (1 + np.abs(expected[shown]))).all(), kind


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", RANGES)
@given(data=st.data())
def test_ranges_of_each_column(name: str, axis: int, data: Any) -> None:
    table: Table = data.draw(mixed_tables(FINITE))
    x = table.x.T if axis else table.x
    y = RANGES[name](x, axis)
    y = y.T if axis else y
    low, high = (x.dtype.type(end) for end in FEATURE_RANGE)
    for j, kind in enumerate(table.kinds):
        wide = table.x[:, j].astype(np.longdouble)
        shown = ~np.isnan(wide)
        np.testing.assert_array_equal(np.isnan(y[:, j]), ~shown)
        extent = np.ptp(wide[shown]) if shown.any() else 0
        if extent == 0:
            assert (y[shown, j] == low).all(), kind
            continue
        if extent < max(100 * np.finfo(x.dtype).eps * np.abs(wide[shown]).max(), 2.0**-1000):
            continue  # constant, or near it
        assert y[shown, j].min() == low, kind
        assert y[shown, j].max() == high, kind
        expected = (wide[shown] - wide[shown].min()) / extent - np.longdouble(0.9)
        assert np.abs(y[shown, j] - expected).max() <= 8 * np.finfo(x.dtype).eps, kind


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", RATIOS)
@given(data=st.data())
def test_ratios_of_each_column(name: str, axis: int, data: Any) -> None:
    table: Table = data.draw(mixed_tables(FINITE))
    y = RATIOS[name](table.x.T if axis else table.x, axis)
    y = y.T if axis else y
    for j, kind in enumerate(table.kinds):
        wide = table.x[:, j].astype(np.longdouble)
        shown = ~np.isnan(wide)
        np.testing.assert_array_equal(np.isnan(y[:, j]), ~shown)
        largest = np.abs(wide[shown]).max(initial=0)
        if not largest:
            assert not y[shown, j].any(), kind
            continue
        assert np.abs(y[shown, j]).max() == 1, kind
        assert (np.abs(y[shown, j]) == 1)[np.abs(wide[shown]) == largest].all(), kind
        assert (np.signbit(y[shown, j]) == np.signbit(wide[shown])).all(), kind
        error = np.abs(y[shown, j] - wide[shown] / largest)
        assert error.max() <= 2 * np.finfo(table.x.dtype).eps, kind


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", NORMS)
@given(data=st.data())
def test_norms_of_each_column(name: str, axis: int, data: Any) -> None:
    table: Table = data.draw(mixed_tables(kinds_for(name)))
    y = NORMS[name](table.x.T if axis else table.x, axis)
    y = y.T if axis else y
    for j, kind in enumerate(table.kinds):
        size = np.abs(table.x[:, j].astype(np.longdouble))
        largest = size.max() or np.longdouble(1)
        relative = size / largest
        norm = {"l1": relative.sum(), "max": relative.max()}.get(name, np.sqrt((relative**2).sum()))
        expected = table.x[:, j] / largest / (norm or 1)
        assert np.abs(y[:, j] - expected).max() <= 64 * np.finfo(table.x.dtype).eps, kind


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["zmap", "zmap propagate"])
@given(data=st.data())
def test_scores_by_other_data_of_each_column(name: str, axis: int, data: Any) -> None:
    """Compared with a copy: what `zscore` has, but for constant columns."""
    table: Table = data.draw(mixed_tables(COLUMN_KINDS))
    y = MAPPED[name](table.x.T if axis else table.x, axis)
    y = y.T if axis else y
    bound = 2 * BOUNDS[table.x.dtype.name]
    for j, kind in enumerate(table.kinds):
        expected = expected_scores("propagate" if name == "zmap propagate" else "omit", table.x[:, j])
        if expected is None or np.nanmin(table.x[:, j], initial=np.inf) == np.nanmax(
            table.x[:, j], initial=-np.inf
        ):
            continue
        np.testing.assert_array_equal(np.isnan(y[:, j]), np.isnan(expected), err_msg=kind)
        shown = ~np.isnan(expected)
        error = np.abs(y[shown, j].astype(np.longdouble) - expected[shown])
        assert (error <= bound * (1 + np.abs(expected[shown]))).all(), kind


@pytest.mark.parametrize("name", BACK)
@given(data=st.data())
def test_back_again(name: str, data: Any) -> None:
    table: Table = data.draw(mixed_tables(FINITE))
    x = table.x
    back = BACK[name](x)
    for j, kind in enumerate(table.kinds):
        shown = ~np.isnan(x[:, j])
        wide = x[shown, j].astype(np.longdouble)
        error = np.abs(back[shown, j] - wide)
        assert (error <= 16 * np.finfo(x.dtype).eps * np.abs(wide).max(initial=0)).all(), kind


STATISTICS: dict[Any, tuple[str, ...]] = {
    StandardScaler: ("mean_", "scale_"),
    MinMaxScaler: ("data_min_", "data_max_", "scale_"),
    MaxAbsScaler: ("max_abs_", "scale_"),
}
ALL = {**SCORES, **RANGES, **RATIOS, **NORMS, **MAPPED, **BACK}


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ALL)
@given(data=st.data())
def test_neighbours_change_no_bit(name: str, axis: int, data: Any) -> None:
    """What a column becomes beside these columns, and beside plain ones."""
    table: Table = data.draw(mixed_tables(kinds_for(name)))
    chosen = data.draw(st.integers(0, len(table.kinds) - 1))
    alone = np.array(table.x, order="K")
    for j in range(len(table.kinds)):
        if j != chosen:
            alone[:, j] = fill((len(alone),), alone.dtype, j)
    both = [ALL[name](x.T if axis else x, axis) for x in (table.x, alone)]
    among, beside = (y[chosen] if axis else y[:, chosen] for y in both)
    np.testing.assert_array_equal(among, beside, err_msg=str(table.kinds))


@pytest.mark.parametrize("scaler", STATISTICS)
@given(table=mixed_tables(FINITE))
def test_batches_are_the_whole(scaler: Any, table: Table) -> None:
    """Batches of any size, an empty one left out; each column's statistics are its own."""
    whole, parts = scaler().fit(table.x), scaler()
    for part in table.parts:
        if len(part):
            parts.partial_fit(part)
    rtol = 1e-9 if table.x.dtype == F64 else 1e-5
    for statistic in STATISTICS[scaler]:
        for j, kind in enumerate(table.kinds):
            if "constant" in kind or (kind == "far" and table.x.dtype != F64):
                continue
            wide = table.x[:, j].astype(np.longdouble)
            level = float(np.nanmax(np.abs(wide), initial=0)) if statistic == "mean_" else 0
            ours, theirs = getattr(parts, statistic)[j], getattr(whole, statistic)[j]
            np.testing.assert_allclose(ours, theirs, rtol, rtol * level * 1e-3, err_msg=kind)


def test_a_map_in_pieces_cuts_its_parameters() -> None:
    """Along the axis that is cut, statistics have as many values as x."""
    x = np.random.default_rng(0).normal(size=(4000, 10))
    x[7] = np.nan
    y = minmax_scale(x, axis=1)
    rows = np.delete(x, 7, 0)
    low, high = rows.min(1, keepdims=True), rows.max(1, keepdims=True)
    np.testing.assert_allclose(np.delete(y, 7, 0), (rows - low) / (high - low), rtol=0, atol=1e-15)
    assert np.isnan(y[7]).all()
    x = np.random.default_rng(1).normal(size=(20000, 10))
    low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
    y = minmax_scale(x, FEATURE_RANGE, axis=1)
    np.testing.assert_allclose(y, (x - low) / (high - low) - 0.9, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(MinMaxScaler(FEATURE_RANGE, axis=1).fit_transform(x), y)


@pytest.mark.parametrize("which", ["center", "factor", "weight", "bias"])
def test_a_map_that_does_not_broadcast_is_refused(which: str) -> None:
    x, out = np.ones((4, 3)), np.full((4, 3), 7.0)
    one, wrong = np.ones((1, 3)), np.ones((1, 2))
    parameters = {"center": one, "factor": one, "weight": one, "bias": one, which: wrong}
    with pytest.raises(ValueError, match="expected a shape that broadcasts to"):
        Map(**parameters).run(x, out)
    with pytest.raises(ValueError, match="out: expected float64"):
        Map(one, one).run(x, out[:3])
    assert (out == 7).all()


def test_a_huge_column_costs_the_others_nothing() -> None:
    rng = np.random.default_rng(0)
    for dtype, column in (
        (F64, rng.normal(1e6, 1, 1000)),
        (np.dtype(np.float32), rng.normal(0, 3e-40, 1000)),
    ):
        top = np.zeros(1000, dtype)
        top[::2] = np.finfo(dtype).max
        x = np.stack([column.astype(dtype), top], 1)
        wide = x[:, 0].astype(np.longdouble)
        expected = (wide - wide.mean()) / wide.std()
        bound = 1e-13 if dtype == F64 else 1e-6
        for function in (zscore, scale, StandardScaler().fit_transform):
            assert np.abs(function(x)[:, 0] - expected).max() <= bound
        back = there_and_back(StandardScaler)(x)
        np.testing.assert_allclose(back, x, rtol=1e-6, atol=float(wide.std()) * 1e-6)


def test_float32_by_statistics_beyond_float32() -> None:
    """The map of such columns is taken in float64; what float32 can hold comes out."""
    x = np.array([[1e300, 1e-200, 1.0], [3e300, 3e-200, 3.0]])
    narrow = np.array([[0, 0, 2.0], [1, 1e-38, 1.0]], np.float32)
    for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler()):
        fitted = scaler.fit(x)
        with np.errstate(over="ignore"):
            expected = fitted.transform(narrow.astype(F64)).astype(np.float32)
        np.testing.assert_allclose(fitted.transform(narrow), expected, rtol=1e-6, atol=1e-6)
