"""cnorm.moments and cnorm.standardize against longdouble: axes, corrections, weights, NaN, exact data."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array, assert_close
from strategies import Placed, fill, placed
from sweep import sweep

import cnorm

AXES = [None, *(c for n in range(5) for c in itertools.combinations(range(4), n))]


def result_dtype(dtype: Any) -> Any:
    return np.dtype(np.float32) if dtype.itemsize == 2 else dtype


def assert_moments(actual: Any, expected: Any, dtype: Any, bound: float | None = None) -> None:
    """Relative error of both, the mean's against the larger of itself and the standard deviation."""
    if bound is None:
        bound = 1e-6 if dtype != np.float64 else 1e-12
    (mean, var), (true_mean, true_var) = actual, expected
    for got, wanted in ((mean, true_mean), (var, true_var)):
        assert np.asarray(got).dtype == result_dtype(dtype)
        assert np.shape(got) == np.shape(wanted)
    spread = np.maximum(np.abs(true_mean), np.sqrt(true_var))
    assert np.all(np.abs(R.wide(mean) - true_mean) <= bound * spread)
    assert np.all(np.abs(R.wide(var) - true_var) <= bound * true_var)


@sweep(dtype=DTYPES, axis=AXES, keepdims=[False, True])
def test_axes(dtype: Any, axis: Any, keepdims: bool) -> None:
    x = fill((3, 4, 5, 6), dtype, 1)
    actual = cnorm.moments(x, axis, keepdims=keepdims)
    assert_moments(actual, R.moments(x, axis, keepdims=keepdims), dtype)


@pytest.mark.parametrize("axis", [0, -1, 2, (1, -1), [0, 2], (-2, 0)], ids=str)
def test_axis_spellings(axis: Any) -> None:
    x = fill((3, 4, 5), np.dtype(np.float64), 2)
    actual = cnorm.moments(x, axis)
    wanted = np.mean(x, tuple(axis) if isinstance(axis, list) else axis)
    assert_close(actual[0], R.wide(wanted))


@pytest.mark.parametrize("correction", [0, 1, 1.5, 4, 5, 9])
def test_correction(correction: float) -> None:
    """As NumPy's ddof; no value is left at or beyond the count."""
    x = fill((6, 5), np.dtype(np.float64), 3)
    _, var = cnorm.moments(x, 1, correction=correction)
    _, expected = R.moments(x, 1, correction=correction)
    if correction < 5:
        assert_close(var, expected)
    else:
        assert not np.isfinite(var).any()


@given(x=placed(min_dims=0, min_side=1), data=st.data())
def test_nasty(x: Placed, data: st.DataObject) -> None:
    axes = (
        data.draw(st.none() | st.sets(st.integers(0, x.array.ndim - 1)).map(tuple)) if x.array.ndim else None
    )
    actual = cnorm.moments(x.array, axes)
    assert_moments(actual, R.moments(x.array, axes), np.dtype(x.dtype.type))
    assert x.unchanged()


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int32, np.uint64, np.int64], ids=str)
def test_integers_promote(dtype: Any) -> None:
    x = np.array([[1, 0, 1], [1, 1, 0]]).astype(dtype)
    mean, var = cnorm.moments(x, 0)
    assert mean.dtype == var.dtype == np.float64
    assert np.array_equal(mean, x.mean(0))
    assert np.array_equal(var, x.astype(float).var(0))


@sweep(dtype=DTYPES, axis=[None, 0, 1, (0, 1)])
def test_where(axis: Any, dtype: Any) -> None:
    x = fill((7, 9), dtype, 4)
    where = np.random.default_rng(5).random((7, 9)) < 0.6
    x[~where] = np.nan
    expected = R.moments(np.where(where, x.astype(np.float64), 0), axis, weights=where)
    assert_moments(cnorm.moments(x, axis, where=where), expected, dtype)


def test_where_broadcasts() -> None:
    x = fill((7, 9), np.dtype(np.float32), 6)
    where = np.arange(9) < 4
    assert_moments(cnorm.moments(x, 1, where=where), R.moments(x[:, :4], 1), x.dtype)
    assert_moments(cnorm.moments(x, 1, where=[where.tolist()]), R.moments(x[:, :4], 1), x.dtype)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64, BFLOAT16], ids=str)
