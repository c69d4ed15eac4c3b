"""Local response normalization: every size, exponent, dtype and layout; hostile windows; bits and memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import DTYPES, Array
from strategies import fill, seeds
from sweep import sweep

import cnorm
import cnorm.functional as F

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
BETAS = (0.75, 0.5, 1.0, 0.6, 2.0, 3.7, -0.75, -1.3, 0.0, 1e-3)
# (alpha, k): torch's, AlexNet's, no constant, a window that dominates, one that cancels at most half.
FACTORS = ((1e-4, 1.0), (1e-4, 2.0), (1.0, 0.0), (50.0, 0.1), (-0.01, 1.0))
WIDE = (F32, F64)
LAID_OUT = ("contiguous", "channels-last", "batch-innermost", "reversed", "strided", "strided channels")

by_norm = pytest.mark.parametrize("name", ["local_response_norm", "cross_map_lrn2d"])


def assert_relative(actual: Array, expected: Array, bound: float | None = None) -> None:
    """|error| <= bound * |expected| and the rounding of the dtype; the same NaN and inf."""
    if bound is None:
        bound = 1e-14 if actual.dtype == F64 else 2e-6
    info: Any = R.ml_dtypes.finfo(actual.dtype)
    with np.errstate(all="ignore"):
        rounded = np.where(np.abs(expected) > float(info.max), np.copysign(np.inf, expected), expected)
        got = R.wide(actual)
        same = (got == rounded) | (np.isnan(got) & np.isnan(expected))
        half_ulp = float(info.eps) / 2 if actual.dtype.itemsize == 2 else 0
        allowed = (bound + half_ulp) * np.abs(expected) + float(info.smallest_subnormal)
        near_max = np.isinf(got) & (np.abs(expected) * (1 + bound + half_ulp) > float(info.max))
        wrong = ~(same | near_max | (np.abs(got - expected) <= allowed))
    assert not wrong.any(), (got[wrong][:3], expected[wrong][:3])


def expected_of(
    name: str, x: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """The formula with every window summed afresh (R's CrossMapLRN2d runs along, as torch's)."""
    x = R.wide(x)
    below, above = (size // 2, (size - 1) // 2) if name == "local_response_norm" else ((size - 1) // 2,) * 2
    with np.errstate(all="ignore"):
        sums = np.stack([(x[:, max(0, c - below) : c + above + 1] ** 2).sum(1) for c in range(x.shape[1])], 1)
        if name == "cross_map_lrn2d":
            sums[:, below + 1 :] += x[:, :1] ** 2
        base = np.longdouble(k) + np.longdouble(alpha) / size * sums
        return np.where((x == 0) & (base == 0) & (k == 0), 0, x / base ** np.longdouble(beta))


def both(name: str, x: Array, *arguments: Any) -> tuple[Array, Array]:
    return getattr(F, name)(x, *arguments), expected_of(name, x, *arguments)


@by_norm
@sweep(beta=BETAS, dtype=DTYPES, size=[1, 2, 3, 5, 8, 17, 40, 90])
def test_accuracy(size: int, beta: float, name: str, dtype: Any) -> None:
    x = fill((2, 37, 5, 9), dtype, size)
    for alpha, k in FACTORS:
        assert_relative(*both(name, x, size, alpha, beta, k))


@given(data=st.data())
def test_any_factors(data: st.DataObject) -> None:
    """Exponents and shapes at random, tails and seams of vectors and tiles among them."""
    shape = (
        data.draw(st.integers(1, 3)),
        data.draw(st.integers(1, 60)),
        data.draw(st.integers(1, 3)),
        data.draw(st.one_of(st.integers(1, 40), st.integers(500, 1100))),
    )
    x = fill(shape, data.draw(st.sampled_from(DTYPES)), data.draw(seeds))
    x = LAYOUTS[data.draw(st.sampled_from(LAID_OUT))](x)
    name = data.draw(st.sampled_from(["local_response_norm", "cross_map_lrn2d"]))
    beta, alpha = data.draw(st.floats(-4, 4)), data.draw(st.floats(0, 100))
    assert_relative(*both(name, x, data.draw(st.integers(1, 70)), alpha, beta, data.draw(st.floats(0.1, 10))))


@pytest.mark.parametrize("size", [300, 1000, 4000])
def test_wide_windows_of_constants(size: int) -> None:
    """Roundings that all go the same way stay few."""
    x = np.full((1, 1500, 20), 1.2345, np.float32)
    assert_relative(*both("local_response_norm", x, size, 1.0, 0.75, 0.0))


@sweep(dtype=WIDE)
def test_constants_are_exact_where_the_window_does_not_count(dtype: Any) -> None:
    x = fill((2, 5, 33), dtype, 1)
    for beta in BETAS:
        assert np.array_equal(F.local_response_norm(x, 3, 0.0, beta, 1.0), x)


@by_norm
@sweep(
    dtype=WIDE,
    k=[0.0, 1.0],
    beta=[0.75, 0.5, 1.0, 0.6, -0.75, 5.0],
    layout=["contiguous", "channels-last"],
)
def test_any_magnitude(layout: str, beta: float, k: float, name: str, dtype: Any) -> None:
    """Squares overflow and vanish, from one element to the next."""
    end = 37 if dtype == F32 else 300
    rng = np.random.default_rng(2)
    x = rng.standard_normal((2, 9, 6, 11)) * 10 ** rng.uniform(-end, end, (2, 9, 6, 11))
    x[0, :, 0] *= 1e-8 if dtype == F32 else 1e-20  # denormals
    x[1, :, 1] = 0
    x = LAYOUTS[layout](x.astype(dtype))
    assert_relative(*both(name, x, 4, 0.5, beta, k), bound=1e-13 if dtype == F64 else None)


@sweep(dtype=WIDE, scale=[1e38, 1e30, 1e19, 1e-19, 1e-30, 1e-44], beta=[0.5, 0.75, 0.6])
def test_uniform_magnitudes(beta: float, scale: float, dtype: Any) -> None:
    x = (np.random.default_rng(3).uniform(-3, 3, (2, 7, 40)) * scale).astype(dtype)
    assert_relative(*both("local_response_norm", x, 5, 1.0, beta, 0.0))


@sweep(
    dtype=DTYPES,
    beta=[0.75, 1.0, 2.0, 3.0, 0.6, -0.5, -1.0, -2.0],
    factors=[(-1.0, 1.0), (1.0, -1.0), (-1.0, 0.0), (-1.0, -1.0), (0.0, -2.0)],
)
def test_negative_bases(factors: tuple[float, float], beta: float, dtype: Any) -> None:
    """NaN for a fraction, else the sign of the power; what cancels is computed wide."""
    alpha, k = factors
    x = fill((2, 7, 40), dtype, 4)
    if k == 0:
        x[0, :, 3] = 0
    y, expected = both("local_response_norm", x, 3, alpha, beta, k)
    assert_relative(y, expected, 1e-9 if dtype == F64 else None)


@sweep(dtype=DTYPES, beta=[0.75, 0.6, 2.0, -1.0], alpha=[1.0, 0.0])
def test_zeros_without_a_constant(alpha: float, beta: float, dtype: Any) -> None:
    """0 / 0 is 0, and no warning."""
    x = fill((2, 7, 40), dtype, 5)
    x[:, :, ::3] = 0
    x[:, 2:5, 1::3] = 0
    y, expected = both("local_response_norm", x, 3, alpha, beta, 0.0)
    assert_relative(y, expected)
    assert not y[x == 0].astype(F32).any()


@by_norm
@sweep(
    dtype=DTYPES,
    beta=[0.75, 0.6],
    bad=[np.nan, np.inf, -np.inf, 6e4, 3e38],
    layout=["contiguous", "channels-last"],
)
def test_what_is_bad_stays_in_its_window(layout: str, bad: float, beta: float, name: str, dtype: Any) -> None:
    """Every element outside it keeps its bits."""
    x = fill((2, 12, 3, 30), dtype, 6)
    clean = getattr(F, name)(LAYOUTS[layout](x), 4, 0.3, beta)
    with np.errstate(over="ignore"):
        x[1, 5, 1, 13] = x[0, 11, 2, 29] = x[0, 1, 0, 0] = bad
    y, expected = both(name, LAYOUTS[layout](x), 4, 0.3, beta)
    assert_relative(y, expected)
    below, above = (2, 1) if name == "local_response_norm" else (1, 1)
    hit = np.zeros(x.shape, bool)
    for n, c, h, w in ((1, 5, 1, 13), (0, 11, 2, 29), (0, 1, 0, 0)):
        hit[n, max(0, c - above) : c + below + 1, h, w] = True
    assert np.array_equal(y[~hit], clean[~hit])


@by_norm
@sweep(
    dtype=DTYPES,
    shape=[(2, 6, 5, 7), (3, 70, 3, 33), (1, 5, 40, 41), (4, 3, 1, 1), (20, 1, 2, 3)],
)
def test_bits_do_not_depend_on_the_layout(shape: tuple[int, ...], name: str, dtype: Any) -> None:
    x = fill(shape, dtype, 7)
    x[0, 0].flat[0] = 3e4
    for arguments in ((5,), (18, 0.3, 0.6, 0.5)):
        one = getattr(F, name)(x, *arguments)
        for layout in LAYOUTS:
            laid = LAYOUTS[layout](x)
            y = getattr(F, name)(laid, *arguments)
            assert np.array_equal(y, one), layout
            for other in LAID_OUT:
                out = LAYOUTS[other](np.zeros(shape, laid.dtype))
                assert np.array_equal(getattr(F, name)(laid, *arguments, out=out), one), (layout, other)


@by_norm
@sweep(dtype=DTYPES, layout=LAID_OUT)
def test_in_place_and_overlapping(layout: str, name: str, dtype: Any) -> None:
    shape = (3, 20, 6, 37)
    for arguments in ((5,), (4, 0.3, 0.6)):
        x = LAYOUTS[layout](fill(shape, dtype, 8)).copy("K")
        expected = getattr(F, name)(x, *arguments)
        assert getattr(F, name)(x, *arguments, out=x) is x
        assert np.array_equal(x, expected)
    for axis in range(4):
        for step in (1, -1):
            both_ends = LAYOUTS[layout](fill((4, 21, 7, 38), dtype, 9)).copy("K")
            first, second = slice(None, -1), slice(1, None)
            x, out = both_ends.swapaxes(0, axis)[first], both_ends.swapaxes(0, axis)[second]
            x, out = (x, out)[::step]
            x, out = x.swapaxes(0, axis), out.swapaxes(0, axis)
            expected = getattr(F, name)(x.copy("K"), 5)
            getattr(F, name)(x, 5, out=out)
            assert np.array_equal(out, expected)


@by_norm
@sweep(layout=["contiguous", "channels-last", "strided"])
def test_threads(layout: str, name: str) -> None:
    x = LAYOUTS[layout](fill((3, 24, 120, 131), F32, 10))
    x[1, 3, 5, 7] = 1e30
    for beta in (0.75, 0.6):
        with cnorm.threads(1):
            one = getattr(F, name)(x, 5, 0.1, beta)
        for n in (2, 3, 8):
            with cnorm.threads(n):
                assert np.array_equal(getattr(F, name)(x, 5, 0.1, beta), one)


@pytest.mark.parametrize("beta", [float("inf"), float("-inf"), 1e300, -1e300, 1e5])
def test_endless_exponents(beta: float) -> None:
    x = np.array([[0.5, -1.0, 2.0, 0.0]])[:, :, None]
    with np.errstate(all="ignore"):
        base = 1.0 - 0.5 + 0.5 * x**2
        expected = x / base**beta
    y = F.local_response_norm(x, 1, 0.5, beta, 0.5)
    np.testing.assert_allclose(y, np.where(x == 0, 0, expected), rtol=1e-9)


def test_huge_sizes() -> None:
    x = fill((2, 3, 4, 2), F32, 11)
    assert_relative(*both("local_response_norm", x, 10**6, 1e6))
    for size in (10**30, 2**63, 2**62):
        assert np.array_equal(F.local_response_norm(x, size), x)
        assert np.array_equal(F.cross_map_lrn2d(x, size), x)
