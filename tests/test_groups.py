"""Groups by labels and by offsets: a loop in long double, bits, what is in no group, what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from processes import bits_of_all_sets, digest
from reference import BFLOAT16, DTYPES, Array, assert_close, wide
from strategies import Placed, examples, fill, layouts, seeds, shapes
from sweep import sweep

import cnorm
import cnorm._check.formulas as R
from cnorm._native import groups as by_group

INTS = (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)


@dataclass
class Grouped:
    """Data, labels along the first of axes, and keywords of group_moments."""

    x: Array
    labels: Array
    groups: int
    axes: tuple[int, ...]
    keywords: dict[str, Any] = field(default_factory=dict)

    def sizes(self) -> tuple[int, ...]:
        first = self.axes[0]
        return tuple(
            self.groups if a == first else n
            for a, n in enumerate(self.x.shape)
            if a == first or a not in self.axes
        )


@st.composite
def grouped(
    draw: st.DrawFn, dtypes: tuple[Any, ...] = (*DTYPES, np.dtype(np.int32), np.dtype(bool))
) -> Grouped:
    shape = draw(shapes(1, 3, 1))
    rng = np.random.default_rng(draw(seeds))
    dtype = draw(st.sampled_from(dtypes))
    values = rng.normal(draw(st.sampled_from((0, 40))), 3, shape).astype(dtype)
    x = Placed(values, draw(layouts(len(shape)))).array
    axes = tuple(draw(st.permutations(range(x.ndim)))[: draw(st.integers(1, x.ndim))])
    groups = draw(st.sampled_from((1, 2, 7)))
    labels = rng.integers(-1, groups, shape[axes[0]])
    return Grouped(x, np.sort(labels) if draw(st.booleans()) else labels, groups, axes)


def some(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to this one."""
    return tuple(n if rng.random() < 0.6 else 1 for n in shape)


@st.composite
def with_holes(draw: st.DrawFn) -> Grouped:
    """Masks, weights and NaN beside."""
    case = draw(grouped())
    rng = np.random.default_rng(draw(seeds))
    keywords: dict[str, Any] = {"correction": draw(st.sampled_from((0, 1, 0.5, -1)))}
    if draw(st.booleans()):
        keywords["where"] = rng.random(some(rng, case.x.shape)) < 0.7
    if draw(st.booleans()):
        weights = rng.integers(0, 4, some(rng, case.x.shape))
        keywords["weights"] = draw(st.sampled_from((weights, weights / 8, weights * 2.0**-300)))
    if draw(st.booleans()) and case.x.dtype.kind not in "bi":
        x = case.x.copy("K")
        x[rng.random(x.shape) < 0.3] = np.nan
        case.x, keywords["nan_policy"] = x, "omit"
    case.keywords = keywords
    return case


def by_loop(case: Grouped) -> tuple[Array, Array, Array]:
    """Count, mean and variance of each group, in long double."""
    x, keywords = wide(case.x), case.keywords
    weights = np.broadcast_to(wide(keywords.get("weights", 1)), x.shape)
    counts = (weights > 0) & np.broadcast_to(keywords.get("where", True), x.shape)
    counts &= ~np.isnan(x) | (keywords.get("nan_policy") != "omit")
    order = (case.axes[0], *(a for a in range(x.ndim) if a not in case.axes), *case.axes[1:])
    kept = x.ndim - len(case.axes)
    x, weights, counts = (a.transpose(order) for a in (x, weights, counts))
    found = np.full((3, case.groups, *x.shape[1 : kept + 1]), np.nan, np.longdouble)
    for g in range(case.groups):
        of = case.labels == g
        for at in np.ndindex(x.shape[1 : kept + 1]):
            here = (of, *at)
            v, w = x[here][counts[here]], weights[here][counts[here]]
            n = w.sum()
            found[(0, g, *at)] = n
            if n > 0:
                mean = (w * v).sum() / n
                mean += (w * (v - mean)).sum() / n
                with np.errstate(all="ignore"):
                    var = (w * (v - mean) ** 2).sum() / max(
                        n - keywords.get("correction", 0), np.longdouble(0)
                    )
                found[1][(g, *at)], found[2][(g, *at)] = mean, var
    position = sum(a < case.axes[0] for a in range(case.x.ndim) if a not in case.axes)
    return tuple(np.moveaxis(of, 0, position) for of in found)  # type: ignore[return-value]