def test_integer_weights_repeat(dtype: Any) -> None:
    x = fill((8,), np.dtype(np.float64), 7)
    counts = np.array([0, 1, 2, 3, 0, 4, 1, 1])
    repeated = np.repeat(x, counts)
    actual = cnorm.moments(x, weights=counts.astype(dtype), correction=1)
    assert_moments(actual, R.moments(repeated, correction=1), x.dtype)


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_weights(axis: Any) -> None:
    x = fill((5, 6), np.dtype(np.float64), 8)
    weights = np.random.default_rng(9).random((5, 1))
    where = np.arange(30).reshape(5, 6) % 4 > 0
    assert_moments(cnorm.moments(x, axis, weights=weights), R.moments(x, axis, weights=weights), x.dtype)
    expected = R.moments(x, axis, weights=weights * where)
    assert_moments(cnorm.moments(x, axis, weights=weights, where=where), expected, x.dtype)


@sweep(dtype=DTYPES, axis=[None, 0, 1])
def test_nan_policy(dtype: Any, axis: Any) -> None:
    x = fill((6, 7), dtype, 10)
    x[2, 3] = x[5, 0] = np.nan
    wide = x.astype(np.float64)
    omitted = R.moments(np.nan_to_num(wide), axis, weights=~np.isnan(wide))
    assert_moments(cnorm.moments(x, axis, nan_policy="omit"), omitted, dtype)
    mean, var = cnorm.moments(x, axis)
    assert np.array_equal(np.isnan(mean), np.isnan(wide.mean(axis)))
    assert np.array_equal(np.isnan(var), np.isnan(wide.mean(axis)))
    with pytest.raises(ValueError, match="NaN"):
        cnorm.moments(x, axis, nan_policy="raise")
    x = np.nan_to_num(wide).astype(dtype)
    assert_moments(cnorm.moments(x, axis, nan_policy="raise"), R.moments(x, axis), dtype)


def test_nan_policy_ignores_masked_nan() -> None:
    x = np.array([1.0, np.nan, 3.0])
    mean, var = cnorm.moments(x, where=np.array([True, False, True]), nan_policy="raise")
    assert (mean, var) == (2, 1)
    mean, var = cnorm.moments(x, weights=[1, 0, 1], nan_policy="raise")
    assert (mean, var) == (2, 1)


def test_nothing_left_is_nan() -> None:
    """Moments of nothing are NaN, without a warning, as torch's."""
    for mean, var in (
        cnorm.moments(np.zeros((0, 3), np.float32), 0),
        cnorm.moments(np.full((2, 3), np.nan, np.float32), 0, nan_policy="omit"),
        cnorm.moments(np.zeros((2, 3), np.float32), 0, where=False),
        cnorm.moments(np.zeros((2, 3), np.float32), 0, weights=0),
    ):
        assert mean.shape == var.shape == (3,)
        assert np.isnan(mean).all()
        assert np.isnan(var).all()
    mean, var = cnorm.moments(np.zeros((0, 3)), 1)
    assert mean.shape == var.shape == (0,)


def test_scalars() -> None:
    mean, var = cnorm.moments(np.float32(3))
    assert (mean, var) == (3, 0)
    assert mean.dtype == np.float32
    mean, var = cnorm.moments(np.arange(3.0))
    assert np.ndim(mean) == np.ndim(var) == 0


# Data whose moments are exact: pairs symmetric about a mean that floats hold.


