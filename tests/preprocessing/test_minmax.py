"""MinMaxScaler: exact ends, nothing beyond them, NaN, small units, overflow, batches, axes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference import BFLOAT16, DTYPES, Array
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import MinMaxScaler, minmax_scale
from cnorm.preprocessing._exact import near_constant, resolution

F64 = np.dtype(np.float64)
RANGES = [(0, 1), (-1, 1), (0, 255), (-0.5, 0.6), (0.1, 0.7), (1, 2), (-1e-20, 1), (1e4, 1e4 + 1), (-3, -1)]


def ends(feature_range: tuple[float, float], dtype: np.dtype[Any]) -> tuple[float, float]:
    """What the ends are in a dtype: float32, then rounded for the 16-bit ones."""
    low, high = (np.asarray(v, F64 if dtype == F64 else np.float32).astype(dtype) for v in feature_range)
    return float(low), float(high)


def check_exact(x: Array, y: Array, feature_range: tuple[float, float]) -> None:
    """Every regular column fills the range exactly, no column leaves it."""
    low, high = ends(feature_range, x.dtype)
    wide, values = x.astype(F64), y.astype(F64)
    regular = ~near_constant(wide.min(0), wide.max(0), resolution(x.dtype))
    assert y.dtype == x.dtype
    assert (values.min(0)[regular] == low).all()
    assert (values.max(0)[regular] == high).all()
    assert (values >= low).all()
    assert (values <= high).all()
    assert (values[wide == wide.min(0)] == low).all()


FLOATS = {
    np.dtype(np.float16): {"width": 16, "min_value": -6e4, "max_value": 6e4},
    np.dtype(np.float32): {"width": 32},
    F64: {"width": 64},
}


@given(st.data(), st.sampled_from(list(FLOATS)), st.sampled_from(RANGES))
def test_the_range_is_met_exactly(
    data: Any, dtype: np.dtype[Any], feature_range: tuple[float, float]
) -> None:
    """For any finite values: the smallest and the largest double among them, denormals, one ulp apart."""
    elements = st.floats(allow_nan=False, allow_infinity=False, **FLOATS[dtype])
    shape = hnp.array_shapes(min_dims=2, max_dims=2, max_side=6)
    x = data.draw(hnp.arrays(dtype, shape, elements=elements))
    scaler = MinMaxScaler(feature_range=feature_range)
    y = scaler.fit_transform(x)
    check_exact(x, y, feature_range)
    np.testing.assert_array_equal(scaler.transform(x), y)
    np.testing.assert_array_equal(scaler.transform(x[:1]), y[:1])
    np.testing.assert_array_equal(minmax_scale(x, feature_range), y)


@sweep(dtype=DTYPES, feature_range=RANGES)
def test_many_columns(dtype: np.dtype[Any], feature_range: tuple[float, float]) -> None:
    """Of 2000 random columns scikit-learn's leave [0, 1] in about 4 %."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(30, 2000)) * 10.0 ** rng.uniform(-3, 3, 2000)).astype(dtype)
    scaler = MinMaxScaler(feature_range=feature_range)
    check_exact(x, scaler.fit_transform(x), feature_range)
    between = (x.astype(F64)[:1] * 0.5 + x.astype(F64)[1:2] * 0.5).astype(dtype)
    y = scaler.transform(between).astype(F64)
    low, high = ends(feature_range, dtype)
    assert ((y >= low) & (y <= high)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values(dtype: Any) -> None:
    x = (np.random.default_rng(1).normal(size=(200, 9)) * 3 + 5).astype(dtype)
    wide = x.astype(F64)
    expected = (wide - wide.min(0)) / (wide.max(0) - wide.min(0)) * 5 - 2
    scaler = MinMaxScaler(feature_range=(-2, 3)).fit(x)
    y = scaler.transform(x)
    np.testing.assert_allclose(y, expected, rtol=0, atol=10 * np.finfo(dtype).eps)
    np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=0, atol=50 * np.finfo(dtype).eps)
    np.testing.assert_allclose(scaler.transform(x), x * scaler.scale_ + scaler.min_, atol=1e-5)
    for name in ("data_min_", "data_max_", "data_range_", "scale_", "min_"):
        assert getattr(scaler, name).dtype == np.float64
    assert (scaler.data_min_ == wide.min(0)).all()
    assert (scaler.data_max_ == wide.max(0)).all()
    assert type(scaler.n_samples_seen_) is int


