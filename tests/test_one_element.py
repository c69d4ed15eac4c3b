"""Groups of one element are the element: along an axis of size 1 in front or behind, to the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array, wide
from sweep import sweep

import cnorm
from cnorm import stats

LENGTHS = (1, 7, 8, 17, 300, 1100)
SUMS = ("sum", "nansum", "mean", "nanmean")


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
