"""Large tables are looked at for infinity, and scaled, some rows at a time: as the whole is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

SCALERS = (StandardScaler, MinMaxScaler, MaxAbsScaler)
ROWS = 70_001  # of 20 columns: several MB in each dtype, and a last part that is not full


def table(dtype: str) -> Any:
    rng = np.random.default_rng(3)
    return (rng.standard_normal((ROWS, 20)) * np.arange(1, 21) + 5).astype(dtype)


@sweep(dtype=("f2", "f4", "f8"), order=("C", "F"), threads=(1, 2))
def test_parts_have_the_bits_of_small_tables(dtype: str, order: str, threads: int) -> None:
    x = table(dtype)
    few = slice(ROWS - 300, ROWS)
    with cnorm.threads(threads):
        for scaler in SCALERS:
            fitted = scaler().fit(x)
            for way in (fitted.transform, fitted.inverse_transform):
                whole = way(np.asarray(x, order=order))
                np.testing.assert_array_equal(whole[few], way(x[few]))


@pytest.mark.parametrize("scaler", SCALERS)
@pytest.mark.parametrize("row", [0, ROWS // 2, ROWS - 1])
def test_infinity_is_found_in_every_part(scaler: Any, row: int) -> None:
    x = table("f4")
    fitted = scaler().fit(x)
    x[row, 19] = np.nan
    assert np.isnan(fitted.transform(x)[row, 19])
    for value in (np.inf, -np.inf):
        x[row, 19] = value
        before = x.copy()
        with pytest.raises(ValueError, match="infinity"):
            fitted.transform(x)
        np.testing.assert_array_equal(x, before)


def test_a_row_that_is_long_alone() -> None:
    """Its stride is of no use: NumPy takes any for a single row."""
    x = np.lib.stride_tricks.as_strided(np.arange(1 << 19, dtype="f4"), (1, 1 << 19), (0, 4))
    fitted = StandardScaler(with_std=False).fit(x)
    np.testing.assert_array_equal(fitted.transform(x), np.zeros_like(x))
