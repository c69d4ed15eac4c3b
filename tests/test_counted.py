"""NaN left out, a mask and weights of 0 and 1 give the same bits, whatever lies beside what counts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import bits_of_all_sets, digest
from reference import BFLOAT16, DTYPES, Array
from strategies import Layout, Placed, examples, fill, layouts, seeds
from sweep import sweep

import cnorm
from cnorm._native import core
from cnorm._stats import reductions

Lay = Callable[[Array], Array]

# Rows, long and longer rows, columns, joined columns, wide ones, several axes, refined runs.
CASES = {
    "rows of 9": ((300, 9), (1,)),
    "rows of 33": ((41, 33), (1,)),
    "rows of 700": ((37, 700), (1,)),
    "rows of 5000": ((3, 5000), (1,)),
    "a row of 70000": ((70_000,), (0,)),
    "columns": ((700, 130), (0,)),
    "narrow columns": ((12_000, 3), (0,)),
    "wide columns": ((150, 1100), (0,)),
    "planes": ((4, 6, 7, 11), (0, 2, 3)),
    "rows of planes": ((4, 6, 7, 11), (1, 3)),
    "columns of planes": ((3, 5, 7, 11), (0, 1)),
    "refined": ((2, 81, 6, 10), (0, 1, 3)),
    "all": ((40, 61), (0, 1)),
}
DATA = ("plain", "far", "infinite", "extreme")
HIDDEN = ("some", "most", "few", "tails", "rows")


def data(kind: str, shape: tuple[int, ...], dtype: np.dtype[Any], seed: int) -> Array:
    x = fill(shape, np.dtype(np.float64), seed)
    if kind == "far":
        x += {2: 100, 4: 1e6, 8: 1e8}[dtype.itemsize]
    if kind == "extreme" and dtype.itemsize > 2:
        x *= 10.0 ** ({4: 1, 8: 8}[dtype.itemsize] * np.random.default_rng(seed).integers(-30, 37, shape[-1]))
    if kind == "infinite":
        x.reshape(-1)[:: max(x.size // 3, 1)] = np.inf
    return np.asarray(x.astype(dtype))


def shown(kind: str, shape: tuple[int, ...], seed: int) -> Array:
    rng = np.random.default_rng(seed)
    if kind == "tails":
        return np.asarray(np.arange(shape[-1]) < rng.integers(0, shape[-1] + 1, (*shape[:-1], 1)))
    if kind == "rows":
        return np.repeat(rng.random((*shape[:-1], 1)) < 0.6, shape[-1], -1)
    return np.asarray(rng.random(shape) < {"some": 0.6, "most": 0.04, "few": 0.98}[kind])


def as_laid(values: Array, layout: Layout) -> Array:
    """A mask, or weights, laid out as x is."""
    return Placed(values, layout).array


def of_all_kinds(x: Array, axes: tuple[int, ...], **how: Any) -> dict[str, Array]:
    """Moments, sums and, without weights, sums of squares."""
    found = {
        "moments": reductions.moments_of(x, axes, **how),
        "sums": reductions.sums_of(x, axes, **how),
    }
    if "weights" not in how:
        found["squares"] = reductions.squares_of(x, axes, **how)
    return found


def assert_same_bits(a: dict[str, Array], b: dict[str, Array]) -> None:
    for kind in a.keys() & b.keys():
        assert np.array_equal(a[kind], b[kind], equal_nan=True), kind


def contract(x: Array, mask: Array, axes: tuple[int, ...], lay: Lay, other: Lay) -> None:
    """x as it is laid; mask and weights as x, in C order, and otherwise."""
    junk = np.array([np.nan, np.inf, 1, 6e4]).astype(x.dtype)
    holes, dirty = x.copy(), x.copy()
    holes[~mask] = np.nan
    dirty[~mask] = np.resize(junk, np.count_nonzero(~mask))
    holes, dirty = lay(holes), lay(dirty)
    wanted = of_all_kinds(holes, axes, omit=True)
    refined = "refined" in core.plan(holes, axes)  # not under a mask that lies otherwise
    for beside in (lay,) if refined else (lay, np.ascontiguousarray, other):
        where = beside(mask)
        assert_same_bits(wanted, of_all_kinds(dirty, axes, mask=where))
        assert_same_bits(wanted, of_all_kinds(holes, axes, mask=where, omit=True))
        for dtype in (np.float64, np.float32, np.int64, np.uint8):
            weights = reductions.as_weights(beside(mask.astype(dtype)), x)
            assert_same_bits(wanted, of_all_kinds(dirty, axes, weights=weights))
            assert_same_bits(wanted, of_all_kinds(holes, axes, weights=weights, omit=True))


@sweep(case=list(CASES), dtype=DTYPES, kind=DATA)
def test_holes_masks_and_weights(case: str, dtype: np.dtype[Any], kind: str) -> None:
    shape, axes = CASES[case]
    x = data(kind, shape, dtype, 1)
    first = DATA.index(kind)
    for hidden, threads in zip(HIDDEN[first : first + 2], (1, 3), strict=True):
        mask = shown(hidden, shape, 2)
        with cnorm.threads(threads):
            contract(x, mask, axes, np.ascontiguousarray, np.asfortranarray)


@examples(120)
@given(data_=st.data(), seed=seeds)
def test_of_any_layout(data_: st.DataObject, seed: int) -> None:
    shape, axes = CASES[data_.draw(st.sampled_from(list(CASES)))]
    dtype, kind = data_.draw(st.sampled_from(DTYPES)), data_.draw(st.sampled_from(DATA))
    layout = data_.draw(layouts(len(shape), plain=True))
    mask = shown(data_.draw(st.sampled_from(HIDDEN)), shape, seed)

    def lay(values: Array) -> Array:
        return as_laid(np.asarray(values), layout)

    with cnorm.threads(data_.draw(st.sampled_from((1, 3)))):
        contract(data(kind, shape, dtype, seed), mask, axes, lay, np.asfortranarray)


@sweep(case=[c for c in CASES if c != "refined"], dtype=DTYPES)
def test_masks_that_broadcast(case: str, dtype: np.dtype[Any]) -> None:
    """Over axes that are one loop of x, too; but no run is refined whose columns a mask tells apart."""
    shape, axes = CASES[case]
    x = data("far", shape, dtype, 3)
    for sides in itertools.product(*((1, n) for n in shape)):
        mask = np.random.default_rng(4).random(sides) < 0.7
        whole = np.broadcast_to(mask, shape).copy()
        wanted = of_all_kinds(x, axes, mask=whole)
        assert_same_bits(wanted, of_all_kinds(x, axes, mask=mask))
        weights = reductions.as_weights(mask.astype(np.float32), x)
        assert_same_bits(wanted, of_all_kinds(x, axes, weights=weights))
        fractions = np.random.default_rng(5).random(sides)
        of_each = reductions.as_weights(np.broadcast_to(fractions, shape).copy(), x)
        of_all = reductions.as_weights(fractions, x)
        assert_same_bits(of_all_kinds(x, axes, weights=of_each), of_all_kinds(x, axes, weights=of_all))


@sweep(case=list(CASES), dtype=DTYPES)
def test_nothing_hidden(case: str, dtype: np.dtype[Any]) -> None:
    """A mask that hides nothing, NaN left out where there is none, and weights of 1."""
    shape, axes = CASES[case]
    x = data("far", shape, dtype, 6)
    wanted = of_all_kinds(x, axes)
    some = [(*shape[:-1], 1), (1,) * (len(shape) - 1) + shape[-1:]]
    for sides in (shape, *([(*shape[:2], 1, 1)] if case == "refined" else some)):
        assert_same_bits(wanted, of_all_kinds(x, axes, mask=np.ones(sides, bool)))
    lone = reductions.moments_of(x, axes, omit=True), reductions.sums_of(x, axes, omit=True)
    one = reductions.as_weights(1, x)
    for i, kind in enumerate(("moments", "sums")):
        assert np.array_equal(lone[i], wanted[kind])
        assert np.array_equal(of_all_kinds(x, axes, weights=one)[kind], wanted[kind])


BAD = {"NaN": np.nan, "infinity": np.inf, "a huge number": 1e30, "nothing but NaN": None}


def spoiled(x: Array, columns: Array) -> Iterator[Array]:
    for value in BAD.values():
        y = x.copy()
        y[:: max(len(x) // 2, 1) if value is not None else 1, columns] = np.nan if value is None else value
        yield y


@sweep(rows=[7, 20, 300, 5000], columns=[3, 40, 200], dtype=[np.float32, np.float64, BFLOAT16])
def test_neighbours_change_nothing(rows: int, columns: int, dtype: Any) -> None:
    x = data("far", (rows, columns), np.dtype(dtype), 7)
    dirty = np.arange(columns) % 3 == 1
    weights = np.random.default_rng(8).random((rows, columns))
    for y in spoiled(x, dirty):
        for a, b, axes in ((x, y, (0,)), (np.ascontiguousarray(x.T), np.ascontiguousarray(y.T), (1,))):
            w = reductions.as_weights(weights if axes == (0,) else weights.T.copy(), a)
            for how in ({}, {"omit": True}, {"weights": w}, {"mask": np.arange(len(a))[:, None] % 5 < 4}):
                clean, beside = of_all_kinds(a, axes, **how), of_all_kinds(b, axes, **how)
                for kind, wanted in clean.items():
                    at = (0, ~dirty) if axes == (0,) else (~dirty, 0)
                    assert np.array_equal(wanted[at], beside[kind][at], equal_nan=True), kind


@sweep(n=[20, 33, 300, 4097, 9000], dtype=DTYPES)
def test_padded_is_alone(n: int, dtype: np.dtype[Any]) -> None:
    x, lengths = data("far", (6, n), dtype, 9), [n, n - 1, n // 2, 9, 1, 0]
    mask = np.arange(n) < np.array(lengths)[:, None]
    padded = np.where(mask, x, np.array(np.nan, dtype))
    weights = reductions.as_weights(mask, x)
    for how, y in (({"omit": True}, padded), ({"mask": mask}, x), ({"weights": weights}, x)):
        found = of_all_kinds(y, (1,), **how)
        for i, length in enumerate(lengths[:-1]):
            alone = of_all_kinds(x[i : i + 1, :length].copy(), (1,))
            assert_same_bits(alone, {kind: state[i : i + 1] for kind, state in found.items()})


@sweep(case=list(CASES), dtype=DTYPES)
def test_threads_change_nothing(case: str, dtype: np.dtype[Any]) -> None:
    shape, axes = CASES[case]
    x = data("far", shape, dtype, 10)
    x[shown("most", shape, 11)] = np.nan
    weights = reductions.as_weights(np.random.default_rng(12).random(shape), x)
    for how in ({"omit": True}, {"omit": True, "weights": weights}, {"mask": shown("some", shape, 13)}):
        found = []
        for n in (1, 2, 5):
            with cnorm.threads(n):
                found.append(of_all_kinds(x, axes, **how))
        assert_same_bits(found[0], found[1])
        assert_same_bits(found[0], found[2])


def everything() -> dict[str, str]:
    """Of each case: a digest of what is found."""
    found = {}
    for (case, (shape, axes)), dtype, kind in itertools.product(CASES.items(), DTYPES, DATA):
        x = data(kind, shape, dtype, 14)
        x[shown("most", shape, 15)] = np.nan
        mask, fractions = shown("some", shape, 16), np.random.default_rng(17).random(shape)
        ways: dict[str, dict[str, Any]] = {"omit": {"omit": True}, "mask": {"mask": mask}}
        ways["weights"] = {"omit": True, "weights": reductions.as_weights(fractions, x)}
        ways["shared weights"] = {"omit": True, "weights": reductions.as_weights(fractions[:1], x)}
        for way, how in ways.items():
            for name, state in of_all_kinds(x, axes, **how).items():
                found[f"{name} {way} {case} {dtype} {kind}"] = digest(np.where(np.isnan(state), 0, state))
        extremes = reductions.extremes_of(x, axes, mask)
        found[f"extremes {case} {dtype} {kind}"] = digest(extremes)
    return found


@pytest.mark.thorough
def test_instruction_sets_change_nothing() -> None:
    found = bits_of_all_sets(everything)
    assert len(found) > 2000
    assert [case for case, bits in found.items() if len(bits) > 1] == []
