"""Moments of windows against long double, pandas, hard series; bits whatever threads and neighbours."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, Array
from strategies import seeds

import cnorm.stats
from cnorm._check.formulas import divisor

SPECIAL = ("plain", "far", "whole", "flat", "spikes", "infinite", "huge", "tiny")
LENGTHS = (1, 2, 3, 7, 20, 50, 140, 300)
WINDOWS = (1, 2, 3, 5, 10, 15, 16, 31, 32, 60, 127, 128, 129, 200, 256, 290, 400, 2**62)


def series(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Numbers of a kind, and where NaN is."""
    x = rng.normal(0, 1, shape)
    if kind == "far":
        x += 1e8
    elif kind == "whole":
        x = np.round(x * 3)
    elif kind == "flat":
        x = np.repeat(x[::10], 10, 0)[: len(x)]
    elif kind == "spikes":
        x[rng.random(shape) < 0.03] = 1e12
    elif kind == "infinite":
        x[rng.random(shape) < 0.02] = np.inf
        x[rng.random(shape) < 0.02] = -np.inf
    elif kind == "huge":
        x[rng.random(shape) < 0.05] *= 1.5e307
    elif kind == "tiny":
        x *= 1e-100
    return x


def brute(x: Array, window: int, least: int, forward: int, correction: float) -> tuple[Array, Array, Array]:
    """Mean, variance and largest magnitude of each window of one line, each by itself in long double."""
    found = np.full((3, len(x)), np.nan, np.longdouble)
    for i in range(len(x)):
        part = x[max(0, i + forward - window + 1) : max(0, i + forward + 1)].astype(np.longdouble)
        part = part[~np.isnan(part)]
        if len(part) < max(least, 1):
            continue
        with np.errstate(all="ignore"):
            mean = part.sum() / len(part)
            found[0, i], found[2, i] = mean, np.abs(part).max()
            if len(part) > correction:
                found[1, i] = np.square(part - mean).sum() / (len(part) - correction)
    return found[0], found[1], found[2]


def check_line(mean: Array, var: Array, wanted: tuple[Array, Array, Array]) -> None:
    """Means to 1e-14 of the largest magnitude, variances to 1e-12, equal values to variance 0."""
    exact, spread, size = wanted
    assert np.array_equal(np.isnan(mean), np.isnan(exact))
    assert np.array_equal(np.isnan(var), np.isnan(spread))
    digits = 1e-14 if mean.dtype == np.float64 else 1.2e-7
    finite = np.isfinite(exact) & np.isfinite(mean)
    with np.errstate(over="ignore"):
        assert np.array_equal(mean[~finite], exact[~finite].astype(mean.dtype), equal_nan=True)
        assert (np.abs(mean[finite] - exact[finite]) <= digits * size[finite] + 1e-45).all()
        rounded = spread.astype(var.dtype)
    close = np.isfinite(rounded) & np.isfinite(var)
    assert np.array_equal(var[~close], rounded[~close], equal_nan=True)
    tolerance = 1e-12 if var.dtype == np.float64 else 2e-7
    least = np.finfo(var.dtype).tiny
    assert (np.abs(var[close] - spread[close]) <= tolerance * spread[close] + least * 1e-3).all()
    assert not var[spread == 0].any()


LAYOUTS = {
    "contiguous": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "backwards": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "every second": lambda x: np.repeat(np.repeat(x, 2, 0), 3, 1)[::2, ::3],
    "swapped": lambda x: x if x.dtype == BFLOAT16 else x.astype(x.dtype.newbyteorder()),
}


