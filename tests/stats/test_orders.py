"""Extremes, where they are, and counts of NaN, against NumPy and against loops."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory import peak_of
from reference import Array
from test_sums import Case, cases, result_dtype

from cnorm import stats

EXTREMES = ("min", "max", "ptp", "nanmin", "nanmax", "nanptp")
ARGUMENTS = ("argmin", "argmax", "nanargmin", "nanargmax")


def counting(case: Case) -> Array:
    return np.broadcast_to(True if case.where is None else case.where, case.x.shape)


def expected(case: Case, name: str) -> Array:
    """What is hidden, or NaN and omitted, leaves its place to NaN, which fmin and fmax pass over."""
    x = np.asarray(case.x).astype(np.float64)
    shown = counting(case)
    seen = np.where(shown, x, np.nan)
    low, high = (f.reduce(seen, case.axes, keepdims=True) for f in (np.fmin, np.fmax))
    lost = (np.isnan(x) & shown).any(case.axes, keepdims=True)
    with np.errstate(all="ignore"):
        result = {"min": low, "max": high, "ptp": high - low}[name.removeprefix("nan")]
    result = result if name.startswith("nan") else np.where(lost, np.nan, result)
    return result if case.keepdims else result.squeeze(case.axes)


@given(cases(), st.sampled_from(EXTREMES))
def test_extremes(case: Case, name: str) -> None:
    function = getattr(stats, name)
    if any(case.x.shape[a] == 0 for a in case.axes):
        with pytest.raises(ValueError, match=r"^a: zero-size array to reduction operation"):
            function(case.x, case.axis, where=case.where)
        return
    y = function(case.x, case.axis, None, case.keepdims, where=case.where)
    wanted = expected(case, name).astype(result_dtype(case.x.dtype))
    assert y.dtype == wanted.dtype
    assert y.shape == wanted.shape
    np.testing.assert_array_equal(y, wanted)
    out = np.zeros(y.shape)
    assert function(case.x, case.axis, out, case.keepdims, where=case.where) is out
    np.testing.assert_allclose(out, y, rtol=1e-6)
    assert case.placed.unchanged()


def first(row: Array, shown: Array, name: str) -> int:
    """By a loop; -1 if there is nothing."""
    best = -1
    for i, value in enumerate(row):
        if not shown[i] or (np.isnan(value) and name.startswith("nan")):
            continue
        if np.isnan(value):
            return i
        if best < 0 or (value < row[best] if name.endswith("min") else value > row[best]):
            best = i
    return best


@given(cases(), st.sampled_from(ARGUMENTS))
def test_arguments(case: Case, name: str) -> None:
    axis = case.axis if case.axis is None or isinstance(case.axis, int) else None
    function, x = getattr(stats, name), np.asarray(case.x).astype(np.float64).round()
    along = axis if x.ndim else None
    rows, shown = (
        v.reshape(1, -1) if along is None else np.moveaxis(v, along, -1) for v in (x, counting(case))
    )
    shape = rows.shape[:-1]
    wanted = [first(rows[i], shown[i], name) for i in np.ndindex(shape)]
    if rows.shape[-1] == 0 or -1 in wanted:
        with pytest.raises(
            ValueError, match=r"of an empty sequence|All-NaN slice|where: expected an element"
        ):
            function(x, axis, where=case.where)
        return
    y = function(x, axis, keepdims=case.keepdims, where=case.where)
    assert np.ravel(y).tolist() == wanted
    assert y.dtype == np.intp
    assert y.ndim == (x.ndim if case.keepdims else 0 if axis is None else max(x.ndim - 1, 0))


@given(cases())
def test_counts(case: Case) -> None:
    x, shown = np.asarray(case.x).astype(np.float64), counting(case)
    how = {"axis": case.axis, "keepdims": case.keepdims, "where": case.where}
    reduced: dict[str, Any] = {"axis": case.axes, "keepdims": case.keepdims}
    number = (~np.isnan(x) & shown).sum(**reduced)
    for function, wanted in (
        (stats.count, number),
        (stats.anynan, (np.isnan(x) & shown).any(**reduced)),
        (stats.allnan, number == 0),
    ):
        y = function(case.x, **how)
        assert np.array_equal(y, wanted)
        assert y.dtype == (np.intp if function is stats.count else np.bool_)
        out = np.zeros(np.shape(y), y.dtype)
        assert function(case.x, out=out, **how) is out
        assert np.array_equal(out, wanted)
    assert case.placed.unchanged()


@pytest.mark.parametrize("dtype", "?bBhHiIlLqQfdgFD")
def test_equal_to_numpy(dtype: str) -> None:
    """Values, dtypes, types and refusals of every function NumPy has."""
    names = [n for n in stats.__all__ if hasattr(np, n)]
    rng = np.random.default_rng(0)
    for shape in ((), (1,), (3, 4), (2, 3, 4), (0,), (0, 3), (0, 0)):
        x = np.array((rng.normal(size=shape) * 10).astype(dtype))
        if x.dtype.kind in "fc":
            x[rng.random(shape) < 0.2] = np.nan
        for axis in (None, *range(len(shape)), (), (0, 1)[: len(shape)]):
            for name in names:
                if not ("arg" in name and isinstance(axis, tuple)):
                    compare(name, x, axis)


def compare(name: str, x: Array, axis: Any) -> None:
    """With NumPy, which may warn where ours does not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = getattr(np, name)(x, axis)
    except (ValueError, TypeError) as error:
        with pytest.raises(type(error)):
            getattr(stats, name)(x, axis)
        return
    y = getattr(stats, name)(x, axis)
    assert type(y) is type(wanted), (name, x, axis)
    assert y.dtype == wanted.dtype
    np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-6, err_msg=f"{name} {x!r} {axis}")


