"""zscore, scale, minmax_scale, maxabs_scale: oracle, output arguments, NaN policies, constants, refusals."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import reference as R
from memory import peak_of
from reference import BOUNDS, DTYPES, Array
from strategies import fill
from sweep import sweep

from cnorm.preprocessing import StandardScaler, maxabs_scale, minmax_scale, scale, zscore

F64 = np.dtype(np.float64)
AXES = [0, 1, -1, (0, 2), (1, 2), None]
FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function for function in (zscore, scale, minmax_scale, maxabs_scale)
}
by_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)


@pytest.mark.parametrize("function", [zscore, scale])
@sweep(dtype=DTYPES, axis=AXES)
def test_oracle(function: Callable[..., Any], dtype: np.dtype[Any], axis: Any) -> None:
    x = fill((12, 9, 10), dtype, 1)
    y = function(x, axis)
    assert y.dtype == dtype
    expected = R.standardize(x, axis, eps=0)
    ulp = {"float16": 2.0**-10, "bfloat16": 2.0**-7}.get(dtype.name, 2.0**-23 if dtype != F64 else 2.0**-52)
    assert float((np.abs(R.wide(y) - expected) - np.abs(expected) * ulp).max()) <= BOUNDS[dtype.name]


@pytest.mark.parametrize("ddof", [0, 1, 2.5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zscore_ddof(ddof: float, dtype: Any) -> None:
    x = fill((40, 6), np.dtype(dtype), 2)
    mean, var = R.moments(x, 0, correction=ddof)
    expected = ((R.wide(x) - mean) / np.sqrt(var)).astype(dtype)
    np.testing.assert_allclose(zscore(x, ddof=ddof), expected, rtol=1e-5 if dtype == np.float32 else 1e-12)
    in_place = x.copy()
    assert zscore(in_place, ddof=ddof, out=in_place) is in_place
    np.testing.assert_allclose(in_place, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_zscore_far_from_zero() -> None:
    x = np.random.default_rng(0).normal(1e6, 1, (1000, 3))
    error = np.abs(R.wide(zscore(x)) - R.standardize(x, 0, eps=0))
    assert float(error.max()) <= BOUNDS["float64"]


def test_zscore_leaves_constant_groups_nan() -> None:
    x = np.array([[5.0, 1.0], [5.0, 2.0]])
    with pytest.warns(RuntimeWarning, match="Precision loss"):
        y = zscore(x)
    np.testing.assert_array_equal(y, [[np.nan, -1], [np.nan, 1]])


@pytest.mark.parametrize("nan_policy", ["propagate", "omit"])
def test_zscore_of_too_few(nan_policy: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(zscore(np.array([[1.0], [np.nan]]), 1, nan_policy=nan_policy)).all()
        assert np.isnan(zscore(np.array([1.0]), ddof=1)).all()
        assert np.isnan(zscore(np.array([np.inf, 1.0, 2.0]), nan_policy=nan_policy)).all()


def test_zscore_nan_stays_in_its_group() -> None:
    x = fill((6, 5), F64, 3)
    clean = zscore(x)
    x[2, 1] = np.nan
    y = zscore(x)
    assert np.isnan(y[:, 1]).all()
    np.testing.assert_allclose(np.delete(y, 1, 1), np.delete(clean, 1, 1), rtol=1e-13)
    with pytest.raises(ValueError, match="contains nan"):
        zscore(x, nan_policy="raise")


@pytest.mark.parametrize("size", [1e300, 1.7e308])
def test_no_square_overflows(size: float) -> None:
    u = np.array([[-0.9], [0.5], [1.0], [0.2]])
    expected = (u - u.mean()) / u.std()
    for function in (zscore, scale):
        np.testing.assert_allclose(function(u * size), expected, rtol=1e-13, atol=1e-15)


def test_scale_is_standard_scaler() -> None:
    x = fill((50, 7), F64, 4)
    x[3, 2] = np.nan
    x[:, 5] = 0.1
    np.testing.assert_allclose(scale(x), StandardScaler().fit_transform(x), rtol=1e-14)
    np.testing.assert_allclose(
        scale(x, with_mean=False), x / np.where(np.nanstd(x, 0) < 1e-9, 1, np.nanstd(x, 0))
    )
    np.testing.assert_allclose(scale(x, with_std=False), x - np.nanmean(x, 0), rtol=1e-12, atol=1e-12)
    assert (scale(x)[:, 5] == 0).all()


@by_function
@pytest.mark.parametrize("kind", [np.int8, np.int64, np.uint16, np.bool_])
def test_integers_become_float64(function: Callable[..., Any], kind: Any) -> None:
    x = np.array([[0, 1], [1, 0], [1, 1]], kind)
    y = function(x)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, function(x.astype(float)))
    np.testing.assert_array_equal(function(x.tolist()), y)


@by_function
@pytest.mark.parametrize("order", "CF")
def test_out(function: Callable[..., Any], order: Any) -> None:
    x = np.asarray(fill((40, 30), np.dtype(np.float32), 5), order=order)
    expected = function(x)
    assert expected.flags.c_contiguous == x.flags.c_contiguous
    for out in (np.empty_like(x), np.empty((40, 60), np.float32)[:, ::2], x.copy()):
        assert function(x, out=out) is out
        np.testing.assert_array_equal(out, expected)
    before = x.copy()
    assert function(x, out=x) is x
    np.testing.assert_allclose(x, expected, rtol=0, atol=1e-6)
    half = np.concatenate([before, before])
    function(half[:40], out=half[1:41])
    np.testing.assert_allclose(half[1:41], expected, rtol=0, atol=1e-6)


@by_function
def test_memory(function: Callable[..., Any]) -> None:
    """Output alone; with `out` less than 1 % of the data."""
    x = fill((250_000, 20), np.dtype(np.float32), 6)
    out = np.empty_like(x)
    for nan in (False, True):
        if nan:
            x[5, 5] = np.nan
        assert peak_of(partial(function, x, out=out)) <= 0.025 * x.nbytes


@by_function
def test_documented(function: Callable[..., Any]) -> None:
    doc = inspect.getdoc(function) or ""
    for part in ("Parameters", "Returns", "Raises", "References", "Examples", ".. math::"):
        assert part in doc
    for argument in inspect.signature(function).parameters:
        assert argument in doc


@by_function
def test_empty(function: Callable[..., Any]) -> None:
    for shape in ((0,), (3, 0, 5), (0, 4)):
        assert function(np.zeros(shape)).shape == shape


ONE = np.arange(12.0).reshape(4, 3)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"axis": 2}, ValueError, r"axis: expected axes of a 2-dimensional array, got 2"),
    ({"axis": "0"}, TypeError, "axis: expected an int"),
    ({"axis": (0, 0)}, ValueError, "axis: expected different axes"),
    ({"out": np.zeros((4, 2))}, ValueError, r"out: expected shape \(4, 3\), got \(4, 2\)"),
    ({"out": np.zeros((4, 3), np.float32)}, TypeError, "out: expected dtype float64, got float32"),
    ({"out": [1]}, TypeError, "out: expected an ndarray, got list"),
]


@by_function
@pytest.mark.parametrize(("arguments", "error", "message"), BAD)
def test_bad_arguments(
    function: Callable[..., Any], arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        function(ONE, **arguments)


@by_function
@pytest.mark.parametrize(
    "x", [1j * ONE, ONE.astype("U3").astype(object), ONE.astype("U3"), ONE.astype("M8[s]")]
)
def test_bad_dtypes(function: Callable[..., Any], x: Array) -> None:
    with pytest.raises(TypeError, match="expected a float dtype"):
        function(x)


@by_function
def test_no_dimensions(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="expected at least 1 dimensions, got 0"):
        function(np.float64(3))


@pytest.mark.parametrize("function", [scale, minmax_scale, maxabs_scale])
def test_infinity(function: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="Input X contains infinity"):
        function(np.array([[1.0], [np.inf]]))


def test_bad_policy_and_range() -> None:
    with pytest.raises(ValueError, match="nan_policy: expected"):
        zscore(ONE, nan_policy="drop")
    with pytest.raises(TypeError, match="ddof: expected a number"):
        zscore(ONE, ddof="1")  # type: ignore[arg-type]
    for ddof in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="ddof: expected a finite number"):
            zscore(ONE, ddof=ddof)
    for bad in ((1, 0), (1, 1)):
        with pytest.raises(ValueError, match="feature range must be smaller"):
            minmax_scale(ONE, bad)
    for unknown in ((0, np.nan), (np.nan, 1)):
        with pytest.raises(ValueError, match="feature_range: expected two numbers, got"):
            minmax_scale(ONE, unknown)
    for bad in (3, (1, 2, 3), "ab", (0, None)):
        with pytest.raises((TypeError, ValueError), match="feature_range: expected"):
            minmax_scale(ONE, bad)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="feature_range"):
        minmax_scale(ONE, (0, np.inf))
