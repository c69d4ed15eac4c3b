"""Sums, means and deviations against two passes in long double: dtypes, layouts, masks, weights, NaN."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array
from strategies import Layout, Placed, fill, layouts, seeds, shapes

import cnorm
from cnorm import stats

NAMES = ("sum", "mean", "var", "std")
BOTH = (*NAMES, *(f"nan{name}" for name in NAMES))


@dataclass
class Case:
    """A call and what it is made of."""

    placed: Placed
    axis: Any
    where: Array | None
    weights: Array | None
    ddof: float
    keepdims: bool

    @property
    def x(self) -> Array:
        return self.placed.array

    @property
    def axes(self) -> tuple[int, ...]:
        n = self.x.ndim
        given = range(n) if self.axis is None else np.atleast_1d(self.axis)
        return tuple(int(a) % n for a in given) if n else ()

    def keywords(self, name: str) -> dict[str, Any]:
        more = {"ddof": self.ddof} if name.endswith(("var", "std")) else {}
        return {"where": self.where, "weights": self.weights, "keepdims": self.keepdims, **more}


def axis_of(draw: st.DrawFn, ndim: int) -> Any:
    """None, one, several or none of them, negative ones too."""
    if not ndim:
        return draw(st.sampled_from([None, (), 0, -1]))
    one = st.integers(-ndim, ndim - 1)
    several = st.sets(st.integers(0, ndim - 1)).map(tuple)
    return draw(st.none() | one | several)


def broadcastable(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, or one of the shapes that broadcast to it."""
    sizes = tuple(n if draw(st.booleans()) else 1 for n in shape)
    return sizes[draw(st.integers(0, len(sizes))) :] if draw(st.booleans()) else sizes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    shape = draw(shapes(max_dims=4))
    rng = np.random.default_rng(draw(seeds))
    dtype = draw(st.sampled_from(DTYPES))
    values = fill(shape, dtype, draw(seeds)) + dtype.type(draw(st.sampled_from([0, 0, 3])))
    values = np.asarray(values)
    values[rng.random(shape) < draw(st.sampled_from([0, 0, 0.3, 0.9, 1]))] = np.nan
    values[rng.random(shape) < draw(st.sampled_from([0, 0, 0, 0.1]))] = np.inf
    where = weights = None
    if draw(st.booleans()):
        where = rng.random(broadcastable(draw, shape)) < draw(st.sampled_from([0.2, 0.8, 1]))
    if draw(st.booleans()):
        weights = rng.integers(0, 4, broadcastable(draw, shape)) * draw(st.sampled_from([1, 0.5]))
    return Case(
        Placed(values, draw(layouts(len(shape)))),
        axis_of(draw, len(shape)),
        where,
        weights,
        draw(st.sampled_from([0, 1, 0.5])),
        draw(st.booleans()),
    )


def expected(case: Case, name: str) -> Array:
    """Two passes over what counts."""
    x = np.asarray(case.x).astype(np.longdouble)
    counts = np.broadcast_to(True if case.where is None else case.where, x.shape)
    w = np.broadcast_to(np.longdouble(1) if case.weights is None else case.weights, x.shape)
    counts = counts & (w > 0)
    if name.startswith("nan"):
        counts = counts & ~np.isnan(x)
    w, how = np.where(counts, w, 0), {"axis": case.axes, "keepdims": True}
    with np.errstate(all="ignore"):
        n = w.sum(**how)
        total = np.where(counts, x * w, 0).sum(**how)
        mean = total / n
        left = n - case.ddof
        var = np.where(counts, w * (x - mean) ** 2, 0).sum(**how) / np.maximum(left, 0)
        if name.startswith("nan"):
            var = np.where(left > 0, var, np.nan)
        result = {"sum": total, "mean": mean, "var": var, "std": np.sqrt(var)}[name.removeprefix("nan")]
    return result if case.keepdims else result.squeeze(case.axes)


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


