"""Groups with NaN, infinities, and finite numbers whose sums overflow, whatever the others hold."""

from __future__ import annotations

import numpy as np
import pytest
from reference import DTYPES, Array
from sweep import sweep

import cnorm
from cnorm import stats

SHAPES = ((1, 5), (7, 3), (40, 17), (300, 33), (5, 1000), (700, 40), (3, 9000), (1000, 4))


def odd(shape: tuple[int, ...], dtype: np.dtype[np.generic], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(shape)
    largest = (
        3e38 if dtype.itemsize == 4 or dtype.name == "bfloat16" else 6e4 if dtype.itemsize == 2 else 1.7e308
    )
    for value in (np.nan, np.inf, -np.inf, largest, -largest):
        if rng.random() < 0.6:
            x[rng.random(shape) < 0.05 * rng.random()] = value
    return np.asarray(x.astype(dtype))


def exact(x: Array, axis: int, mask: Array) -> tuple[Array, Array, Array]:
    """Mean, variance and sum of squares of what the mask shows."""
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        count = mask.sum(axis)
        mean = np.where(mask, wide, 0).sum(axis) / count
        squares = np.where(mask, wide - np.expand_dims(mean, axis), 0) ** 2
        return mean, squares.sum(axis) / count, (np.where(mask, wide, 0) ** 2).sum(axis)


def check(got: Array, wanted: Array, tolerance: Array | float = 0.0) -> None:
    """NaN and infinities at the same places; what is beyond the dtype is infinite, or nearly."""
    largest = np.finfo(np.float32 if got.dtype == np.float32 else np.float64).max
    beyond = np.abs(wanted) > largest * (1 - 1e-6)
    found = got.astype(np.longdouble)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    assert (np.abs(found[beyond]) > largest * 0.99).all()
    assert (np.sign(found[beyond]) == np.sign(wanted[beyond])).all()
    near = ~(beyond | np.isnan(wanted))
    bound = 2e-5 * np.abs(wanted) + tolerance
    assert (np.abs(found - wanted) <= bound)[near].all()


@sweep(shape=SHAPES, dtype=DTYPES, axis=(0, -1))
@pytest.mark.filterwarnings("ignore")
def test_moments_and_squares(shape: tuple[int, ...], dtype: np.dtype[np.generic], axis: int) -> None:
    for seed in range(4):
        x = odd(shape, dtype, seed)
        hidden = np.random.default_rng(seed).random(shape) < 0.2
        for mask in (np.ones(shape, bool), ~hidden):
            where = {} if mask.all() else {"where": mask}
            mean, var, squares = exact(x, axis, mask)
            with np.errstate(all="ignore"):
                got_mean, got_var = cnorm.moments(x, axis, **where)
                spread = np.where(np.isfinite(var), np.sqrt(np.maximum(var, 0)), 0)
                check(got_mean, mean, 1e-5 * spread)
                check(got_var, var)
                if not where and dtype.itemsize > 2:
                    check(stats.ss(x, axis=axis), squares)


@sweep(shape=((20000, 3), (85, 768), (4000, 16)), dtype=DTYPES)
def test_what_is_finite_is_as_it_is_alone(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
    """NaN in some rows, or columns, changes no bit of the others."""
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    for axis in (0, 1):
        spoiled = np.moveaxis(x.copy(), axis, 0)
        spoiled[0, ::3] = np.nan
        spoiled[-1, 1::3] = np.inf
        for plain, other in zip(
            cnorm.moments(x, axis), cnorm.moments(np.moveaxis(spoiled, 0, axis), axis), strict=True
        ):
            np.testing.assert_array_equal(plain[2::3], other[2::3])
            assert not np.isfinite(other[::3].astype(np.float64)).any()