def tolerance(x: Array) -> float:
    return 1e-12 if x.dtype.kind in "biu" or x.dtype.itemsize == 8 else 2e-6


def check_moments(case: Grouped, mean: Array, var: Array) -> None:
    count, wanted, wanted_var = by_loop(case)
    assert mean.shape == var.shape == case.sizes()
    assert mean.dtype == var.dtype == (np.float64 if tolerance(case.x) < 1e-9 else np.float32)
    error = tolerance(case.x)
    with np.errstate(all="ignore"):  # the spread of the data, whatever the correction makes of it
        spread = np.sqrt(wanted_var * np.maximum(count - case.keywords.get("correction", 0), 0) / count)
    largest = np.abs(np.nan_to_num(wide(case.x)).astype(np.float64)).max(initial=0)
    size = np.where(np.isfinite(spread), np.abs(wanted) + spread, largest).astype(np.float64)
    assert np.array_equal(np.isnan(mean), np.isnan(wanted))
    assert (np.abs(np.nan_to_num(mean - wanted.astype(np.float64))) <= error * size).all()
    np.testing.assert_allclose(
        var.astype(np.float64), wanted_var.astype(np.float64), rtol=50 * error, atol=error
    )


@given(with_holes())
@examples(300)
def test_moments_are_those_of_a_loop(case: Grouped) -> None:
    before = case.x.copy()
    mean, var = cnorm.group_moments(case.x, case.labels, case.groups, axis=case.axes, **case.keywords)
    check_moments(case, mean, var)
    assert case.x.tobytes() == before.tobytes()


def in_order(case: Grouped) -> tuple[Grouped, Array]:
    """The same groups as segments, and their offsets."""
    order = np.argsort(case.labels, kind="stable")
    first = case.axes[0]
    x = np.empty_like(case.x)
    x[...] = np.take(case.x, order, first)
    keywords = dict(case.keywords)
    for name in {"where", "weights", "weight", "bias"} & {*keywords}:
        if np.ndim(keywords[name]) == x.ndim and keywords[name].shape[first] > 1:
            keywords[name] = np.take(keywords[name], order, first)
    offsets = np.searchsorted(case.labels[order], np.arange(case.groups + 1))
    return Grouped(x, case.labels[order], case.groups, case.axes, keywords), offsets