def test_large_integers() -> None:
    x = np.array([2**63 - 1, 2**63 - 2, 2**62 + 1], np.int64)
    assert stats.max(x) == stats.nanmax(x) == 2**63 - 1
    assert stats.min(x) == 2**62 + 1
    assert stats.nanargmax(x, where=[False, True, True]) == 1
    assert stats.max(x, where=[False, True, True]) == 2**63 - 2
    assert stats.ptp(x.astype(np.uint64), where=[True, True, False]) == 1
    with pytest.raises(ValueError, match=r"^where: expected an element in each group"):
        stats.min(x, where=False)


@pytest.mark.parametrize("name", EXTREMES)
def test_of_no_groups_a_mask_hides_none(name: str) -> None:
    for dtype in (np.uint8, np.int64, np.float64):
        found = getattr(stats, name)(np.zeros((2, 3, 0), dtype), 1, where=np.zeros((2, 3, 1), np.bool_))
        assert found.shape == (2, 0)
        assert found.dtype == dtype


def test_first_among_equals_and_infinities() -> None:
    """An infinity is no NaN, wherever NaN stand."""
    nan, inf = np.nan, np.inf
    assert stats.nanargmin([nan, inf]) == 1
    assert stats.nanargmax([nan, -inf, nan, -inf]) == 1
    assert stats.nanargmin([nan, 2, 1, 1]) == 2
    assert stats.argmin([2, nan, 1, nan]) == 1
    assert stats.nanargmax(np.array([[nan, 1 + 1j], [2j, nan]]), 1).tolist() == [1, 0]
    assert stats.nanargmin(np.array([[[-0.0, 0.0], [nan, 3]]]), 2).tolist() == [[0, 1]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 300, 4096, 9000])