def test_nan_is_left_out_and_stays() -> None:
    x = np.random.default_rng(2).normal(size=(300, 5))
    x[np.random.default_rng(3).random(x.shape) < 0.3] = np.nan
    x[:, 4] = np.nan
    scaler = MinMaxScaler().fit(x[:50]).partial_fit(x[50:])
    np.testing.assert_array_equal(scaler.data_min_[:4], np.nanmin(x[:, :4], 0))
    np.testing.assert_array_equal(scaler.data_max_[:4], np.nanmax(x[:, :4], 0))
    assert np.isnan(scaler.data_min_[4])
    y = scaler.transform(x)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(x))
    assert (np.nanmin(y[:, :4], 0) == 0).all()
    assert (np.nanmax(y[:, :4], 0) == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_largest_floats(dtype: Any) -> None:
    top = np.finfo(dtype).max
    x = np.array([[-top, top, -top], [top, top / 2, 0], [0, 0, -top / 2]], dtype)
    scaler = MinMaxScaler().fit(x)
    y = scaler.transform(x)
    eps = 2 * np.finfo(dtype).eps
    np.testing.assert_allclose(y, [[0, 1, 0], [1, 0.5, 1], [0.5, 0, 0.5]], rtol=eps, atol=eps)
    assert (y.max(0) == 1).all()
    np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=eps, atol=float(top) * eps)


@pytest.mark.parametrize("unit", [1e-7, 1e-30, 1e-300])
def test_small_units_are_no_constants(unit: float) -> None:
    """scikit-learn takes any feature with a range below 2e-15 (float32: 1e-6) for constant."""
    x = np.array([[1.0], [2.0], [5.0]]) * unit
    np.testing.assert_allclose(MinMaxScaler().fit_transform(x)[:, 0], [0, 0.25, 1])
    if unit > 1e-37:
        y = MinMaxScaler().fit_transform(x.astype(np.float32))
        np.testing.assert_allclose(y[:, 0], [0, 0.25, 1], rtol=1e-6)


@sweep(value=[0.0, 0.3, -1e10, 1e300], feature_range=[(0, 1), (-5, 7)])
def test_constant_features(value: float, feature_range: tuple[float, float]) -> None:
    x = np.full((10, 2), value)
    scaler = MinMaxScaler(feature_range=feature_range).fit(x)
    assert (scaler.transform(x) == feature_range[0]).all()
    assert (scaler.scale_ == feature_range[1] - feature_range[0]).all()
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x)


def test_rounding_is_no_range() -> None:
    x = np.array([[0.3], [0.1 + 0.2]])
    assert (MinMaxScaler().fit_transform(x) < 1e-15).all()


@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_split_does_not_matter(seed: int, sizes: list[int]) -> None:
    x = np.random.default_rng(seed).normal(size=(sum(sizes) + 1, 3))
    whole, parts = MinMaxScaler().fit(x), MinMaxScaler()
    for batch in np.split(x, np.cumsum(sizes)):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == len(x)
    np.testing.assert_array_equal(parts.transform(x), whole.transform(x))


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None, (1, 2)], ids=str)
def test_axis(axis: Any) -> None:
    x = fill((6, 5, 4), F64, 3)
    scaler = MinMaxScaler(axis=axis).fit(x)
    np.testing.assert_array_equal(scaler.data_min_, x.min(axis))
    np.testing.assert_array_equal(scaler.data_max_, x.max(axis))
    y = scaler.transform(x)
    assert (y.min(axis) == 0).all()
    assert (y.max(axis) == 1).all()
    np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(minmax_scale(x, axis=axis), y)