def symmetric(center: float, spread: float, n: int, dtype: Any, seed: int) -> Array:
    """n values center +- k * spread, shuffled, whose mean is exactly center."""
    steps = np.arange(1, n // 2 + 1) % 7 + 1.0
    values = np.concatenate([center + steps * spread, center - steps * spread, [center] * (n % 2)])
    assert np.array_equal(values.astype(dtype).astype(np.float64), values), "not exact in this dtype"
    return np.asarray(np.random.default_rng(seed).permutation(values).astype(dtype))


@pytest.mark.parametrize(
    ("dtype", "center", "spread"),
    [
        (np.float16, 100.0, 1.0),
        (BFLOAT16, 64.0, 1.0),
        (np.float32, 0.0, 0.5),
        (np.float32, 2.0**20, 1.0),
        (np.float32, 2.0**100, 2.0**80),
        (np.float32, 2.0**-100, 2.0**-120),
        (np.float64, 2.0**40, 1.0),
        (np.float64, -(2.0**-500), 2.0**-520),
    ],
    ids=str,
)
@sweep(n=[2, 3, 17, 64, 129, 1000, 4097, 70001])
def test_exact_mean(dtype: Any, center: float, spread: float, n: int) -> None:
    x = symmetric(center, spread, n, dtype, n)
    true_var = Fraction(0)
    for value, count in zip(*np.unique(x.astype(np.float64), return_counts=True), strict=True):
        true_var += int(count) * (Fraction(float(value)) - Fraction(center)) ** 2
    true_var /= n
    for array, axis in ((x, None), (x[:, None], 0), (x[None], 1), (np.repeat(x[:, None], 3, 1), 0)):
        mean, var = cnorm.moments(array, axis)
        # A mean of 0 has no last place to round to: there, digits of the dtype beside the spread.
        hidden = 0 if center else spread * float(np.finfo(np.asarray(mean).dtype).eps)
        assert np.all(np.abs(np.asarray(mean, np.float64) - center) <= hidden)
        if np.finfo(np.asarray(var).dtype).tiny < true_var < np.finfo(np.asarray(var).dtype).max:
            bound = 1e-6 if np.dtype(dtype) != np.float64 else 1e-12
            for v in np.ravel(var):
                assert abs(Fraction(float(v)) - true_var) <= Fraction(bound) * true_var


@sweep(dtype=DTYPES, value=[0.0, 1.0, -3.0, 0.1, 1e3], n=[1, 2, 31, 1000, 100_003])
def test_constant_data_is_exact(dtype: Any, value: float, n: int) -> None:
    """Exactly zero variance and exactly the value as mean: 0.1 too, which no sum holds."""
    x = np.full(n, value, dtype)
    for array, axis in ((x, None), (np.repeat(x[:, None], 2, 1), 0)):
        mean, var = cnorm.moments(array, axis)
        assert np.all(np.asarray(mean) == x[0].astype(np.asarray(mean).dtype))
        assert np.all(np.asarray(var) == 0)


@sweep(dtype=DTYPES, axis=AXES)
def test_standardize_axes(dtype: Any, axis: Any) -> None:
    x = fill((3, 4, 5, 6), dtype, 11)
    y, mean, var = cnorm.standardize(x, axis, return_moments=True)
    assert y.dtype == dtype
    assert_close(y, R.standardize(x, axis))
    assert_moments((mean, var), R.moments(x, axis), dtype)
    assert np.array_equal(y, cnorm.standardize(x, axis))


@sweep(
    shape=[(4, 1, 1), (3, 1, 1, 1), (3, 4, 1, 1), (6,), (1,), (), (3, 4, 5, 6), (5, 1)],
    axis=[(2, 3), 1, None],
)
def test_standardize_parameters_broadcast(shape: tuple[int, ...], axis: Any) -> None:
    x = fill((3, 4, 5, 6), np.dtype(np.float32), 12)
    weight, bias = fill(shape, np.dtype(np.float32), 13), fill(shape, np.dtype(np.float64), 14)
    expected = R.standardize(x, axis, weight, bias)
    assert_close(cnorm.standardize(x, axis, weight, bias), expected, 4e-6)


@sweep(dtype=DTYPES)
def test_standardize_where(dtype: Any) -> None:
    """Masked elements count nowhere, come out as 0, and what they hold does not matter."""
    x = fill((4, 3, 8), dtype, 15)
    lengths = np.array([8, 5, 1, 0])
    where = (np.arange(8) < lengths[:, None])[:, None]
    weight = fill((3, 1), np.dtype(np.float32), 16)
    y, mean, var = cnorm.standardize(x, 2, weight, weight, where=where, return_moments=True)
    for i, n in enumerate(lengths):
        if n:
            assert_close(y[i, :, :n], R.standardize(x[i, :, :n], 1, weight, weight), 4e-6)
            assert_moments((mean[i], var[i]), R.moments(x[i, :, :n], 1), dtype)
        assert not y[i, :, n:].any()
    poisoned = np.where(where, x, np.array(np.nan, dtype))
    assert np.array_equal(y, cnorm.standardize(poisoned, 2, weight, weight, where=where))


def test_standardize_empty_and_scalar() -> None:
    assert cnorm.standardize(np.zeros((0, 3))).shape == (0, 3)
    assert cnorm.standardize(np.zeros((3, 0)), 1).shape == (3, 0)
    assert cnorm.standardize(np.float64(5)).tolist() == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2)])
def test_alignment_changes_no_bit(dtype: Any, axis: Any) -> None:
    x = np.random.default_rng(0).normal(3, 1, (33, 7, 130)).astype(dtype)
    wanted = [m.tobytes() for m in map(np.asarray, cnorm.moments(x, axis))]
    memory = np.zeros(x.nbytes + 128, np.uint8)
    for offset in range(64):  # also where no element is aligned
        y = memory[offset : offset + x.nbytes].view(dtype).reshape(x.shape)
        y[...] = x
        assert [m.tobytes() for m in map(np.asarray, cnorm.moments(y, axis))] == wanted
