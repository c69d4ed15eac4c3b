"""StandardScaler against the longdouble oracle: accuracy, splits, overflow, constants, NaN, weights, axes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import reference as R
from bounds import additions, exact, mean_bound, merges, variance_bound
from hypothesis import example, given
from hypothesis import strategies as st
from reference import BOUNDS, DTYPES, Array
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import StandardScaler

F64 = np.dtype(np.float64)
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "gaps": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
}


def table(n: int, columns: int, dtype: Any = F64, seed: int = 0) -> Array:
    """Columns of different mean and deviation, mean/std up to about 1e3 (in float16: 10)."""
    rng = np.random.default_rng(seed)
    far = 1 if np.dtype(dtype).itemsize == 2 else 3
    mean = rng.normal(size=columns) * 10.0 ** rng.uniform(-1, far, columns)
    return np.asarray((rng.normal(size=(n, columns)) + mean).astype(dtype))


def check(scaler: Any, x: Array, parts: int = 1) -> None:
    """Statistics and transform of x, fitted in so many parts, are within the bounds of docs/accuracy.md."""
    mean, var = R.moments(x, 0)
    check_statistics(scaler, x, parts)
    check_result(scaler, x, mean, var)


def check_statistics(scaler: Any, x: Array, parts: int) -> None:
    """Sums in float64, results rounded once; the deviation has half the relative error of the variance."""
    n, u = len(x), R.wide(2.0**-53)
    h, kernel = max((additions(F64, kernel, n), kernel) for kernel in ("rows", "columns"))
    of_mean, of_var = mean_bound(F64, n, kernel, h, parts), variance_bound(F64, n, kernel, h, parts)
    for i, column in enumerate(x.T):
        center, squares = exact(column)
        mean, var = R.wide(float(center)), R.wide(float(squares / n))
        far = abs(mean) * (2 * u + merges(n, kernel, parts) * u * u)  # float(center) has rounded, too
        assert abs(scaler.mean_[i] - mean) <= of_mean * np.sqrt(var) + far
        assert abs(scaler.var_[i] - var) <= (of_var + 3 * u) * var
        assert abs(scaler.scale_[i] - np.sqrt(var)) <= (of_var / 2 + 3 * u) * np.sqrt(var)


def check_result(scaler: Any, x: Array, mean: Array, var: Array) -> None:
    expected = (R.wide(x) - mean) / np.sqrt(var)
    y = scaler.transform(x)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    error = np.abs(R.wide(y) - expected)
    rounding = np.abs(expected) * R.wide(np.finfo(np.float32 if x.dtype.itemsize == 4 else F64).eps)
    if x.dtype.itemsize == 2:
        rounding = np.abs(expected) * 2.0 ** (-8 if x.dtype == R.BFLOAT16 else -11)
    assert float((error - 2 * rounding).max()) <= BOUNDS[x.dtype.name]


@sweep(dtype=DTYPES, layout=LAYOUTS, shape=[(2, 1), (17, 5), (1000, 20), (50, 333)])
def test_oracle(dtype: Any, layout: str, shape: tuple[int, int]) -> None:
    x = LAYOUTS[layout](table(*shape, dtype))
    scaler = StandardScaler().fit(x)
    check(scaler, x)
    assert scaler.n_samples_seen_ == shape[0]
    assert scaler.mean_.dtype == scaler.var_.dtype == scaler.scale_.dtype == np.float64
    np.testing.assert_array_equal(StandardScaler().fit_transform(x), scaler.transform(x))


@pytest.mark.parametrize("order", "CF")
def test_large_float32(order: str) -> None:
    """Above `WIDE` elements sums run in float32 lanes."""
    x = np.asarray(table(100_000, 3, np.float32), order=order)
    scaler = StandardScaler().fit(x)
    np.testing.assert_allclose(scaler.var_, R.moments(x, 0)[1].astype(float), rtol=1e-6)
    check_result(scaler, x, *R.moments(x, 0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [1e2, 1e4, 1e6])
def test_far_from_zero(dtype: Any, offset: float) -> None:
    """float64 too: the mean is kept in two words, one leaves 6e-11 at a ratio of 1e6."""
    x = (np.random.default_rng(0).normal(size=(4000, 7)) + offset).astype(dtype)
    check(StandardScaler().fit(x), x)


@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=1, max_size=12), st.sampled_from([0, 1e5])
)
@example(963, [10, 38], 0)  # a mean of a hundredth of a deviation, known to 1e-16 of it
def test_split_does_not_matter(seed: int, sizes: list[int], offset: float) -> None:
    """Any split of the data gives the moments of all of it, to the rounding of its merges."""
    x = np.random.default_rng(seed).normal(offset, 1, (sum(sizes) + 1, 3))
    whole, parts = StandardScaler().fit(x), StandardScaler()
    for batch in np.split(x, np.cumsum(sizes)):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == whole.n_samples_seen_
    check(whole, x)
    check(parts, x, len(sizes) + 1)


@pytest.mark.parametrize("size", [1e300, 1.7e308, 1e-150])
@pytest.mark.parametrize("split", [False, True])
def test_extreme_values(size: float, split: bool) -> None:
    """Squares leave float64; mean, deviation and result don't."""
    u = np.array([[-0.9, 0.1], [0.5, 0.3], [1.0, 0.2], [0.2, 0.7]])
    scaler = StandardScaler()
    for batch in u * size if split else [u * size]:
        scaler.partial_fit(np.atleast_2d(batch))
    np.testing.assert_allclose(scaler.mean_, u.mean(0) * size, rtol=1e-14)
    np.testing.assert_allclose(scaler.scale_, u.std(0) * size, rtol=1e-14)
    np.testing.assert_allclose(scaler.transform(u * size), (u - u.mean(0)) / u.std(0), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(u * size)), u * size, rtol=1e-13)