@given(
    data=st.data(),
    seed=seeds,
    kind=st.sampled_from(SPECIAL),
    dtype=st.sampled_from(
        [np.float64, np.float32, np.float16, BFLOAT16, np.int8, np.uint16, np.int64, np.bool_]
    ),
    n=st.sampled_from(LENGTHS),
    lines=st.sampled_from([1, 2, 7, 8, 9, 17]),
    window=st.sampled_from(WINDOWS),
    layout=st.sampled_from(sorted(LAYOUTS)),
    holes=st.sampled_from([0, 0, 0.05, 0.5, 0.95]),
    center=st.booleans(),
    correction=st.sampled_from([0, 1, 2, 0.5]),
    axis=st.sampled_from([0, 1, -1]),
)
def test_against_long_double(
    data: Any, seed: int, kind: str, dtype: Any, n: int, lines: int, window: int, layout: str, holes: float,
    center: bool, correction: float, axis: int,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    x = series(kind, (n, lines), rng)
    x[rng.random(x.shape) < holes] = np.nan
    if np.dtype(dtype).kind in "iub":
        x = np.nan_to_num(x, posinf=3, neginf=2).clip(0, 100)
    with np.errstate(over="ignore"):
        x = x.astype(dtype)
    least = data.draw(st.one_of(st.none(), st.integers(0, min(window, 400))))
    laid = LAYOUTS[layout](x if axis == 0 else x.T)
    before = laid.copy()
    mean, var = cnorm.rolling_moments(
        laid, window, axis=axis, min_count=least, center=center, correction=correction
    )
    assert np.array_equal(laid.astype(np.float64), before.astype(np.float64), equal_nan=True)
    assert mean.shape == var.shape == laid.shape
    narrow = x.dtype.kind not in "iub" and x.dtype.itemsize < 8
    assert mean.dtype == var.dtype == (np.float32 if narrow else np.float64)
    if axis:
        mean, var = mean.T, var.T
    for j in range(lines):
        wanted = brute(x[:, j].astype(np.float64), window, window if least is None else least,
                       (window - 1) // 2 if center else 0, correction)  # fmt: skip
        check_line(mean[:, j], var[:, j], wanted)


HARD = {
    "a spike that leaves": lambda t, e: np.where(t == 500, 1e12, e),
    "a cliff": lambda t, e: np.sin(t) + np.where(t < 900, 1e9, 0),
    "far from 0": lambda t, e: e + 1e8,
    "noise, then flat": lambda t, e: np.where(t < 900, e * 1e6, 0.1),
    "steps": lambda t, e: np.floor(t / 100) * 1e7 + e,
    "tiny": lambda t, e: e * 1e-100,
    "infinities that leave": lambda t, e: np.where((t == 400) | (t == 407), np.inf, e),
    "holes beside blocks": lambda t, e: np.where((t % 64 == 0) | (t % 100 > 90), np.nan, e),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("window", [2, 10, 64, 100, 128, 700])
def test_hard_series(name: str, window: int) -> None:
    """Nothing that left a window has a trace in it."""
    t = np.arange(2000.0)
    x = HARD[name](t, np.random.default_rng(0).normal(0, 1, t.size))
    mean, var = cnorm.rolling_moments(x, window, min_count=2, correction=1)
    check_line(mean, var, brute(x, window, 2, 0, 1))


def test_flat_windows_have_no_spread() -> None:
    x = np.repeat(np.random.default_rng(1).normal(0, 1e8, 50), 40)
    x[::7] = np.nan
    for window in (2, 5, 40):
        flat = np.array(
            [
                np.unique(w[~np.isnan(w)]).size == 1
                for w in np.lib.stride_tricks.sliding_window_view(x, window)
            ]
        )
        mean, var = cnorm.rolling_moments(x, window, min_count=1)
        assert not var[window - 1 :][flat].any()
        shown = flat & ~np.isnan(x[window - 1 :])
        assert np.array_equal(mean[window - 1 :][shown], x[window - 1 :][shown])


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("least", [None, 0, 1, 3])
def test_against_pandas(center: bool, least: int | None) -> None:
    pd = pytest.importorskip("pandas")
    x = np.random.default_rng(2).normal(3, 1, (300, 4))
    x[np.random.default_rng(3).random(x.shape) < 0.2] = np.nan
    for window in (3, 4, 50, 299, 1000):
        rolling = pd.DataFrame(x).rolling(window, min_periods=least, center=center)
        mean, var = cnorm.rolling_moments(x, window, axis=0, min_count=least, center=center, correction=1)
        np.testing.assert_allclose(mean, rolling.mean(), rtol=1e-12)
        np.testing.assert_allclose(var, rolling.var(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, BFLOAT16], ids=str)
def test_standardize(dtype: Any) -> None:
    x = np.random.default_rng(4).normal(5, 2, (60, 11)).astype(dtype)
    x[7, 3] = np.nan
    weight, bias = np.linspace(1, 2, 11, dtype=np.float32), np.float32(0.5)
    for axis, window, center in ((0, 9, True), (1, 4, False), (0, 100, True)):
        mean, var = cnorm.rolling_moments(x.astype(np.float64), window, axis=axis, min_count=2, center=center)
        wanted = (x.astype(np.float64) - mean) / np.sqrt(var + 1e-3) * weight + bias
        y = cnorm.rolling_standardize(x, window, weight, bias, 1e-3, axis=axis, min_count=2, center=center)
        assert y.dtype == x.dtype
        tolerance = {2: 2e-2, 4: 2e-6, 8: 1e-13}[x.dtype.itemsize]
        np.testing.assert_allclose(y.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)
        inplace = x.copy()
        assert (
            cnorm.rolling_standardize(
                inplace, window, weight, bias, 1e-3, axis=axis, min_count=2, center=center, out=inplace
            )
            is inplace
        )
        assert inplace.tobytes() == y.tobytes()
    assert not cnorm.rolling_standardize(np.full(9, 0.1, dtype), 3, eps=0)[2:].any()


@pytest.mark.parametrize("mode", ["inside", "outside", "max"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, BFLOAT16], ids=str)
def test_standardize_by_eps_mode(dtype: Any, mode: str) -> None:
    x = np.random.default_rng(11).normal(5, 2, (50, 3)).astype(dtype)
    x[20:30] = 1
    for eps in (1e-3, 3.0, 0.0):
        mean, var = cnorm.rolling_moments(x.astype(np.float64), 4, axis=0)
        with np.errstate(all="ignore"):
            y = (x.astype(np.float64) - mean) / divisor(var, eps, mode)
        wanted = np.where((var == 0) & (eps == 0), 0, y)
        found = cnorm.rolling_standardize(x, 4, eps=eps, axis=0, eps_mode=mode)
        assert found.dtype == x.dtype
        tolerance = {2: 2e-2, 4: 2e-6, 8: 1e-12}[x.dtype.itemsize]
        np.testing.assert_allclose(found.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("large", [np.inf, 1e308])
@pytest.mark.parametrize("eps", [1e-5, 1.0])
def test_scores_beside_an_infinity(large: float, eps: float) -> None:
    """Where something is infinite, or its differences may be, all is done in another unit, eps as well."""
    x = np.random.default_rng(4).normal(0, 0.01, (40, 300))
    wanted = cnorm.rolling_standardize(x, 7, eps=eps)
    x[3, 100], x[3, 101] = large, -large
    found = cnorm.rolling_standardize(x, 7, eps=eps)
    others = np.ones(x.shape, bool)
    others[3, 100:108] = False
    np.testing.assert_allclose(found[others], wanted[others], rtol=1e-13)


@pytest.mark.parametrize("adjust", [True, False])
@given(
    seed=seeds,
    dtype=st.sampled_from([np.float64, np.float32, np.int32]),
    holes=st.sampled_from([0, 0.3, 0.9]),
    least=st.integers(0, 4),
    lines=st.sampled_from([1, 3, 8, 11]),
    n=st.sampled_from([1, 2, 30, 129, 300]),
)
def test_exponential(
    adjust: bool, seed: int, dtype: Any, holes: float, least: int, lines: int, n: int
) -> None:
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(seed)
    x = rng.normal(2, 3, (n, lines))
    x[rng.random(x.shape) < holes] = np.nan
    x[rng.random(x.shape) < holes / 20] = np.inf
    if dtype == np.int32:
        x = np.nan_to_num(x, posinf=1)
    x = x.astype(dtype)
    alpha = float(rng.uniform(0.01, 1))
    for axis in (0, 1):
        ewm = pd.DataFrame(x).ewm(alpha=alpha, adjust=adjust, min_periods=least)
        mean, var = cnorm.ewm_moments(
            x if axis == 0 else x.T, alpha=alpha, axis=axis, adjust=adjust, min_count=least
        )
        if axis:
            mean, var = mean.T, var.T
        tolerance = 1e-11 if mean.dtype == np.float64 else 1e-6
        np.testing.assert_allclose(mean, ewm.mean(), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(var, ewm.var(bias=True), rtol=tolerance, atol=tolerance * 10)


def test_exponential_far_from_zero() -> None:
    """Mean/std 1e8 costs no digit."""
    e = np.random.default_rng(6).integers(-1000, 1000, 5000) / 1024
    near, far = (cnorm.ewm_moments(e + base, halflife=20) for base in (0, 1e8))
    np.testing.assert_allclose(far[0] - 1e8, near[0], atol=2e-8)
    np.testing.assert_allclose(far[1], near[1], rtol=1e-11)
    life = cnorm.ewm_moments(e, alpha=1 - 0.5 ** (1 / 20))
    np.testing.assert_allclose(life[1], near[1], rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("shape", [(900_000,), (3, 300_000), (40_000, 21), (21, 40_000)], ids=str)
def test_threads_and_neighbours_change_no_bit(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(7).normal(0, 1, shape)
    holes = np.where(np.random.default_rng(8).random(shape) < 0.001, np.nan, x)
    for a in (x, holes):
        for axis in range(x.ndim):
            for window in (3, 100, 5000):
                with cnorm.threads(1):
                    one = cnorm.rolling_moments(a, window, axis=axis, min_count=1)
                for count in (2, 3):
                    with cnorm.threads(count):
                        many = cnorm.rolling_moments(a, window, axis=axis, min_count=1)
                    assert all(p.tobytes() == q.tobytes() for p, q in zip(one, many, strict=True))
    if len(shape) == 2:  # a line alone, or beside one that has holes
        with cnorm.threads(1):
            for axis in (0, 1):
                whole = cnorm.rolling_moments(holes, 100, axis=axis)[1]
                for i in (0, 5, 20):
                    alone = cnorm.rolling_moments(np.take(holes, i % holes.shape[1 - axis], 1 - axis), 100)[1]
                    assert (
                        alone.tobytes()
                        == np.ascontiguousarray(np.take(whole, i % holes.shape[1 - axis], 1 - axis)).tobytes()
                    )


@pytest.mark.parametrize("shape", [(700, 139), (16_000, 139), (300, 8), (300, 130)], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_columns_have_the_bits_of_lines(shape: tuple[int, int], dtype: Any) -> None:
    """Columns are read row by row, and results go past the cache where there are many: (16000, 139)."""
    x = (np.random.default_rng(10).normal(0, 100, shape)).astype(dtype)
    for window in (3, 128, 129, 290):
        columns = cnorm.rolling_moments(x, window, axis=0, min_count=1)
        lines = cnorm.rolling_moments(np.ascontiguousarray(x.T), window, min_count=1)
        assert all(np.array_equal(a, b.T) for a, b in zip(columns, lines, strict=True))
        part = np.full((shape[0], shape[1] + 3), 7, x.dtype)[:, 2:-1]
        part[...] = x
        again = cnorm.rolling_moments(part, window, axis=0, min_count=1)
        assert all(np.array_equal(a, b) for a, b in zip(columns, again, strict=True))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 9, 16])
def test_short_lines_have_the_bits_of_single_ones(n: int, dtype: Any) -> None:
    """Many share a strip, and two a vector; lines alone do not."""
    rng = np.random.default_rng(11)
    table = np.full((301, n + 2), 7, dtype)
    for x in (np.empty((301, n), dtype), table[:, 1 : n + 1], table[::-1, 1 : n + 1]):
        x[...] = rng.normal(0, 100, x.shape)
        if x.dtype.kind == "f":
            x[rng.random(x.shape) < 0.05] = np.nan
        for window, least in ((1, 1), (min(n, 3), 1), (n, n)):
            many = cnorm.rolling_moments(x, window, min_count=least)
            decayed = cnorm.ewm_moments(x, alpha=0.3)
            for i in (0, 1, 7, 8, 63, 299, 300):
                one = cnorm.rolling_moments(x[i], window, min_count=least)
                assert all(np.array_equal(a[i], b, True) for a, b in zip(many, one, strict=True))
                one = cnorm.ewm_moments(x[i], alpha=0.3)
                assert all(np.array_equal(a[i], b, True) for a, b in zip(decayed, one, strict=True))
    assert (table[:, [0, n + 1]] == 7).all()


def test_lines_of_one_element_hold_too_few() -> None:
    """Beside others along another axis, which are taken as windows of one."""
    for shape in ((1, 20), (1, 1), (1, 4, 6)):
        mean, var = cnorm.rolling_moments(np.ones(shape), 3, axis=0)
        assert np.isnan(mean).all()
        assert np.isnan(var).all()
        assert (cnorm.rolling_moments(np.ones(shape), 3, axis=0, min_count=1)[0] == 1).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(40, 3), (40, 300), (2, 700)], ids=str)
def test_standardize_in_place_and_beside_parameters(shape: tuple[int, int], dtype: Any) -> None:
    """The same bits, wherever they go, and with factors of 1."""
    x = np.random.default_rng(12).normal(3, 1, shape).astype(dtype)
    for window in (2, 3, 200):
        for center in (False, True):
            y = cnorm.rolling_standardize(x, window, center=center, min_count=1)
            there, apart = x.copy(), np.zeros((shape[0], 2 * shape[1]), dtype)[:, ::2]
            for out in (there, apart):
                cnorm.rolling_standardize(there, window, center=center, min_count=1, out=out)
                assert np.array_equal(out, y)
                there[...] = x
            ones = np.ones(shape[1], dtype)
            z = cnorm.rolling_standardize(x, window, ones, 0 * ones, center=center, min_count=1)
            assert np.array_equal(y, z)


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16, np.float32, np.float64], ids=str)
def test_layouts(dtype: Any) -> None:
    """x and out in any order of their axes, with gaps, backwards, broadcast, misaligned: the same bits."""
    plain = np.random.default_rng(13).normal(3, 1, (4, 6, 8)).astype(np.float32).astype(dtype)
    orders = [plain.transpose(order) for order in itertools.permutations(range(3))]
    others = [plain[::-1, :, ::-1], plain[..., ::2], plain[::2], plain[:, :1]]
    others.append(np.broadcast_to(plain[:1], plain.shape))
    for x in (*orders, *others):
        outs = [np.empty(x.shape, dtype, order) for order in "CF"]
        outs.append(np.empty((*x.shape[:-1], 2 * x.shape[-1]), dtype)[..., ::2])
        outs.append(np.empty(x.nbytes + 1, np.uint8)[1:].view(dtype).reshape(x.shape))
        side_by_side = np.ascontiguousarray(x)
        for axis in range(3):
            window = min(3, x.shape[axis])
            wanted = cnorm.rolling_standardize(side_by_side, window, axis=axis, min_count=1)
            for out in (None, *outs):
                found = cnorm.rolling_standardize(x, window, axis=axis, min_count=1, out=out)
                assert np.array_equal(found, wanted)
            wanted = cnorm.stats.move_mean(side_by_side, window, axis=axis, min_count=1)
            assert np.array_equal(cnorm.stats.move_mean(x, window, axis=axis, min_count=1), wanted)


def test_shapes() -> None:
    for shape, axis in (((0,), 0), ((0, 3), 0), ((3, 0), 0), ((2, 0, 4), 1)):
        for result in (
            *cnorm.rolling_moments(np.ones(shape), 2, axis=axis),
            *cnorm.ewm_moments(np.ones(shape), alpha=0.5),
        ):
            assert result.shape == shape
        assert cnorm.rolling_standardize(np.ones(shape), 2, axis=axis).shape == shape
    x = np.random.default_rng(9).normal(0, 1, (3, 4, 50, 2))
    mean, var = cnorm.rolling_moments(x, 7, axis=2, min_count=1)
    for i in np.ndindex(3, 4):
        for k in range(2):
            line = cnorm.rolling_moments(x[(*i, slice(None), k)], 7, min_count=1)
            assert np.array_equal(mean[(*i, slice(None), k)], line[0])
            assert np.array_equal(var[(*i, slice(None), k)], line[1])
    fixed = np.broadcast_to(np.arange(5.0), (9, 5))
    assert cnorm.rolling_moments(fixed, 3, axis=0)[0][2:].tolist() == fixed[2:].tolist()


def test_refused() -> None:
    x = np.ones((3, 4))
    for call in (cnorm.rolling_moments, cnorm.rolling_standardize):
        for window in (0, -1):
            with pytest.raises(ValueError, match=r"^window: expected a positive number"):
                call(x, window)
        for window in (2.0, "2", None, True):
            with pytest.raises(TypeError, match=r"^window: expected an int"):
                call(x, window)
        for least in (-1, 4):
            with pytest.raises(ValueError, match=r"^min_count: expected 0 to window = 3"):
                call(x, 3, min_count=least)
        with pytest.raises(TypeError, match=r"^min_count: expected an int"):
            call(x, 3, min_count=1.5)
        for axis in (2, -3):
            with pytest.raises(ValueError, match=r"^axis: expected an axis of a 2-dimensional array"):
                call(x, 3, axis=axis)
        with pytest.raises(TypeError, match=r"^axis: expected an int"):
            call(x, 3, axis=None)
        with pytest.raises(ValueError, match=r"^x: expected at least 1 dimension"):
            call(np.float64(3), 1)
        with pytest.raises(TypeError, match=r"^x: expected"):
            call(x + 1j, 1)
    with pytest.raises(TypeError, match=r"^x: expected a float dtype"):
        cnorm.rolling_standardize([1, 2], 1)
    with pytest.raises(ValueError, match=r"^eps: expected no negative"):
        cnorm.rolling_standardize(x, 1, eps=-1)
    with pytest.raises(ValueError, match=r"^weight: expected a shape that broadcasts"):
        cnorm.rolling_standardize(x, 1, np.ones(3))
    with pytest.raises(ValueError, match=r"^out: expected shape"):
        cnorm.rolling_standardize(x, 1, out=np.ones(3))
    for bad in (
        {},
        {"alpha": 0.5, "halflife": 1},
        {"alpha": 0},
        {"alpha": 1.5},
        {"halflife": 0},
        {"alpha": 0.5, "min_count": -1},
    ):
        with pytest.raises(ValueError, match=r"^(alpha|halflife|min_count): expected"):
            cnorm.ewm_moments(x, **bad)
    with pytest.raises(TypeError, match=r"^alpha: expected a number"):
        cnorm.ewm_moments(x, alpha="1")
