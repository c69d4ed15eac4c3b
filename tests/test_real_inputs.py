"""Numbers that come as objects or in nullable columns, where integers are promoted; what is no number."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
from cnorm import RunningMoments
from cnorm.preprocessing import gzscore, maxabs_scale, minmax_scale, normalize, scale, zmap, zscore

ROWS = [[1.5, 2.0], [np.nan, 5.0], [4.0, 7.25]]
PLAIN = np.array(ROWS)


def streamed(x: Any) -> Any:
    stats = RunningMoments(2, nan_policy="omit").update(x)
    return stats.mean, stats.var(1)


def geometric(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return gzscore(x, nan_policy="omit")


FUNCTIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "moments": ("x", lambda x: cnorm.moments(x, 0, nan_policy="omit")),
    "update": ("x", streamed),
    "zscore": ("a", lambda x: zscore(x, nan_policy="omit")),
    "scale": ("X", scale),
    "minmax_scale": ("X", minmax_scale),
    "maxabs_scale": ("X", maxabs_scale),
    "zmap": ("compare", lambda x: zmap([[1.0, 2.0]], x, nan_policy="omit")),
    "zmap scores": ("scores", lambda x: zmap(x, PLAIN, nan_policy="omit")),
    "gzscore": ("a", geometric),
}
by_function = pytest.mark.parametrize("name", FUNCTIONS)


def of_objects(*columns: list[Any]) -> Any:
    return np.array(columns, object).T


@by_function
@pytest.mark.parametrize(
    "x",
    [
        of_objects([1.5, None, 4], [2, 5, 7.25]),
        of_objects([Decimal("1.5"), float("nan"), True * 4], [Fraction(2), np.int8(5), np.float32(7.25)]),
        of_objects([1.5, np.nan, 4], [2, 5, 7.25])[::-1][::-1],
        [[Fraction(3, 2), 2], [None, Decimal(5)], [4, 7.25]],
    ],
    ids=["None", "kinds", "strided", "list"],
)
def test_objects_that_are_numbers(name: str, x: Any) -> None:
    call = FUNCTIONS[name][1]
    for got, wanted in zip(call(x), call(PLAIN), strict=True):
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, wanted)


@by_function
@sweep(dtypes=[("Float64", "Float64"), ("Float32", "Int64"), ("Float64", "float32")])
def test_nullable_columns(name: str, dtypes: tuple[str, str]) -> None:
    pandas = pytest.importorskip("pandas")
    values = PLAIN.round() if "Int64" in dtypes else PLAIN
    frame = pandas.DataFrame({"a": values[:, 0], "b": values[:, 1]}).astype(
        dict(zip("ab", dtypes, strict=True))
    )
    assert frame["a"].isna().sum() == 1
    call = FUNCTIONS[name][1]
    for given in (frame, frame[::-1][::-1], frame.astype(object)):
        for got, wanted in zip(call(given), call(values), strict=True):
            assert type(got) is np.ndarray
            assert got.dtype == np.float64
            np.testing.assert_allclose(got, wanted, rtol=1e-15)  # frames lie column by column


def test_nullable_series_and_booleans() -> None:
    pandas = pytest.importorskip("pandas")
    for values in (pandas.Series([1, None, 3], dtype="Int64"), pandas.array([1, None, 3], dtype="Int64")):
        assert cnorm.moments(values, nan_policy="omit") == (2, 1)
        assert np.isnan(cnorm.moments(values)[0])
    flags = pandas.Series([True, None, False, False], dtype="boolean")
    assert cnorm.moments(flags, nan_policy="omit")[0] == pytest.approx(1 / 3)
    assert RunningMoments(nan_policy="omit").update(flags).count == 3
    with pytest.raises(ValueError, match=r"^x: contains NaN"):
        cnorm.moments(flags, nan_policy="raise")


def test_frames_keep_plain_dtypes() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.ones((3, 2), np.float32))
    assert scale(frame).dtype == np.float32
    assert cnorm.moments(frame, 0)[0].dtype == np.float32


@by_function
@pytest.mark.parametrize("dtype", [np.longdouble, np.float16, np.float32, np.uint8, np.bool_], ids=str)
def test_frames_of_any_real_dtype(name: str, dtype: Any) -> None:
    """In all columns, or beside a column of float64; what is wider than float64 becomes that."""
    pandas = pytest.importorskip("pandas")
    values = np.array([[1.5, 2], [0, 0], [4, 7.25]]).astype(dtype).astype(np.float64)
    call = FUNCTIONS[name][1]
    for dtypes in ({"a": dtype, "b": dtype}, {"a": dtype, "b": np.float64}):
        frame = pandas.DataFrame({"a": values[:, 0], "b": values[:, 1]}).astype(dtypes)
        for got, wanted in zip(call(frame), call(values), strict=True):
            assert type(got) is np.ndarray
            np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=2e-3)


@by_function
def test_polars(name: str) -> None:
    polars = pytest.importorskip("polars")
    call = FUNCTIONS[name][1]
    frame = polars.DataFrame({"a": [1.5, None, 4.0], "b": [2.0, 5.0, 7.25]})
    for got, wanted in zip(call(frame), call(PLAIN), strict=True):
        np.testing.assert_array_equal(got, wanted)
    flags = polars.DataFrame({"a": [True, None, False], "b": [True, False, False]})
    for got, wanted in zip(call(flags), call(np.array([[1, 1], [np.nan, 0], [0, 0]])), strict=True):
        np.testing.assert_array_equal(got, wanted)


def refused() -> dict[str, Any]:
    return {
        "strings": of_objects(["1.5", "2"], ["3", "4"]),
        "a string": of_objects([1.5, "2"], [3, 4]),
        "bytes": of_objects([1.5, b"2"], [3, 4]),
        "complex": of_objects([1.5, 2j], [3, 4]),
        "a list": of_objects([1.5, 2], [3, [4]]),
        "an array": of_objects([1.5, 2], [3, np.ones(3)]),
        "a date": of_objects([1.5, np.datetime64("2020-01-01")], [3, 4]),
        "none": None,
        "text": "abc",
    }


@by_function
@sweep(kind=refused())
def test_what_is_no_number(name: str, kind: str) -> None:
    argument, call = FUNCTIONS[name]
    with pytest.raises(TypeError, match=f"^{argument}: expected a float dtype"):
        call(refused()[kind])


@by_function
def test_columns_that_are_no_numbers(name: str) -> None:
    pandas = pytest.importorskip("pandas")
    argument, call = FUNCTIONS[name]
    number = pandas.array([1.0, None], dtype="Float64")
    for other in (
        pandas.array(["1", "2"], dtype="string"),
        pandas.Series(["1", "2"], dtype=object),
        pandas.Categorical(["x", "y"]),
        pandas.to_datetime(["2020-01-01", None]),
        pandas.Series([1j, 2]),
    ):
        with pytest.raises(TypeError, match=f"^{argument}: expected a float dtype"):
            call(pandas.DataFrame({"a": number, "b": other}))


@by_function
def test_integers_beyond_float64(name: str) -> None:
    argument, call = FUNCTIONS[name]
    with pytest.raises(ValueError, match=f"^{argument}: expected numbers within float64"):
        call(of_objects([1, 10**400], [2, 3]))


def test_nothing_changes_when_refused() -> None:
    stats = RunningMoments(2).update([[1.0, 2.0], [3.0, 4.0]])
    before, out = stats.copy(), np.full((2, 2), 7.0)
    bad = refused()["a string"]
    with pytest.raises(TypeError, match=r"^x: "):
        stats.update(bad)
    assert stats == before
    for call in (zscore, scale, minmax_scale, maxabs_scale, gzscore, normalize):
        with pytest.raises(TypeError):
            call(bad, out=out)
    assert (out == 7).all()


def test_norms_take_floats_alone() -> None:
    """Objects and integers are refused there, as torch does."""
    for x in (of_objects([1.5, 2], [3, 4]), np.ones((2, 2), int)):
        with pytest.raises(TypeError, match=r"^x: expected a float dtype"):
            cnorm.standardize(x)
        with pytest.raises(TypeError, match=r"^input: expected a float dtype"):
            cnorm.functional.layer_norm(x, (2,))