@given(with_holes())
@examples(200)
def test_segments_have_the_bits_of_groups(case: Grouped) -> None:
    plain = Grouped(np.array(case.x, order="K"), case.labels, case.groups, case.axes, case.keywords)
    together, offsets = in_order(plain)
    found = cnorm.group_moments(plain.x, plain.labels, plain.groups, axis=plain.axes, **plain.keywords)
    segments = cnorm.segment_moments(together.x, offsets, axis=plain.axes, **together.keywords)
    for a, b in zip(found, segments, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@given(grouped(DTYPES), seeds, st.sampled_from((None, "new", "in place", "strided")))
@examples(300)
def test_standardize(case: Grouped, seed: int, out: str | None) -> None:
    rng = np.random.default_rng(seed)
    x = np.array(case.x.astype(case.x.dtype.newbyteorder("=")), order="K")
    shape, before = x.shape, x.copy()
    weight, bias = (rng.uniform(0.5, 1.5, some(rng, shape)) if rng.random() < 0.5 else None for _ in range(2))
    where = rng.random(some(rng, shape)) < 0.7 if rng.random() < 0.5 else None
    targets = {
        "new": np.empty(shape, x.dtype),
        "in place": x,
        "strided": np.empty((*shape, 2), x.dtype)[..., 0],
    }
    target = targets.get(out or "")
    y = cnorm.group_standardize(
        x, case.labels, weight, bias, 1e-3, axis=case.axes, num_groups=case.groups, where=where, out=target
    )
    assert y.dtype == x.dtype
    assert target is None or y is target
    assert out == "in place" or x.tobytes() == before.tobytes()
    of = Grouped(before, case.labels, case.groups, case.axes, {} if where is None else {"where": where})
    count, mean, var = (spread(of, v) for v in by_loop(of))
    with np.errstate(all="ignore"):
        wanted = R.affine((wide(before) - mean) / np.sqrt(var + np.longdouble(1e-3)), weight, bias)
    inside = np.expand_dims(case.labels >= 0, [a for a in range(x.ndim) if a != case.axes[0]])
    shown = inside & np.broadcast_to(True if where is None else where, shape)
    assert not np.asarray(y)[~np.broadcast_to(shown, shape)].any()
    assert_close(y, np.where(shown & (count > 0), wanted, 0), 3 * R.BOUNDS[x.dtype.name])


def spread(case: Grouped, values: Array) -> Array:
    """A number of each group to its elements."""
    shape = [
        case.groups if a == case.axes[0] else 1 if a in case.axes else n for a, n in enumerate(case.x.shape)
    ]
    return np.take(values.reshape(shape), np.maximum(case.labels, 0), case.axes[0])


@given(grouped(DTYPES))
@examples(100)
def test_segments_are_standardized_as_groups(case: Grouped) -> None:
    plain = Grouped(np.array(case.x, order="K"), case.labels, case.groups, case.axes)
    together, offsets = in_order(plain)
    y = cnorm.segment_standardize(together.x, offsets, axis=case.axes)
    by_label = cnorm.group_standardize(plain.x, plain.labels, axis=case.axes)
    order = np.argsort(plain.labels, kind="stable")
    assert np.array_equal(np.asarray(y), np.take(by_label, order, case.axes[0]))


@sweep(dtype=INTS, groups=[None, 3, 40])
def test_every_integer_is_a_label(dtype: Any, groups: int | None) -> None:
    x, labels = fill((50, 4), np.dtype(np.float64), 1), np.arange(50) % 3
    mean, _ = cnorm.group_moments(x, labels.astype(dtype), groups)
    assert mean.shape == (groups or 3, 4)
    assert np.isnan(mean[3:]).all()
    for other in (
        labels.tolist(),
        labels.astype(dtype).astype(np.dtype(dtype).newbyteorder("S")),
        labels[::-1][::-1],
    ):
        assert np.array_equal(cnorm.group_moments(x, other, groups)[0], mean, equal_nan=True)


@sweep(dtype=["i1", "i2", "i4", "i8", "u8"])
def test_labels_and_offsets_may_lie_anywhere(dtype: str) -> None:
    def misaligned(of: Any) -> Array:
        array = np.asarray(of, dtype)
        place = np.zeros(array.nbytes + 1, np.uint8)[1:].view(dtype)
        place[:] = array
        return place

    x, labels, offsets = fill((50, 4), np.dtype(np.float64), 1), np.arange(50) % 3, [2, 20, 49]
    for f, of in (
        (cnorm.group_moments, labels),
        (cnorm.group_standardize, labels),
        (cnorm.segment_moments, offsets),
        (cnorm.segment_standardize, offsets),
    ):
        assert np.array_equal(f(x, misaligned(of)), f(x, of))


# 1-D: short ones together, alike, one block and more; a table; more columns than a tile has.
LARGE = {
    "row": (300_000,),
    "table": (70_000, 5),
    "wide": (300, 1100),
    "rows": (3, 50_000),
    "last": (4000, 30, 2),
}


DTYPE = {str(dtype): dtype for dtype in DTYPES}


def cuts(n: int, many: int, seed: int) -> Array:
    return np.sort(np.random.default_rng(seed).integers(0, n + 1, many))


def of_all_kinds(dtype: Any, name: str) -> list[Array]:
    """Moments and results by labels and offsets."""
    x = fill(LARGE[name], np.dtype(dtype), 5)
    axis = {"rows": 1, "last": (0, 2)}.get(name, 0)
    n = x.shape[1 if name == "rows" else 0]
    found: list[Array] = []
    for groups in (3, 200, n // 3):
        labels = np.random.default_rng(groups).integers(-1, groups, n)
        found += cnorm.group_moments(x, labels, groups, axis=axis)
        found += cnorm.segment_moments(x, cuts(n, groups, 1), axis=axis)
        found.append(cnorm.group_standardize(x, labels, axis=axis))
        found.append(cnorm.segment_standardize(x, np.arange(0, n + 1, max(n // groups, 1)), axis=axis))
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("name", LARGE)
@sweep(dtype=DTYPES)
def test_threads_change_no_bit(name: str, dtype: Any) -> None:
    with cnorm.threads(1):
        one = of_all_kinds(dtype, name)
    for n in (2, 3):
        with cnorm.threads(n):
            for a, b in zip(one, of_all_kinds(dtype, name), strict=True):
                assert np.array_equal(a, b, equal_nan=True)


def bits() -> dict[str, str]:
    """A digest of each case; the payload of NaN says nothing."""
    cases = ((str(dtype), name) for dtype in DTYPES for name in LARGE)
    return {
        f"{d} {n}": digest(*(np.where(np.isnan(a), 0, a) for a in of_all_kinds(DTYPE[d], n)))
        for d, n in cases
    }


@pytest.mark.thorough
def test_instruction_sets_change_no_bit() -> None:
    assert all(len(found) == 1 for found in bits_of_all_sets(bits).values())


def test_other_groups_change_no_bit() -> None:
    """Neither what they hold nor how they are mixed in."""
    for shape, axis in (((30_000,), 0), ((9000, 6), 0), ((9000, 6), (0, 1)), ((3, 9000), 1)):
        x = fill(shape, np.dtype(np.float32), 2)
        n = shape[1 if axis == 1 else 0]
        labels = np.random.default_rng(1).integers(0, 5, n)
        alone = np.compress(labels == 3, x, 1 if axis == 1 else 0)
        mean, var = (np.take(v, 3, 1 if axis == 1 else 0) for v in cnorm.group_moments(x, labels, axis=axis))
        only = cnorm.segment_moments(alone, [0, alone.shape[1 if axis == 1 else 0]], axis=axis)
        assert np.array_equal(mean, only[0].squeeze(1 if axis == 1 else 0))
        assert np.array_equal(var, only[1].squeeze(1 if axis == 1 else 0))


# Rows of a group: a pilot, eights, blocks of 64 and pieces of 1024, and what lies beside them.
SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 24, 63, 64, 65, 72, 80, 500, 1023, 1024, 1025, 1032, 1040, 1100)


@sweep(
    columns=[2, 4, 9, 20, 300],
    sizes=[(2500, 2500), SIZES],
    dtype=["f8", "f4", "i4"],
    layout=["C", "gaps", "F"],
)
def test_rows_as_they_lie_have_the_bits_of_rows_in_order(
    columns: int, sizes: tuple[int, ...], dtype: str, layout: str
) -> None:
    """One thread deals rows to sums of their groups: NaN, infinite, huge, drifting and flat ones, too."""
    rng = np.random.default_rng(columns)
    groups, labels = len(sizes), np.repeat(np.arange(-1, len(sizes)), (9, *sizes))
    rng.shuffle(labels)
    n = labels.size
    x = rng.normal(0, 40, (n, columns)) + 1e4 * rng.integers(0, 2, columns)
    x[:, 0] += np.arange(n) * 4.0
    x[labels == groups - 1, -1] = 0.1
    x = x.astype(dtype)
    if dtype != "i4":
        x[7, 0], x[8, 1], x[9, -1] = np.nan, np.inf, 1e18
    if dtype == "f8":
        x[rng.integers(0, n, 9), -1] = 1e200
    order = np.argsort(labels, kind="stable")
    offsets = np.searchsorted(labels[order], np.arange(groups + 1))
    if layout == "gaps":
        x = np.concatenate([x, x], 1)[:, :columns]
    elif layout == "F":
        x = np.asfortranarray(x)
    together = np.empty_like(x)
    together[...] = x[order]
    for keywords in ({}, {"correction": 1}, {"nan_policy": "omit"}):
        with cnorm.threads(1):
            found = cnorm.group_moments(x, labels, groups, **keywords)
            wanted = cnorm.segment_moments(together, offsets, **keywords)
        for a, b in zip(found, wanted, strict=True):
            assert np.array_equal(a, b, equal_nan=True)


@sweep(columns=[2, 7, 20, 130, 600], longest=[3, 16, 40, 70], dtype=["f8", "f4"], special=[False, True])
def test_segments_of_few_rows_have_the_bits_of_each_alone(
    columns: int, longest: int, dtype: str, special: bool
) -> None:
    """Several are finished at once: empty, flat, ill, with NaN or infinite ones among them, too."""
    rng = np.random.default_rng(columns + longest)
    offsets = np.cumsum(np.r_[0, rng.integers(0 if special else 1, longest + 1, 150)])
    x = rng.normal(3, 1, (offsets[-1] + 5, columns)).astype(dtype)
    if special:
        x[offsets[20] : offsets[30]] = 0.1
        x[offsets[40] : offsets[50], -1] = 1e-30
        x[offsets[60], 0], x[offsets[70], 1], x[offsets[80] + 1, -1] = np.nan, np.inf, 1e18
    found = cnorm.segment_moments(x, offsets, correction=1)
    hidden = cnorm.segment_moments(x, offsets, correction=1, where=np.ones(x.shape, bool))
    alone = [cnorm.segment_moments(x[a:b], [0, b - a], correction=1) for a, b in pairwise(offsets)]
    for i in range(2):
        assert np.array_equal(found[i], hidden[i], equal_nan=True)
        assert np.array_equal(found[i], np.concatenate([one[i] for one in alone]), equal_nan=True)


@sweep(groups=[1, 10, 3000], dtype=[np.float64, np.float32])
def test_far_from_zero(groups: int, dtype: Any) -> None:
    """mean / std of 1e8, of 1e5 in float32: the errors of a loop in long double."""
    rng = np.random.default_rng(groups)
    at = 1e8 if dtype == np.float64 else 1e5
    x = (at + rng.standard_normal((30_000, 3))).astype(dtype)
    labels = rng.integers(0, groups, 30_000)
    mean, var = cnorm.group_moments(x, labels, groups)
    _, wanted, wanted_var = by_loop(Grouped(x, labels, groups, (0,)))
    error = 1e-12 if dtype == np.float64 else 1e-6
    np.testing.assert_allclose(var, wanted_var.astype(np.float64), rtol=error, atol=1e-300)
    deviation = np.sqrt(np.nanmax(wanted_var.astype(np.float64)))
    spacing = np.spacing(dtype(at))
    assert np.nanmax(np.abs(mean - wanted.astype(np.float64))) <= max(spacing, error * deviation)


def test_offset_of_scanpy() -> None:
    """Offset 1e8, std 1e-3: the data themselves are rounded to 1e-8, their variances are exact."""
    x = 1e8 + np.random.default_rng(0).normal(0, 1e-3, (4000, 5))
    labels = np.arange(4000) % 7
    _, var = cnorm.group_moments(x, labels, correction=1)
    wanted = by_loop(Grouped(x, labels, 7, (0,), {"correction": 1}))[2]
    np.testing.assert_allclose(var, wanted.astype(np.float64), rtol=1e-12)


@sweep(size=[1e200, 1e-200, 1e-310, 1e305], table=[True, False])
def test_squares_that_leave_float64(size: float, table: bool) -> None:
    rng = np.random.default_rng(3)
    unit = rng.uniform(-1, 1, (60, 2) if table else 60)
    x, labels = unit * size, rng.integers(0, 3, 60)
    mean, _ = cnorm.group_moments(x, labels)
    exact = np.stack([wide(x)[labels == g].mean(0) for g in range(3)])
    np.testing.assert_allclose(mean, exact.astype(np.float64), rtol=1e-12)
    y = cnorm.group_standardize(x, labels, eps=0)
    wanted = R.group_standardize(x, labels, (0,), eps=0)
    np.testing.assert_allclose(y, wanted.astype(np.float64), rtol=1e-9, atol=1e-9)


def test_nan_and_infinities_stay_in_their_groups() -> None:
    x = fill((40, 3), np.dtype(np.float64), 1)
    labels = np.arange(40) % 4
    x[1, 0], x[2, 1], x[5, 2] = np.nan, np.inf, -np.inf
    clean = np.where(np.isfinite(x), x, 0)
    mean, var = cnorm.group_moments(x, labels)
    other, other_var = cnorm.group_moments(clean, labels)
    hit = {(1, 0), (2, 1), (1, 2)}
    for at in np.ndindex(4, 3):
        assert np.isfinite(mean[at]) == np.isfinite(var[at]) == (at not in hit)
        assert at in hit or (mean[at] == other[at] and var[at] == other_var[at])
    y = cnorm.group_standardize(x, labels)
    assert np.isnan(y[labels == 1, 0]).all()
    assert np.isfinite(y[labels == 0]).all()
    assert np.isfinite(y[labels == 3]).all()


def test_nan_policy() -> None:
    x = np.array([1.0, np.nan, 3.0, np.nan])
    with pytest.raises(ValueError, match="contains NaN"):
        cnorm.group_moments(x, [0, 0, 1, -1], nan_policy="raise")
    mean, _ = cnorm.group_moments(x, [0, -1, 1, -1], nan_policy="raise")
    assert mean.tolist() == [1, 3]
    assert cnorm.segment_moments(x, [0, 2, 4], nan_policy="omit")[0].tolist() == [1, 3]
    with pytest.raises(ValueError, match="nan_policy"):
        cnorm.group_moments(x, [0, 0, 1, 1], nan_policy="drop")


def test_nothing() -> None:
    """No elements, no groups, no positions."""
    mean, var = cnorm.group_moments(np.zeros((0, 3)), [], 2)
    assert mean.shape == var.shape == (2, 3)
    assert np.isnan(mean).all()
    assert cnorm.group_moments(np.zeros((4, 3)), [-1] * 4)[0].shape == (0, 3)
    assert cnorm.segment_moments(np.zeros((4, 0)), [0, 2])[0].shape == (1, 0)
    assert cnorm.segment_moments(np.zeros(4), [2])[0].shape == (0,)
    assert not cnorm.group_standardize(np.ones((4, 3)), [-1] * 4, bias=np.ones(3)).any()
    assert cnorm.group_standardize(np.zeros((0, 3)), []).shape == (0, 3)
    assert not cnorm.segment_standardize(np.ones(4), [1, 1]).any()
    hidden = cnorm.group_moments(np.ones(4), [0, 0, 1, 1], where=np.array([True, True, False, False]))
    np.testing.assert_array_equal(hidden, [[1, np.nan], [0, np.nan]])


def test_offsets_with_gaps() -> None:
    x = np.arange(12.0)
    mean, var = cnorm.segment_moments(x, np.array([2, 5, 5, 9], np.uint8))
    np.testing.assert_array_equal(mean, [3, np.nan, 6.5])
    np.testing.assert_allclose(var, [2 / 3, np.nan, 1.25])
    y = cnorm.segment_standardize(x, [2, 5, 5, 9], bias=7.0 * np.ones(1))
    assert not y[:2].any()
    assert not y[9:].any()
    assert (y[2:9] != 0).all()


X = np.ones((6, 4))
BAD_LABELS = [
    (
        [0, 1, 2, 3, 4, 5],
        {"num_groups": 5},
        ValueError,
        "labels: expected labels below num_groups = 5, got 5",
    ),
    (np.zeros(6), {}, TypeError, "labels: expected ints, got float64"),
    (np.zeros(6, bool), {}, TypeError, "labels: expected ints, got bool"),
    ([True] * 6, {}, TypeError, "labels: expected ints, got bool"),
    (["a"] * 6, {}, TypeError, "labels: expected ints"),
    ([0] * 5, {}, ValueError, "labels: expected a label for each of 6"),
    ([[0]] * 6, {}, ValueError, r"labels: .*got shape \(6, 1\)"),
    (0, {}, ValueError, r"labels: .*got shape \(\)"),
    ([0] * 6, {"axis": 1}, ValueError, "labels: expected a label for each of 4"),
    ([0] * 6, {"axis": 2}, ValueError, "axis"),
    ([0] * 6, {"axis": ()}, ValueError, "axis"),
    ([0] * 6, {"axis": None}, TypeError, "axis"),
    ([0] * 6, {"axis": (0, 0)}, ValueError, "axis"),
    ([0] * 6, {"num_groups": -1}, ValueError, "num_groups: expected no negative"),
    ([0] * 6, {"num_groups": 2.0}, TypeError, "num_groups: expected an int"),
    (np.full(6, 2**63, np.uint64), {"num_groups": 3}, ValueError, "labels"),
    ([0] * 6, {"where": np.ones(6)}, TypeError, "where"),
    ([0] * 6, {"where": np.ones(5, bool)}, ValueError, "where"),
]
BAD_OFFSETS = [
    ([0, 4, 3], ValueError, "offsets: expected none below the one before, got 4, 3"),
    (np.array([3, 1], np.uint8), ValueError, "offsets: expected none below"),
    ([0, 7], ValueError, "offsets: expected 0 to 6"),
    ([-1, 3], ValueError, "offsets: expected 0 to 6"),
    ([], ValueError, "offsets: expected a vector"),
    ([[0, 3]], ValueError, "offsets: expected a vector"),
    ([0.0, 3.0], TypeError, "offsets: expected ints"),
    (np.array([False, True]), TypeError, "offsets: expected ints, got bool"),
    (np.array([0, 2**63], np.uint64), ValueError, "offsets: expected 0 to 6"),
]


@pytest.mark.parametrize(("labels", "keywords", "error", "match"), BAD_LABELS)
def test_bad_labels(labels: Any, keywords: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        cnorm.group_moments(X, labels, **keywords)
    out = np.full(X.shape, 9.0)
    with pytest.raises(error, match=match):
        cnorm.group_standardize(X, labels, **keywords, out=out)
    assert (out == 9).all()


@pytest.mark.parametrize(("offsets", "error", "match"), BAD_OFFSETS)
def test_bad_offsets(offsets: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        cnorm.segment_moments(X, offsets)
    out = np.full(X.shape, 9.0)
    with pytest.raises(error, match=match):
        cnorm.segment_standardize(X, offsets, out=out)
    assert (out == 9).all()


def test_bad_rest() -> None:
    labels = [0] * 6
    with pytest.raises(TypeError, match="x: expected a float dtype"):
        cnorm.group_standardize(X.astype(int), labels)
    with pytest.raises(ValueError, match="weight"):
        cnorm.group_standardize(X, labels, np.ones(5))
    with pytest.raises(ValueError, match="eps"):
        cnorm.group_standardize(X, labels, eps=-1)
    with pytest.raises(ValueError, match="weights"):
        cnorm.group_moments(X, labels, weights=-X)
    with pytest.raises(ValueError, match="axis"):
        cnorm.group_moments(np.float64(1), [0])
    with pytest.raises(TypeError, match="dtype"):
        cnorm.group_standardize(X, labels, out=np.empty(X.shape, np.float32))


def test_labels_may_be_the_memory_of_out() -> None:
    memory = np.zeros(12, np.int64)
    memory[:] = np.arange(12) % 2
    x = fill((12,), np.dtype(np.float64), 1)
    wanted = cnorm.group_standardize(x, memory.copy())
    assert np.array_equal(cnorm.group_standardize(x, memory, out=memory.view(np.float64)), wanted)


def test_offsets_may_be_the_memory_of_out() -> None:
    memory = np.arange(13)[::-1].copy()
    memory[:3] = 0, 5, 12
    x = fill((13,), np.dtype(np.float64), 1)
    wanted = cnorm.segment_standardize(x, memory[:3].copy())
    assert np.array_equal(cnorm.segment_standardize(x, memory[:3], out=memory.view(np.float64)), wanted)


# How a position lies: each element of a group of its own, or all of one; few elements, or one.
POSITIONS = {
    "columns": ((3000, 20), 0, (1, 20)),
    "many columns": ((300, 1100), 0, (300, 1)),
    "columns behind": ((3, 900, 40), 1, (1, 900, 40)),
    "rows": ((1000, 64), (0, 1), (1, 64)),
    "weighted rows": ((1000, 64), (0, 1), (1000, 64)),
    "few": ((5000, 7), (0, 1), (5000, 7)),
    "alone": ((50_001,), 0, (50_001,)),
    "alone in rows": ((4, 5001), 1, (1, 1)),
}


@sweep(dtype=DTYPE, position=list(POSITIONS), order=[True, False], parameters=[True, False], out=["x", "y"])
def test_a_mask_that_hides_nothing_changes_no_bit(
    dtype: str, position: str, order: bool, parameters: bool, out: str
) -> None:
    """Without one, parameters of groups go straight to the kernel; runs in no group among them."""
    shape, axes, of = POSITIONS[position]
    along = axes if isinstance(axes, int) else axes[0]
    x, rng = fill(shape, DTYPE[dtype], 3), np.random.default_rng(len(position))
    labels = rng.integers(-1, 40, shape[along])
    labels[100:200] = -1
    labels = np.sort(labels) if order else labels
    p = {"weight": fill(of, np.dtype(np.float32), 1), "bias": fill(of, np.dtype(np.float32), 2)}
    p = p if parameters else {}
    wanted = cnorm.group_standardize(x, labels, axis=axes, where=np.ones(shape, bool), **p)
    taken = x.copy()
    found = cnorm.group_standardize(taken, labels, axis=axes, out=taken if out == "x" else None, **p)
    assert np.array_equal(found, wanted)
    assert not np.compress(labels < 0, found, along).any()


def test_16_bit_parameters() -> None:
    x = fill((30, 4), BFLOAT16, 1)
    y = cnorm.group_standardize(x, np.arange(30) % 3, np.ones(4, BFLOAT16), np.zeros(4, np.float16))
    assert y.dtype == BFLOAT16


@given(with_holes(), seeds, st.sampled_from((np.int32, np.int64, np.int16)), st.booleans())
@examples(300)
def test_at_once_or_with_care_the_bits_are_the_same(case: Grouped, seed: int, kind: Any, given: bool) -> None:
    rng = np.random.default_rng(seed)
    labels, groups = case.labels.astype(kind), case.groups if given else None
    axis = case.axes[0] if len(case.axes) == 1 else case.axes
    offsets = np.sort(rng.integers(0, case.x.shape[case.axes[0]] + 1, 4))
    where = {name: case.keywords[name] for name in ("where",) if name in case.keywords}
    p = {name: rng.uniform(0.5, 2, some(rng, case.x.shape)).astype("f") for name in ("weight", "bias")}

    def made() -> list[Array]:
        found = [
            *cnorm.group_moments(case.x, labels, groups, axis=axis, **case.keywords),
            *cnorm.segment_moments(case.x, offsets, axis=axis, **case.keywords),
        ]
        if case.x.dtype.kind not in "biu":
            for parameters in ({}, p):
                y = cnorm.group_standardize(
                    case.x, labels, axis=axis, num_groups=groups, **parameters, **where
                )
                found += [y, cnorm.segment_standardize(case.x, offsets, axis=axis, **parameters, **where)]
        return found

    short = made()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(by_group, "moments_at_once", lambda *_: None)
        patch.setattr(by_group, "standardize_at_once", lambda *_: None)
        for a, b in zip(short, made(), strict=True):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def test_what_needs_care_is_left_to_it() -> None:
    x, labels, offsets = fill((4, 6), np.dtype(np.float32), 1), np.array([0, 1, 0, -1]), np.array([0, 2, 4])
    plain = {"correction": 0, "where": None, "nan_policy": "propagate"}

    def at_once(x: Any = x, parts: Any = labels, groups: Any = None, axis: Any = 0, **how: Any) -> Any:
        return by_group.moments_at_once(
            x, parts, groups, parts is not offsets, axis, *{**plain, **how}.values()
        )

    assert at_once() is not None
    assert at_once(parts=offsets) is not None
    for call in (
        {"x": x.tolist()},
        {"x": x[:, :0]},
        {"x": x + 0j},
        {"parts": labels.tolist()},
        {"parts": labels[:3]},
        {"parts": labels[::-1]},
        {"parts": labels.astype(np.uint8)},
        {"parts": labels.astype(float)},
        {"groups": 1},
        {"groups": -1},
        {"groups": 2**80},
        {"groups": True},
        {"axis": 1},
        {"axis": (0,)},
        {"axis": 2},
        {"correction": "1"},
        {"where": x},
        {"nan_policy": "raise"},
        {"nan_policy": None},
    ):
        assert at_once(**call) is None, call
    for bad in ([-1, 2], [0, 5], [2, 1], [0]):
        assert by_group.moments_at_once(x, np.array(bad), None, False, 0, *plain.values()) is None
