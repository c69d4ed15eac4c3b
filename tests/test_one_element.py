"""Groups of one element are the element: along an axis of size 1 in front or behind, to the same bits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array, wide
from sweep import sweep

import cnorm
from cnorm import stats

LENGTHS = (1, 7, 8, 17, 300, 1100)
SUMS = ("sum", "nansum", "mean", "nanmean")
SPREADS = ("var", "std", "nanvar", "nanstd")
EXTREMES = ("min", "max", "ptp", "nanmin", "nanmax", "nanptp", "argmin", "argmax")
OTHERS = ("count", "allnan", "anynan", "ss")


def numbers(n: int, dtype: Any, odd: bool) -> Array:
    """Of every size; odd: with NaN, infinities and zeros of both signs."""
    rng = np.random.default_rng(n)
    most = 3 if dtype == DTYPES[0] else 30
    x = (rng.normal(size=n) * 10.0 ** rng.integers(-most, most, n)).astype(dtype)
    for i, value in enumerate((np.nan, -0.0, np.inf, 0.0, -np.inf) if odd else ()):
        x[i::11] = value
    return x


def assert_same(actual: Any, expected: Any) -> None:
    """Sums of 16-bit floats are float32."""
    actual, expected = wide(np.asarray(actual).ravel()), wide(np.asarray(expected).ravel())
    np.testing.assert_array_equal(actual, expected)
    zero = expected == 0
    assert np.array_equal(np.signbit(actual[zero]), np.signbit(expected[zero]))


@sweep(n=LENGTHS, dtype=DTYPES, odd=[False, True], function=SUMS)
def test_sums_are_the_element(n: int, dtype: Any, odd: bool, function: str) -> None:
    x = numbers(n, dtype, odd)
    expected = x + x.dtype.type(0)  # no -0
    if function == "nansum":
        expected = np.where(np.isnan(wide(x)), x.dtype.type(0), expected)
    assert_same(getattr(stats, function)(x[:, None], axis=1), expected)
    assert_same(getattr(stats, function)(x[None], axis=0), expected)


def told(function: str, x: Array, **options: Any) -> Any:
    """Without the warnings of NumPy's names."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return getattr(stats, function)(x, axis=1, **options)


@sweep(n=LENGTHS, dtype=DTYPES, odd=[False, True], function=(*SUMS, *SPREADS, *EXTREMES, *OTHERS))
def test_statistics_wherever_elements_stand(n: int, dtype: Any, odd: bool, function: str) -> None:
    """Side by side, apart, and as a group of two positions of which one is hidden."""
    x = numbers(n, dtype, odd)
    apart = np.repeat(x, 3)[::3]
    for ddof in (0, 1, 2) if function in SPREADS else (None,):
        options = {} if ddof is None else {"ddof": ddof}
        assert_same(told(function, x[:, None], **options), told(function, apart[:, None], **options))
        if function in ("argmin", "argmax"):
            continue
        second = np.stack([x, x], axis=1)
        shown = told(function, second, where=np.array([True, False]), **options)
        assert_same(told(function, x[:, None], **options), shown)


@pytest.mark.parametrize("function", ["nanargmin", "nanargmax"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_places_of_one_element(dtype: Any, function: str) -> None:
    x = numbers(300, dtype, True)
    x[np.isnan(wide(x))] = 1
    assert not np.any(getattr(stats, function)(x[:, None], axis=1))
    x[7] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        getattr(stats, function)(x[:, None], axis=1)


@sweep(n=LENGTHS, dtype=DTYPES, odd=[False, True], counts=["all", "where", "omit", "weights"])
def test_moments_are_the_element_and_none(n: int, dtype: Any, odd: bool, counts: str) -> None:
    x = numbers(n, dtype, odd)
    shown = np.arange(n) % 3 != 1
    how: dict[str, Any] = {}
    if counts == "where":
        how = {"where": shown}
    elif counts == "omit":
        how, shown = {"nan_policy": "omit"}, ~np.isnan(wide(x))
    elif counts == "weights":
        how = {"weights": np.where(shown, 0.3, 0.0)}
    else:
        shown = np.ones(n, bool)
    own = {name: value[:, None] if isinstance(value, np.ndarray) else value for name, value in how.items()}
    first = {name: value[None] if isinstance(value, np.ndarray) else value for name, value in how.items()}
    rows, columns = cnorm.moments(x[:, None], axis=1, **own), cnorm.moments(x[None], axis=0, **first)
    for a, b in zip(rows, columns, strict=True):
        assert_same(a, b)
    finite = np.isfinite(wide(x)) & shown
    mean, var = (np.asarray(part).ravel() for part in rows[:2])
    np.testing.assert_array_equal(mean[finite], (x.astype(mean.dtype) + 0)[finite])
    assert not np.any(var[finite])
    assert np.all(np.isnan(mean[~shown]))
    assert np.all(np.isnan(var[shown & ~finite]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_second_element_later(dtype: Any) -> None:
    """Columns of one row are not those of two: each joins what is there."""
    x = np.stack([numbers(300, dtype, False), numbers(300, dtype, False)[::-1]])
    whole = cnorm.RunningMoments(300)
    whole.update(x)
    parts = cnorm.RunningMoments(300)
    for row in x:
        parts.update(row[None])
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.var(), whole.var(), rtol=1e-9)


@sweep(
    rows=[2, 3, 15, 16, 17],
    n=LENGTHS,
    dtype=DTYPES,
    odd=[False, True],
    function=("min", "max", "ptp", "nanmin", "nanmax", "nanptp", "anynan", "allnan"),
)
def test_extremes_of_few_rows(rows: int, n: int, dtype: Any, odd: bool, function: str) -> None:
    """Of columns: the bits of the same groups as rows, NaN alone in some and everywhere in one."""
    x = numbers(rows * n, dtype, odd).reshape(rows, n)
    if odd:
        x[:, -1] = np.nan
        x[1:, n // 2] = np.nan
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        actual = getattr(stats, function)(x, axis=0)
        expected = getattr(stats, function)(np.ascontiguousarray(x.T), axis=1)
        beside = getattr(stats, function)(np.stack([x, x[::-1]]), axis=1)
    assert actual.dtype == expected.dtype
    assert_same(actual, expected)
    assert_same(beside, np.stack([expected, expected]))


WINDOWS = {"move_sum": "sum", "move_mean": "mean", "move_min": "min", "move_max": "max"}


@sweep(n=LENGTHS, dtype=DTYPES, odd=[False, True], function=tuple(WINDOWS))
def test_windows_of_one_element(n: int, dtype: Any, odd: bool, function: str) -> None:
    """Along a line, and where a line is one element; wider ones lack some."""
    x = numbers(n, dtype, odd)
    expected = np.array([getattr(stats, function)(np.stack([one, one]), 2, 1)[0] for one in x])
    move = getattr(stats, function)
    assert_same(move(x, 1), expected)
    assert_same(move(x[::-1], 1)[::-1], expected)
    assert_same(move(x[:, None], 1, axis=1), expected)
    assert_same(move(x[None], 1, 1, axis=0), expected)
    rolled, spread = cnorm.rolling_moments(x[:, None], 3, min_count=1, axis=1)
    assert_same(cnorm.rolling_moments(x[:, None], 3, axis=1)[0], np.full(n, np.nan))
    if function == "move_mean":
        assert_same(rolled, expected)
        assert_same(spread, np.where(np.isfinite(wide(x)), 0, np.nan))