@given(cases(), st.sampled_from(BOTH))
def test_against_two_passes(case: Case, name: str) -> None:
    y = getattr(stats, name)(case.x, case.axis, **case.keywords(name))
    wanted = expected(case, name)
    assert y.shape == wanted.shape
    assert y.dtype == result_dtype(case.x.dtype)
    assert isinstance(y, np.ndarray) == (y.ndim > 0)
    rtol, atol = (1e-12, 1e-13) if y.dtype == np.float64 else (2e-6, 2e-6)
    np.testing.assert_allclose(y, wanted.astype(np.float64), rtol=rtol, atol=atol)
    assert case.placed.unchanged()


@given(cases(), st.sampled_from(BOTH), st.sampled_from(["<f4", "<f8", ">f8", "float16", BFLOAT16]), seeds)
def test_out_and_dtype(case: Case, name: str, dtype: Any, seed: int) -> None:
    """The bits of a new result, where they lie as told; more digits if there is room for them."""
    function, keywords = getattr(stats, name), case.keywords(name)
    plain = function(case.x, case.axis, **keywords)
    dtype = np.dtype(dtype)
    named = function(case.x, case.axis, dtype, **keywords)
    assert named.dtype.newbyteorder("=") == dtype.newbyteorder("=")  # scalars have their own byte order
    out = Placed(fill(plain.shape, plain.dtype, seed).astype(dtype), steps_of(plain.ndim, seed))
    target = out.writable_view(out.base)
    assert function(case.x, case.axis, out=target, **keywords) is target
    assert out.surroundings_intact()
    np.testing.assert_array_equal(np.asarray(target, np.float64), np.asarray(named, np.float64))
    tolerance = 1e-2 if dtype.itemsize == 2 else 1e-6
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(np.asarray(named, np.float64), plain, rtol=tolerance, atol=tolerance)


def steps_of(ndim: int, seed: int) -> Layout:
    rng = np.random.default_rng(seed)
    return Layout(tuple(rng.permutation(ndim)), tuple(rng.choice([-2, 1, 3], ndim)))


@pytest.mark.thorough
def test_many_equal_numbers() -> None:
    """Sums that naive ones lose: exact, as those of moments."""
    ones = np.ones(2**25, np.float32)
    assert stats.nanmean(ones) == stats.mean(ones) == cnorm.moments(ones)[0] == 1
    assert stats.nansum(ones) == stats.sum(ones) == 2**25
    tenths = np.full(2**21, 0.1, np.float32)
    assert stats.mean(tenths) == np.float32(0.1)
    assert stats.std(tenths) == 0


def test_integers_in_floats_have_exact_sums() -> None:
    x = np.random.default_rng(0).integers(-(2**40), 2**40, (100, 7)).astype(np.float64)
    assert np.array_equal(stats.nansum(x, 0), x.astype(np.int64).sum(0))
    weights = np.random.default_rng(1).integers(0, 9, 100)[:, None]
    exact = (x.astype(np.int64) * weights).sum(0)
    np.testing.assert_allclose(stats.sum(x, 0, weights=weights), exact, rtol=1e-13)


def test_far_from_zero() -> None:
    x = np.random.default_rng(0).normal(1e9, 1, 10_000)
    x[::7] = np.nan
    wide = x[~np.isnan(x)].astype(np.longdouble)
    np.testing.assert_allclose(stats.nanvar(x), float(wide.var()), rtol=1e-12)
    assert stats.nanstd(np.full((5, 3), 0.1), 0).tolist() == [0, 0, 0]


def test_the_ends_of_the_range() -> None:
    huge, tiny = np.array([1e308, 1e308, np.nan]), np.array([1e-200, -1e-200])
    assert stats.nanmean(huge) == 1e308
    assert stats.nansum(huge) == np.inf
    np.testing.assert_allclose(stats.std(np.array([1e308, -1e308])), 1e308)
    np.testing.assert_allclose(stats.std(tiny), 1e-200)
    assert stats.var(np.array([1e200, -1e200])) == np.inf
    assert stats.sum(np.array([np.inf, -np.inf, 1])).astype(str) == "nan"
    assert stats.nansum(np.array([np.inf, np.nan, 1])) == np.inf
    assert stats.nanmean(np.array([3e38, 3e38], np.float32)) == np.float32(3e38)


