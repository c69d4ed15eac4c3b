"""Hostile data: NaN and inf stay in their group, constant groups, groups of one, outliers first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from operations import LAYOUTS, OPERATIONS, Operation
from reference import DTYPES, Array, assert_close
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F

by_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
BAD = (np.nan, np.inf, -np.inf)
BIG = 1e3  # changes every result that depends on it


def groups_of(operation: Operation, x: Array, p: dict[str, Any], at: tuple[int, ...]) -> Array:
    """Mask of the outputs that depend on the element `at`, found with the oracle."""
    moved = x.astype(np.float64)
    moved[at] += BIG
    before, after = operation.expected(x.astype(np.float64), **p), operation.expected(moved, **p)
    return np.asarray(before != after)


@by_operation
@sweep(dtype=DTYPES, bad=BAD, layout=["contiguous", "channels-last", "reversed"])
def test_planted(operation: Operation, dtype: Any, bad: float, layout: str) -> None:
    """Outputs of other groups keep every bit; its own are NaN where the formula says so."""
    x = fill((3, 4, 5, 6), dtype, 1)
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(1))
    at = (1, 2, 3, 4)
    group = groups_of(operation, x, p, at)
    clean = operation.call(LAYOUTS[layout](x), **p)
    x[at] = bad
    y = operation.call(LAYOUTS[layout](x), **p)
    assert np.array_equal(y[~group], clean[~group])
    expected = operation.expected(x, **p)
    assert np.array_equal(np.isnan(y), np.isnan(expected.astype(np.float64)))


@sweep(dtype=DTYPES, bad=BAD, axis=[None, 0, 1, 2, (0, 2), (1, 2)])
def test_planted_moments(dtype: Any, bad: float, axis: Any) -> None:
    x = fill((6, 7, 40), dtype, 2)
    clean = cnorm.moments(x, axis)
    x[3, 2, 11] = bad
    mean, var = cnorm.moments(x, axis)
    with np.errstate(invalid="ignore"):
        true_mean, true_var = x.astype(np.float64).mean(axis), x.astype(np.float64).var(axis)
    infinite = ~np.isfinite(true_mean)
    assert np.array_equal(mean[infinite], true_mean[infinite], equal_nan=True)
    assert np.isfinite(mean[~infinite]).all()
    assert np.array_equal(np.isnan(var), np.isnan(true_var))
    kept = np.isfinite(true_mean)
    assert np.array_equal(np.asarray(mean)[kept], np.asarray(clean[0])[kept])
    assert np.array_equal(np.asarray(var)[kept], np.asarray(clean[1])[kept])


@sweep(dtype=DTYPES)
def test_opposite_infinities(dtype: Any) -> None:
    x = fill((3, 50), dtype, 3)
    x[1, 3], x[1, 40] = np.inf, -np.inf
    mean, var = cnorm.moments(x, 1)
    assert np.isnan(mean).tolist() == np.isnan(var).tolist() == [False, True, False]
    assert np.isnan(F.layer_norm(x, (50,))).all(1).tolist() == [False, True, False]


@sweep(dtype=DTYPES, length=[2, 15, 64, 1000, 20_000], at=[0, -1], bad=BAD)
def test_planted_at_the_ends(dtype: Any, length: int, at: int, bad: float) -> None:
    """The first element may be a pivot, the last in a tail: no row is spared, no neighbour hit."""
    x = fill((3, length), dtype, 4)
    x[1, at] = bad
    for y in (
        F.layer_norm(x, (length,)),
        cnorm.standardize(x.T, 0).T,
        cnorm.standardize(np.asfortranarray(x), 1),
    ):
        assert np.isnan(y[1].astype(np.float32)).all()
        assert np.isfinite(y[[0, 2]].astype(np.float32)).all()


@sweep(
    dtype=DTYPES,
    length=[1, 2, 5, 16, 33, 100, 1000, 5000, 70_000],
    ends=[(np.inf, None), (None, np.inf), (-np.inf, -np.inf), (np.inf, -np.inf)],
    layout=["row", "rows", "column", "columns"],
)
def test_infinite_means(dtype: Any, length: int, ends: tuple[Any, Any], layout: str) -> None:
    """The mean is the infinity, NaN of opposite ones, the variance NaN, wherever it lies, in any layout."""
    values = np.random.default_rng(length).standard_normal(length).astype(dtype)
    for at, end in zip((0, -1), ends, strict=True):
        values[at] = values[at] if end is None else end
    x = np.tile(values, ({"row": 1, "column": 1}.get(layout, 20), 1))
    mean, var = cnorm.moments(x, 1) if layout.startswith("row") else cnorm.moments(x.T.copy(), 0)
    with np.errstate(invalid="ignore"):
        expected = values.astype(np.float64).mean()
    assert np.array_equal(mean, np.full(len(x), expected), equal_nan=True)
    assert np.isnan(var).all()


@pytest.mark.parametrize("ends", [(np.inf, 1), (1, -np.inf), (np.inf, np.inf), (np.inf, -np.inf)])
def test_infinite_weighted_means(ends: tuple[float, float]) -> None:
    """As without weights; an infinity of weight 0 is not seen."""
    x, weights = np.array([ends[0], 2.0, 5.0, ends[1]]), np.array([1.0, 2.0, 1.0, 3.0])
    mean, var = cnorm.moments(x, 0, weights=weights)
    with np.errstate(invalid="ignore"):
        assert np.array_equal(mean, (x * weights).sum(), equal_nan=True)
    assert np.isnan(var)
    assert cnorm.moments(x, 0, weights=[0, 1, 2, 0]) == (4.0, 2.0)


@sweep(dtype=DTYPES, bad=BAD)
def test_running_statistics_take_nan(dtype: Any, bad: float) -> None:
    """Only the channel that holds it is poisoned, as in torch."""
    x = fill((3, 4, 6), dtype, 5)
    x[1, 2, 3] = bad
    mean, var = np.zeros(4, np.float32), np.ones(4, np.float32)
    F.batch_norm(x, mean, var, training=True)
    assert np.isfinite(mean).tolist() == [True, True, False, True]
    assert np.isnan(var).tolist() == [False, False, True, False]


@by_operation
@sweep(dtype=DTYPES, value=[0.0, 1.0, -2.5, 1000.0])
def test_constant_input(operation: Operation, dtype: Any, value: float) -> None:
    """Centred norms of constants are exactly the bias; nothing is NaN."""
    x = np.full((3, 4, 5, 6), value, dtype)
    p = operation.parameters(x.shape, np.float32, np.random.default_rng(6))
    assert_close(operation.call(x, **p), operation.expected(x, **p))


@sweep(dtype=DTYPES, value=[0.1, 1 / 3, 1e4, 7e-6])
def test_constant_rows_are_exactly_zero(dtype: Any, value: float) -> None:
    x = np.full((4, 1001), value, dtype)
    for y in (
        F.layer_norm(x, (1001,)),
        F.layer_norm(x, (1001,), eps=0),
        F.group_norm(x[:, None], 1, eps=0),
        F.instance_norm(x[None], eps=0),
        F.batch_norm(x, None, None, training=True),
        cnorm.standardize(x, eps=0),
    ):
        assert not y.any()


def test_zeros_without_eps_are_zero() -> None:
    x = np.zeros((3, 40), np.float32)
    for y in (
        F.rms_norm(x, (40,), eps=0.0),
        F.normalize(x, eps=0.0),
        F.normalize(x, 1.0, eps=0.0),
        F.weight_norm(x, np.ones(3)),
        F.batch_norm(x, x[0], x[0], eps=0.0),
        F.switchable_norm(x[:, None], np.zeros(2, np.float32), np.zeros(2, np.float32), eps=0.0),
    ):
        assert not y.any()


def test_nearly_constant_rows() -> None:
    """40000...40003 in float32: rows that other libraries turn into NaN."""
    x = np.tile(np.array([40000, 40001, 40002, 40003], np.float32), (3, 100))
    assert_close(F.layer_norm(x, (400,)), R.layer_norm(x, (400,)))


@sweep(dtype=DTYPES)
def test_groups_of_one(dtype: Any) -> None:
    """A single value is its own mean: the result is the bias."""
    x = fill((5, 1), dtype, 7)
    bias = np.full(1, 3, np.float32)
    assert (F.layer_norm(x, (1,), None, bias) == 3).all()
    assert not cnorm.standardize(x, 1).any()
    assert not cnorm.standardize(x, 1, eps=0).any()
    assert not cnorm.standardize(x, ()).any()
    mean, var = cnorm.moments(x, 1)
    assert np.array_equal(mean, x[:, 0].astype(mean.dtype))
    assert not var.any()
    assert_close(F.rms_norm(x, (1,), eps=0.0), np.sign(x.astype(np.longdouble)))


@sweep(outlier=[1e4, -1e8, 1e20], layout=["contiguous", "channels-last", "fortran"])
def test_outlier_first(outlier: float, layout: str) -> None:
    """The first element of every group is far out: the others keep their digits."""
    x = fill((3, 4, 9, 7), np.dtype(np.float32), 8) + np.float32(100)
    x[:, :, 0, 0] = outlier
    laid = LAYOUTS[layout](x)
    assert_close(F.instance_norm(laid, eps=0), R.instance_norm(x, eps=0)[0])
    assert_close(cnorm.standardize(laid, (2, 3), eps=0), R.standardize(x, (2, 3), eps=0))
    mean, var = cnorm.moments(laid, (2, 3))
    for got, wanted in zip((mean, var), R.moments(x, (2, 3)), strict=True):
        with np.errstate(over="ignore"):
            fits = np.abs(wanted) < np.finfo(np.float32).max
        assert np.all(np.abs(R.wide(got) - wanted)[fits] <= 1e-6 * np.abs(wanted)[fits])


def test_float16_sums_do_not_overflow() -> None:
    x = fill((200, 300), np.dtype(np.float16), 9) * np.float16(300)
    mean, var = cnorm.moments(x, 0)
    true_mean, true_var = R.moments(x, 0)
    assert np.all(np.abs(R.wide(var) - true_var) <= 1e-6 * true_var)
    assert np.all(np.abs(R.wide(mean) - true_mean) <= 1e-6 * np.sqrt(true_var))
    assert_close(F.layer_norm(x, (300,)), R.layer_norm(x, (300,)))
    large = np.full((2, 70), 60000, np.float16)
    assert cnorm.moments(large, 1)[0].tolist() == [60000, 60000]


def test_every_float16_and_bfloat16() -> None:
    """All 65536 patterns pass through a norm that changes nothing, bit by bit."""
    patterns = np.arange(65536, dtype=np.uint16)
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    for dtype in DTYPES[:2]:
        x = patterns.view(dtype).reshape(-1, 1)
        y = F.batch_norm(x, zero, one, eps=0.0)
        nan = np.isnan(x.astype(np.float32))
        assert np.array_equal(np.isnan(y.astype(np.float32)), nan)
        assert np.array_equal(y[~nan].astype(np.float32), x[~nan].astype(np.float32))


@sweep(eps=[1e-30, 1e-60, 1e-120, 1e-300], dtype=DTYPES)
def test_zeros_with_a_tiny_eps(dtype: Any, eps: float) -> None:
    """The scale leaves float32's range; zero times it is still zero."""
    x = np.zeros((4, 8), dtype)
    assert not F.layer_norm(x, (8,), eps=eps).any()
    assert not F.rms_norm(x, (8,), eps=eps).any()
    assert not F.normalize(x, eps=eps).any()
    assert not F.batch_norm(x, np.zeros(8), np.zeros(8), eps=eps).any()