@sweep(
    layout=["C", "F", "transposed", "gaps", "reversed"],
    shape=[(1, 1), (5, 3), (4097, 7), (3, 5000), (40000, 1)],
)
def test_extremes_of_any_layout(layout: str, shape: tuple[int, int]) -> None:
    x = np.random.default_rng(5).normal(size=shape)
    if layout == "F":
        x = np.asfortranarray(x)
    elif layout == "transposed":
        x = np.ascontiguousarray(x.T).T
    elif layout == "gaps":
        x = np.repeat(x, 2, 1)[:, ::2]
    elif layout == "reversed":
        x = x[::-1, ::-1]
    scaler = MinMaxScaler().fit(x)
    np.testing.assert_array_equal(scaler.data_min_, x.min(0))
    np.testing.assert_array_equal(scaler.data_max_, x.max(0))


def test_bfloat16() -> None:
    x = np.array([[1.0, -2.0], [3.0, 5.0], [49.0, 7.0]], BFLOAT16)
    scaler = MinMaxScaler().fit(x)
    np.testing.assert_array_equal(scaler.data_max_, [49, 7])
    assert scaler.transform(x).dtype == BFLOAT16


def test_clip() -> None:
    scaler = MinMaxScaler(clip=True, feature_range=(-1, 2)).fit([[0.0], [1.0]])
    for x in ([[-3.0], [0.5], [9.0]], np.array([[-3.0], [0.5], [9.0]], np.float32)):
        np.testing.assert_array_equal(scaler.transform(x), [[-1], [0.5], [2]])
    assert scaler.transform(np.array([[9.0]])) == 2
    assert np.isnan(scaler.transform(np.array([[np.nan]])))


def test_statistics_that_were_set_count() -> None:
    x = np.random.default_rng(6).normal(size=(20, 3))
    scaler = MinMaxScaler().fit(x)
    scaler.scale_[1] = 7.0
    scaler.min_[2] -= 1
    for rows in (x, x[:1]):
        expected = rows * scaler.scale_ + scaler.min_
        np.testing.assert_allclose(scaler.transform(rows), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=1e-12, atol=1e-14)
    kept = MinMaxScaler().fit(x)
    before = kept.transform(x)
    kept.set_params(feature_range=(0, 10))  # counts from the next fit on
    np.testing.assert_allclose(kept.transform(x), before, rtol=1e-14, atol=1e-15)


def test_copies() -> None:
    x = np.random.default_rng(7).normal(size=(20, 3))
    scaler = MinMaxScaler().fit(x)
    for twin in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler), copy.copy(scaler)):
        np.testing.assert_array_equal(twin.transform(x), scaler.transform(x))
        np.testing.assert_array_equal(twin.transform(x[:1]), scaler.transform(x[:1]))


def test_constant_by_the_most_precise_batch() -> None:
    """Not by the last one: as scikit-learn, whose extremes get the wider dtype of all batches."""
    precise, rough = np.array([[1.0], [1 + 1e-6]]), np.array([[1.0]], np.float32)
    for batches in ([precise, rough], [rough, precise], [rough, precise, rough]):
        scaler = MinMaxScaler()
        for batch in batches:
            scaler.partial_fit(batch)
        assert scaler.scale_[0] == pytest.approx(1e6)
        again = pickle.loads(pickle.dumps(scaler)).partial_fit(rough)
        assert again.scale_[0] == pytest.approx(1e6)
    constant = MinMaxScaler().partial_fit(precise.astype(np.float32)).partial_fit(rough)
    assert constant.scale_[0] == 1
    assert scaler.fit(precise.astype(np.float32)).scale_[0] == 1


@pytest.mark.parametrize("feature_range", [(np.nan, 1), (0, np.nan), (0, np.inf), (-np.inf, 0)])
def test_ranges_that_are_none(feature_range: tuple[float, float]) -> None:
    scaler = MinMaxScaler(feature_range)
    with pytest.raises(ValueError, match="feature_range: expected"):
        scaler.fit([[1.0], [2.0]])
    assert not hasattr(scaler, "n_features_in_")
