"""Passes over tables: blocks cover, folding changes no bit, infinity is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnorm._stats import passes as T


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(1, 40))
def test_blocks_cover_once(shape: list[int], size: int) -> None:
    seen = np.zeros(shape, int)
    for part in T.blocks(tuple(shape), size):
        seen[part] += 1
    assert (seen == 1).all()


@given(st.integers(1, 140), st.integers(1, 3000), st.booleans(), st.sampled_from([np.float32, np.float64]))
def test_folding_changes_no_bit(columns: int, rows: int, affine: bool, dtype: Any) -> None:
    """Narrow tables are computed several rows at a time, but not where there are gaps between the rows."""
    rng = np.random.default_rng(columns)
    gaps = rng.normal(size=(rows, columns + 1)).astype(dtype)[:, :columns]
    x = np.ascontiguousarray(gaps)
    center, factor = rng.normal(size=(2, 1, columns))
    weight, bias = rng.normal(size=(2, 1, columns)).astype(dtype) if affine else (None, None)
    plain, folded = np.empty_like(x), np.empty_like(x)
    T.affine(gaps, plain, center, factor, weight, bias)
    T.affine(x, folded, center, factor, weight, bias)
    np.testing.assert_array_equal(folded, plain)
    T.affine(x, x, center, factor, weight, bias)
    np.testing.assert_array_equal(x, plain)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5,), (70_000, 3), (3, 70_000), (2, 3, 4)])
def test_infinity_is_found_anywhere(dtype: Any, shape: tuple[int, ...]) -> None:
    x = np.full(shape, np.finfo(dtype).max, dtype)
    T.check_no_inf(x)
    x.flat[0] = np.nan
    T.check_no_inf(x)
    for value in (np.inf, -np.inf):
        x.flat[-1] = value
        for view in (x, x.T, x[::-1], x[..., ::-1]):
            with pytest.raises(ValueError, match="Input X contains infinity"):
                T.check_no_inf(view)