def test_scikit_learn_issue_5602() -> None:
    """partial_fit of the largest floats: scikit-learn's mean is inf."""
    scaler = StandardScaler().partial_fit([[1e308], [1.1e308], [1.2e308]])
    np.testing.assert_allclose(scaler.mean_, [1.1e308])
    scaler.partial_fit([[1.3e308]])
    np.testing.assert_allclose(scaler.mean_, [1.15e308])
    np.testing.assert_allclose(scaler.scale_, [np.sqrt(1.25) * 1e307])


def test_float32_maximum() -> None:
    top = float(np.finfo(np.float32).max)
    x = np.array([[top], [-top], [top / 2], [0]], np.float32)
    scaler = StandardScaler().fit(x)
    np.testing.assert_allclose(scaler.scale_, [np.std([top, -top, top / 2, 0])])
    y = scaler.transform(x)
    np.testing.assert_allclose(y[:, 0], (x[:, 0].astype(float) - top / 8) / scaler.scale_, rtol=1e-6)


@sweep(
    value=[0.0, 0.1, -1e10, 1e300, 1e-300, 1.7976931348623157e308],
    n=[1, 2, 10, 1001, 100_000],
)
def test_constant_features(value: float, n: int) -> None:
    """Exactly 0 after centering, scale 1."""
    x = np.full((n, 2), value)
    scaler = StandardScaler().fit(x)
    assert (scaler.mean_ == value).all()
    assert (scaler.var_ == 0).all()
    assert (scaler.scale_ == 1).all()
    assert (scaler.transform(x) == 0).all()


def test_nan_is_left_out_and_stays() -> None:
    x = table(500, 6)
    hidden = np.random.default_rng(1).random(x.shape) < 0.2
    hidden[:, 5] = True
    x[hidden] = np.nan
    scaler = StandardScaler().fit(x[:100]).partial_fit(x[100:])
    expected = [x[~hidden[:, j], j] for j in range(5)]
    np.testing.assert_allclose(scaler.mean_[:5], [c.mean() for c in expected], rtol=1e-13)
    np.testing.assert_allclose(scaler.scale_[:5], [c.std() for c in expected], rtol=1e-13)
    assert np.isnan(scaler.mean_[5])
    np.testing.assert_array_equal(scaler.n_samples_seen_, (~hidden).sum(0))
    assert scaler.n_samples_seen_.dtype == np.int64
    np.testing.assert_array_equal(np.isnan(scaler.transform(x)), hidden)
    again = scaler.partial_fit(table(10, 6))
    assert again.n_samples_seen_[5] == 10