@pytest.mark.parametrize("axis", [0, 1])
def test_ends_at_every_place(dtype: Any, n: int, axis: int) -> None:
    """One end alone and both, of infinities, of NaN, of both, of NaN in the first and in the last vector."""
    rng = np.random.default_rng(n)
    x = rng.integers(-50, 50, (20, n)).astype(dtype)
    x[0], x[1], x[2] = np.inf, -np.inf, np.nan
    x[3, : n // 2], x[3, n // 2 :] = np.nan, -np.inf
    x[4, n // 2 :], x[4, : n // 2] = np.nan, np.inf
    x[5] = np.where(np.arange(n) % 2, -np.inf, np.inf)
    for i, at in enumerate((0, 1, n // 2, n - 2, n - 1)):
        x[6 + i, at], x[11 + i, at] = np.nan, 60 * (-1) ** i
    x = np.ascontiguousarray(x if axis else x.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in EXTREMES:
            of_numpy = getattr(np, name, lambda x, axis: np.nanmax(x, axis) - np.nanmin(x, axis))
            wanted = of_numpy(x, axis)
            np.testing.assert_array_equal(getattr(stats, name)(x, axis), wanted, name)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [127, 128, 255, 256, 257, 300, 511, 520, 1000, 4097])
def test_the_first_in_long_rows(dtype: Any, n: int) -> None:
    """Few numbers many times over, infinities, zeros of both signs, NaN: NumPy's places."""
    rng = np.random.default_rng(n)
    x = rng.integers(-2, 3, (24, n)).astype(dtype)
    x[1], x[2], x[3, n // 2 :] = np.inf, -np.inf, -np.inf
    x[4] = np.where(np.arange(n) % 2, 0.0, -0.0)
    x[5:9, rng.integers(0, n, 5)] = np.inf
    x[9:13, rng.integers(0, n, 5)] = np.nan
    for i, place in enumerate(rng.integers(0, n, 11)):
        x[13 + i, place:] = 7
    for name in ARGUMENTS:
        np.testing.assert_array_equal(getattr(stats, name)(x, 1), getattr(np, name)(x, 1), name)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [3, 33, 300, 9000])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_first_that_is_shown(dtype: Any, n: int, axis: int) -> None:
    """Places count what is hidden: in front, at the end, here and there, a mask for each row or for all."""
    rng = np.random.default_rng(n)
    x = rng.integers(-2, 3, (12, n)).astype(dtype)
    x[rng.random(x.shape) < 0.2] = np.nan
    x[3], x[:, 0] = np.inf, [1, np.inf] * 6
    masks = [rng.random(x.shape) < share for share in (0.5, 0.9)]
    masks += [
        np.arange(n) >= n // 2,
        np.arange(n) < n // 2 + 1,
        rng.random((12, 1)) < 0.7,
        np.arange(n) == n - 1,
    ]
    for shown in masks:
        shows = np.broadcast_to(shown, x.shape)
        seen = np.where(shows & ~np.isnan(x), x, np.nan)
        for name in ARGUMENTS:
            wanted = first_shown(seen if "nan" in name else np.where(shows, x, np.nan), shows, name, axis)
            if wanted is None:
                with pytest.raises(ValueError, match=r"^(a: All-NaN slice|where: expected an element)"):
                    getattr(stats, name)(x, axis, where=shown)
            else:
                np.testing.assert_array_equal(getattr(stats, name)(x, axis, where=shown), wanted, name)


def first_shown(x: Array, shows: Array, name: str, axis: int) -> Array | None:
    """Row by row; None where one has no place."""
    rows, shown = np.moveaxis(x, axis, -1), np.moveaxis(shows, axis, -1)
    places = []
    for row, of in zip(rows, shown, strict=True):
        nan = np.flatnonzero(np.isnan(row) & of) if "nan" not in name else np.array([], int)
        there = np.flatnonzero(of & ~np.isnan(row))
        if not len(nan) and not len(there):
            return None
        best = getattr(np, name[-6:])(row[there]) if len(there) else 0
        places.append(nan[0] if len(nan) else there[best])
    return np.array(places)


@pytest.mark.thorough
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_memory_of_arguments(axis: int | None) -> None:
    """Nothing of x's size where nothing is NaN; blocks where something is."""
    x = np.random.default_rng(0).normal(size=(2000, 1000))
    for share in (0.0, 0.1):
        x[np.random.default_rng(1).random(x.shape) < share] = np.nan
        assert peak_of(partial(stats.nanargmin, x, axis)) < x.nbytes / 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_the_first_nan_of_long_rows(dtype: Any) -> None:
    """Nothing behind it is looked at, but where NaN is left out, or hidden."""
    x = np.random.default_rng(0).standard_normal((9, 3000)).astype(dtype)
    for i, at in enumerate((0, 1, 63, 64, 700, 2048, 2999)):
        x[i, at] = x[i, -1] = np.nan
    shown = ~np.isnan(x)
    for name in ("argmin", "argmax"):
        assert getattr(stats, name)(x, 1).tolist() == getattr(np, name)(x, 1).tolist()
        wanted = getattr(np, f"nan{name}")(x, 1).tolist()
        assert getattr(stats, f"nan{name}")(x, 1).tolist() == wanted
        assert getattr(stats, name)(x, 1, where=shown).tolist() == wanted