def test_integers_are_numpys() -> None:
    """Their dtypes, and sums that wrap around."""
    full = np.full(3, np.iinfo(np.int64).max)
    assert stats.nansum(full) == full.sum()
    assert stats.sum(np.full(300, 255, np.uint8)).dtype == np.uint64
    assert stats.sum(np.full(300, 200, np.uint8), dtype=np.uint8) == np.uint8(300 * 200 % 256)
    assert stats.sum(np.ones((4, 3), bool), 0, where=np.arange(3) > 0).tolist() == [0, 4, 4]
    assert stats.sum(np.array([1.5, 2.7]), dtype=int) == 3
    assert stats.nansum(np.array([1.5, np.nan]), dtype=int) == 1
    assert stats.nansum(np.array([1.5, np.nan, 2], BFLOAT16), dtype=int) == 3
    assert stats.sum(np.array([1.5, np.nan]), dtype=int).dtype == int
    with pytest.raises(TypeError, match=r"^dtype: expected a complex dtype"):
        stats.sum([1j], dtype=int)
    assert stats.mean(np.array([1, 2], np.int8)).dtype == np.float64
    assert stats.sum([1, 2], weights=[2, 1]) == 4.0


def test_complex_and_long_double() -> None:
    z = np.array([[1 + 2j, np.nan, 3 - 1j], [2j, 4 + 1j, 1]])
    weights = np.array([1, 2, 3])
    shown = np.array([[True, True, False], [True, True, True]])
    for name in BOTH:
        wide = getattr(stats, name)(z.astype(np.clongdouble), 1)
        assert wide.dtype == (np.longdouble if name.endswith(("var", "std")) else np.clongdouble)
        np.testing.assert_allclose(getattr(stats, name)(z, 1), wide)
    np.testing.assert_allclose(stats.nanmean(z, 1, weights=weights), [(10 - 1j) / 4, (11 + 4j) / 6])
    np.testing.assert_allclose(stats.nansum(z, 1, where=shown), [1 + 2j, 5 + 3j])
    x = np.array([1, 3, np.nan], np.longdouble)
    np.testing.assert_allclose(stats.nanvar(x, ddof=1, weights=[1, 2, 1]), np.longdouble(4) / 3, rtol=1e-15)
    assert stats.mean(np.array([1.0, 2.0]), dtype=complex) == 1.5 + 0j
    assert stats.ss(z[1]) == (2j) ** 2 + (4 + 1j) ** 2 + 1


def test_sum_of_squares() -> None:
    x = np.random.default_rng(0).normal(3, 1, (50, 40)).astype(np.float32)
    wide = x.astype(np.longdouble) ** 2
    np.testing.assert_allclose(stats.ss(x), float(wide.sum()), rtol=2e-7)
    np.testing.assert_allclose(stats.ss(x.T, 0), wide.sum(1).astype(float), rtol=2e-7)
    shown = x > 3
    np.testing.assert_allclose(
        stats.ss(x, 0, where=shown), np.where(shown, wide, 0).sum(0).astype(float), rtol=2e-7
    )
    assert stats.ss(np.array([2, -3], np.int8)).dtype == np.int64
    assert stats.ss(np.full(2, 200, np.uint8)) == 80000
    assert np.isnan(stats.ss([1.0, np.nan]))
    assert stats.ss([1.0, -np.inf]) == np.inf
    assert stats.ss(np.array([], np.float16)).dtype == np.float32


@pytest.mark.parametrize("root", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_too_few_elements(root: bool, axis: int | None) -> None:
    """NaN of less than ddof + 1 elements where NaN are left out, as NumPy; else what it divides."""
    x = np.array([[1.0, 2.0, 4.0], [4.0, 5.0, np.nan]])
    for ddof in (0, 1, 2, 3, 6, 7):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours = (stats.nanstd if root else stats.nanvar)(x, axis, ddof=ddof)
            theirs = (np.nanstd if root else np.nanvar)(x, axis, ddof=ddof)
            np.testing.assert_allclose(ours, theirs, rtol=1e-14)
            full = x[:, :2]
            ours = (stats.std if root else stats.var)(full, axis, ddof=ddof)
            theirs = (np.std if root else np.var)(full, axis, ddof=ddof)
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)
