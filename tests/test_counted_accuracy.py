"""Moments, sums and extremes of what counts, against longdouble: holes, masks, weights, sizes of data."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array
from strategies import examples, seeds
from sweep import sweep

import cnorm
from cnorm import stats
from cnorm._stats import reductions

SIZES = ((17, 5), (33, 130), (700, 3), (3000, 20), (5, 4500))
AXES = ((0,), (1,), (0, 1))


def levels(dtype: np.dtype[Any]) -> list[tuple[float, float]]:
    """Means and deviations: plain, far from 0, and at the ends of the range."""
    far = [(0, 1), ({2: 100.0, 4: 1e6, 8: 1e8}[dtype.itemsize], 1)]
    if dtype.itemsize == 2:
        return far
    ends = (1e30, 1e36, 1e-30, 1e-38, 1e-43) if dtype.itemsize == 4 else (1e150, 1e200, 1e300, 1e-200, 1e-310)
    return far + [(0, s) for s in ends] + [(3 * s, s) for s in ends[:1]]


def weights_of(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    plain = rng.random(shape)
    if kind == "whole":
        return np.asarray(rng.integers(0, 5, shape))
    if kind == "mixed":
        return np.asarray(plain * 10.0 ** rng.integers(-6, 7, shape))
    sizes = {"fractions": 1, "tiny": 1e-300, "huge": 1e280, "float32": 1}
    return np.asarray((plain * sizes[kind]).astype(np.float32 if kind == "float32" else np.float64))


def wanted(x: Array, w: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array, Array]:
    """Weight, mean, variance and the sum of magnitudes; NaN of nothing, and of infinities."""
    shown = w > 0
    v = np.where(shown, x, 0).astype(np.longdouble)
    with np.errstate(all="ignore"):
        total = w.sum(axes, keepdims=True)
        mean = (w * v).sum(axes, keepdims=True) / total
        var = (w * np.where(shown, v - mean, 0) ** 2).sum(axes, keepdims=True) / total
        return total, mean, var, np.abs(w * v).sum(axes, keepdims=True)


def assert_near(got: Any, true: Array, size: Array) -> None:
    """Within 1e-6 (1e-12 of doubles) of size; infinite where the dtype ends; NaN and inf as they are."""
    got = np.asarray(got)
    end, least = np.finfo(got.dtype).max, np.finfo(got.dtype).smallest_subnormal
    bound = 1e-12 if got.dtype == np.float64 else 1e-6
    with np.errstate(all="ignore"):
        error = np.abs(got.astype(np.longdouble) - true)
        good = (error <= bound * size + 4 * np.longdouble(least)) | (got == true)
        good |= np.isnan(true) & np.isnan(got)
        good |= (np.abs(true) >= end * np.longdouble(1 - 1e-6)) & (np.abs(got) >= end * 0.999)
    assert good.all(), (got[~good][:3], true[~good][:3])


def check(x: Array, axes: tuple[int, ...], mask: Array | None, w: Array | None) -> None:
    wide = x.astype(np.float64).astype(np.longdouble)
    counts = np.broadcast_to(np.longdouble(1) if w is None else w.astype(np.longdouble), x.shape)
    counts = np.where(np.isnan(wide) | (False if mask is None else ~mask), 0, counts)
    _, mean, var, magnitude = wanted(wide, counts, axes)
    with np.errstate(all="raise"):
        got = cnorm.moments(x, axes, keepdims=True, where=mask, weights=w, nan_policy="omit")
    with np.errstate(all="ignore"):
        spread = np.maximum(np.abs(mean), np.sqrt(var))
        noise = 1e-18 * mean**2  # of equal numbers longdouble finds some spread
    assert_near(got[0], mean, spread)
    assert_near(got[1], var, var + noise / (1e-12 if x.dtype == np.float64 else 1e-6) * 1e-12)
    with np.errstate(all="ignore"):
        true = np.where(counts > 0, counts * np.where(counts > 0, wide, 0), 0).sum(axes, keepdims=True)
        more = {} if w is None else {"weights": w}
        total = stats.nansum(x, axes, keepdims=True, where=True if mask is None else mask, **more)
        if np.isfinite(magnitude).all() and (magnitude < np.finfo(total.dtype).max).all():
            assert_near(total, true, magnitude)


@examples(150)
@given(data=st.data(), seed=seeds)
def test_holes_masks_weights(data: st.DataObject, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dtype = data.draw(st.sampled_from(DTYPES))
    shape, axes = data.draw(st.sampled_from(SIZES)), data.draw(st.sampled_from(AXES))
    mean, std = data.draw(st.sampled_from(levels(dtype)))
    with np.errstate(all="ignore"):
        x = (mean + std * rng.standard_normal(shape)).astype(dtype)
    if data.draw(st.booleans()):
        x[rng.random(shape) < rng.random()] = np.nan
    if data.draw(st.sampled_from((False, False, True))):
        x.reshape(-1)[rng.integers(x.size, size=2)] = rng.choice([np.inf, -np.inf], 2)
    sides = st.sampled_from([shape, (shape[0], 1), (1, shape[1]), (1, 1)])
    mask = rng.random(data.draw(sides)) < 0.7 if data.draw(st.booleans()) else None
    kind = data.draw(st.sampled_from((None, "whole", "fractions", "tiny", "huge", "mixed", "float32")))
    check(x, axes, mask, None if kind is None else weights_of(kind, data.draw(sides), rng))


@sweep(dtype=DTYPES, size=[1e-300, 1e-100, 1, 1e100, 1e280])
def test_weights_of_any_size(dtype: np.dtype[Any], size: float) -> None:
    """Moments do not depend on it, counts and sums are as large."""
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((300, 7)), rng.random((300, 7)) + 0.5
    x = x.astype(dtype)
    one = reductions.as_weights(np.ldexp(w, 40), x)
    other = reductions.as_weights(np.ldexp(w, round(np.log2(size))), x)
    a, b = reductions.sums_of(x, (0,), weights=one), reductions.sums_of(x, (0,), weights=other)
    back = 40 - round(np.log2(size))
    assert np.array_equal(a[..., :2], np.ldexp(b[..., :2], back))
    plain = cnorm.moments(x, 0, weights=w)
    for got, as_plain in zip(cnorm.moments(x, 0, weights=other.values), plain, strict=True):
        assert np.array_equal(got, as_plain)


def test_groups_of_their_own_size() -> None:
    """Weights of columns that no float holds side by side."""
    x = np.random.default_rng(2).standard_normal((50, 4)).astype(np.float32)
    w = np.random.default_rng(3).random((50, 4)) * [1e-300, 1, 1e-100, 1e200]
    for array, weights, axis in ((x, w, 0), (x.T.copy(), w.T.copy(), 1)):
        check(array, (axis,), None, weights)


INTEGERS = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.bool_)


@sweep(dtype=INTEGERS, layout=["rows", "columns", "narrow", "all", "strided"])
def test_integers(dtype: Any, layout: str) -> None:
    """Against integers of Python."""
    rng = np.random.default_rng(4)
    info = None if dtype == np.bool_ else np.iinfo(dtype)
    low, high = (0, 1) if info is None else (max(info.min, -(2**52)), min(info.max, 2**52))
    shape = {"rows": (3, 5000), "columns": (300, 20), "narrow": (11_000, 2)}.get(layout, (40, 61))
    x = rng.integers(low, high, shape, endpoint=True).astype(dtype)
    x, axis = (x[::-2, ::3], 0) if layout == "strided" else (x, {"rows": 1, "all": None}.get(layout, 0))
    groups = [x.ravel()] if axis is None else list(x if axis == 1 else x.T)
    mask = rng.random(x.shape) < 0.7
    shown = [mask.ravel()] if axis is None else list(mask if axis == 1 else mask.T)
    for where, of in ((None, groups), (mask, [g[m] for g, m in zip(groups, shown, strict=True)])):
        mean, var = (np.atleast_1d(a) for a in cnorm.moments(x, axis, where=where))
        least = reductions.extremes_of(x, (0, 1) if axis is None else (axis,), where).reshape(-1, 5)
        for i, group in enumerate(of):
            numbers = [int(v) for v in group]
            n, total = len(numbers), sum(numbers)
            true, spread = Fraction(total, n), Fraction(n * sum(v * v for v in numbers) - total**2, n * n)
            assert abs(Fraction(float(mean[i])) - true) <= Fraction(4e-16) * max(map(abs, numbers))
            assert abs(Fraction(float(var[i])) - spread) <= spread / 10**12
            assert least[i, :4].tolist() == [n, min(numbers), max(numbers), 0]


@sweep(dtype=[*DTYPES, np.dtype(np.int8)], way=["omit", "mask", "weights"])
def test_nothing_counts(dtype: np.dtype[Any], way: str) -> None:
    for shape, axis in (((4, 0), 1), ((0, 3), 0), ((3, 40), 1), ((40, 3), 0), ((), None), ((6, 5000), 1)):
        x = np.zeros(shape, dtype) if dtype.kind == "i" else np.full(shape, np.nan, dtype)
        if way == "omit" and dtype.kind == "i":
            continue
        how: dict[str, Any] = {"nan_policy": "omit"} if way == "omit" else {"where": False}
        mean, var = cnorm.moments(x, axis, **({"weights": 0} if way == "weights" else how))
        assert np.isnan(mean).all()
        assert np.isnan(var).all()
        assert np.shape(mean) == tuple(n for i, n in enumerate(shape) if axis is not None and i != axis)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, BFLOAT16], ids=str)
def test_light_weights_of_infinities(dtype: Any) -> None:
    """What has any weight counts: an infinity, or NaN, shows however light it is."""
    for n in (2, 40, 300):
        for bad in (np.inf, np.nan):
            x, w = np.ones((n, 2), dtype), np.ones((n, 2))
            x[n // 2, 0], w[n // 2, 0] = bad, 1e-300
            for a, b, axis in ((x, w, 0), (x.T.copy(), w.T.copy(), 1)):
                mean, _ = cnorm.moments(a, axis, weights=b)
                assert np.array_equal(mean, [bad, 1], equal_nan=True), (n, bad, axis)