@pytest.mark.parametrize("offset", [0, 1e6])
def test_weights_are_repeat_counts(offset: float) -> None:
    x = table(300, 4) + offset
    weights = np.random.default_rng(2).integers(0, 5, 300)
    weighted = StandardScaler().partial_fit(x[:70], sample_weight=weights[:70])
    weighted.partial_fit(x[70:], sample_weight=weights[70:])
    repeated = StandardScaler().fit(np.repeat(x, weights, 0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_, rtol=1e-14)
    np.testing.assert_allclose(weighted.var_, repeated.var_, rtol=1e-11)
    assert weighted.n_samples_seen_ == weights.sum()
    assert isinstance(weighted.n_samples_seen_, float)


AXES = [0, 1, -1, (0, 2), (0, 1), (1, 2), None, (0, 1, 2)]


@sweep(axis=AXES, nan=[False, True])
def test_axis(axis: Any, nan: bool) -> None:
    x = fill((6, 5, 4), F64, 3) + np.arange(5)[:, None]
    if nan:
        x[1, 2, 3] = x[0, 0, 0] = np.nan
    scaler = StandardScaler(axis=axis).fit(x)
    np.testing.assert_allclose(scaler.mean_, np.nanmean(x, axis), rtol=1e-13)
    np.testing.assert_allclose(scaler.var_, np.nanvar(x, axis), rtol=1e-12)
    expected = (x - np.nanmean(x, axis, keepdims=True)) / np.nanstd(x, axis, keepdims=True)
    y = scaler.transform(x)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(scaler.inverse_transform(y), x, rtol=1e-12)
    np.testing.assert_array_equal(StandardScaler(axis=axis).fit_transform(x), y)


def test_axis_in_batches() -> None:
    x = fill((12, 5, 4), F64, 4)
    whole, parts = StandardScaler(axis=(0, 2)).fit(x), StandardScaler(axis=(0, 2))
    for batch in np.split(x, 3):
        parts.partial_fit(batch)
    np.testing.assert_allclose(parts.mean_, whole.mean_, rtol=1e-14)
    with pytest.raises(ValueError, match=r"X: expected sizes \(5,\) in the axes other than \(0, 2\)"):
        parts.partial_fit(x[:, :4])
    with pytest.raises(ValueError, match="X: expected sizes"):
        parts.transform(x[:, :4])
    assert parts.transform(x[:1]).shape == (1, 5, 4)


def test_axis_and_weights() -> None:
    x, w = fill((6, 5, 4), F64, 5), np.arange(6.0)
    scaler = StandardScaler(axis=(0, 1)).fit(x, sample_weight=w)
    np.testing.assert_allclose(
        scaler.mean_, np.average(x, (0, 1), np.broadcast_to(w[:, None, None], x.shape))
    )
    with pytest.raises(ValueError, match="sample_weight: expected an axis that includes 0"):
        StandardScaler(axis=1).fit(x, sample_weight=w)


@pytest.mark.parametrize("with_mean", [False, True])
@pytest.mark.parametrize("with_std", [False, True])
def test_halves(with_mean: bool, with_std: bool) -> None:
    x = table(50, 3)
    scaler = StandardScaler(with_mean=with_mean, with_std=with_std).fit(x)
    expected = x - x.mean(0) if with_mean else x
    expected = expected / x.std(0) if with_std else expected
    np.testing.assert_allclose(scaler.transform(x), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.transform(x[:1]), expected[:1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(x)), x, rtol=1e-12)


def test_statistics_that_were_set_count() -> None:
    """Whoever sets or writes to the attributes gets what they say, in one row too."""
    x = table(50, 3)
    scaler = StandardScaler().fit(x)
    scaler.scale_[0] = 100.0
    scaler.mean_[1] += 5
    expected = (x - scaler.mean_) / scaler.scale_
    for rows in (x, x[:1]):
        np.testing.assert_allclose(scaler.transform(rows), expected[: len(rows)], rtol=1e-12, atol=1e-12)
    scaler.mean_ = np.array([1.0, 2.0, 3.0])
    expected = (x - scaler.mean_) / scaler.scale_
    np.testing.assert_allclose(scaler.transform(x), expected, rtol=1e-12)
    scaler.set_params(with_mean=False)
    np.testing.assert_allclose(scaler.transform(x[:1]), x[:1] / scaler.scale_, rtol=1e-15)


def test_a_state_from_attributes_alone() -> None:
    """partial_fit goes on from mean_, var_ and n_samples_seen_ of any origin."""
    x = table(80, 3)
    scaler, whole = StandardScaler(), StandardScaler().fit(x)
    scaler.mean_, scaler.var_, scaler.scale_ = x[:50].mean(0), x[:50].var(0), x[:50].std(0)
    scaler.n_samples_seen_, scaler.n_features_in_ = 50, 3
    scaler.partial_fit(x[50:])
    np.testing.assert_allclose(scaler.mean_, whole.mean_, rtol=1e-14)
    np.testing.assert_allclose(scaler.var_, whole.var_, rtol=1e-13)


def test_copies() -> None:
    x = table(50, 3)
    scaler = StandardScaler().fit(x)
    for twin in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler), copy.copy(scaler)):
        np.testing.assert_array_equal(twin.transform(x), scaler.transform(x))
        np.testing.assert_array_equal(twin.transform(x[:1]), scaler.transform(x[:1]))
        twin.partial_fit(x + 1)
        assert twin.n_samples_seen_ == 100
    assert scaler.n_samples_seen_ == 50


def test_pickle_holds_data_only() -> None:
    """Names a pickle calls: the class, NumPy's array makers."""
    import pickletools

    data = pickle.dumps(StandardScaler().fit(table(5, 2)), protocol=2)
    called = {arg for op, arg, _ in pickletools.genops(data) if op.name == "GLOBAL"}
    modules = {str(name).split()[0].split(".")[0] for name in called}
    assert modules <= {"cnorm", "numpy", "copy_reg", "copyreg", "_codecs", "__builtin__"}
