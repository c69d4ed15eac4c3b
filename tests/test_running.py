"""RunningMoments: one-shot moments whatever the parts are; parts taken out; nothing half-done."""

from __future__ import annotations

import copy
import pickle
import re
import threading
from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array
from strategies import Placed, fill, layouts, placed

import cnorm
from cnorm import RunningMoments
from cnorm.preprocessing import StandardScaler

# What merging adds, in units of float64's rounding; the data of narrow floats come in exactly.
BOUND = 1e-12


def assert_moments(stats: RunningMoments, x: Array, bound: float = BOUND, weights: Any = None) -> None:
    """Mean and variance of x over axis 0, relative to the variance and to the larger of mean and std."""
    mean, var = R.moments(x, 0, weights=weights)
    assert np.all(np.abs(R.wide(stats.mean) - mean) <= bound * np.maximum(np.abs(mean), np.sqrt(var)))
    assert np.all(np.abs(R.wide(stats.var()) - var) <= bound * var)
    np.testing.assert_array_equal(stats.std(), np.sqrt(stats.var()))


@st.composite
def splits(draw: st.DrawFn) -> tuple[Array, list[Array]]:
    """Rows of any dtype, far from zero or not, and a permutation of them in parts, some empty."""
    dtype = draw(st.sampled_from([*DTYPES, np.dtype(np.int32), np.dtype(np.uint8), np.dtype(np.bool_)]))
    rows = draw(st.integers(1, 60))
    offset = draw(st.sampled_from([0, 1, 100, 1e6])) if dtype.itemsize > 2 else 1
    values = np.random.default_rng(draw(st.integers(0, 99))).normal(offset, 1, (rows, 3))
    x = (values > offset if dtype == np.bool_ else np.abs(10 * values)).astype(dtype)
    shuffled = x[draw(st.permutations(range(rows)))]
    cuts = sorted(draw(st.lists(st.integers(0, rows), max_size=6)))
    return x, np.split(shuffled, cuts)


@given(split=splits(), data=st.data())
def test_any_split(split: tuple[Array, list[Array]], data: st.DataObject) -> None:
    """In a chain of updates, or each part alone and merged, singles as rows or as tables."""
    x, parts = split
    chain, merged = RunningMoments(3), RunningMoments((3,))
    for part in parts:
        chain.update(part[0] if len(part) == 1 and data.draw(st.booleans()) else part)
        merged = RunningMoments(3).update(part) + merged
    for stats in (chain, merged):
        assert stats.count == len(x)
        assert_moments(stats, x)


@pytest.mark.parametrize("dtype", [*DTYPES, np.dtype(np.int64)], ids=str)
@pytest.mark.parametrize("offset", [0, 1e6])
def test_row_by_row(dtype: Any, offset: float) -> None:
    """Rows in both forms, from a table of any order; 1e6 deviations from zero where the dtype can."""
    scale = 1 if dtype.itemsize > 2 and dtype.kind != "i" else 100
    x = np.random.default_rng(0).normal(offset if dtype.itemsize > 2 else 1, scale, (3000, 4)).astype(dtype)
    for table in (x, np.asfortranarray(x)):
        stats = RunningMoments(4)
        for i, row in enumerate(table):
            stats.update(row if i % 2 else row[None])
        assert stats.count == 3000
        assert_moments(stats, x)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_large_parts(dtype: Any) -> None:
    """Beyond the size up to which everything is taken in float64."""
    x = fill((90_000, 3), dtype, 1)
    stats = RunningMoments(3).update(x[:80_000]).update(x[80_000:])
    assert_moments(stats, x, 1e-12 if dtype == np.float64 else 1e-6)
    mean, var = cnorm.moments(x, 0)
    np.testing.assert_allclose(stats.mean, mean, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(stats.var(), var, rtol=2e-6)


@given(x=placed(min_dims=1), data=st.data())
def test_any_layout_and_axes(x: Placed, data: st.DataObject) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, x.array.ndim - 1), min_size=1))))
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    given_axes = None if len(axes) == x.array.ndim and data.draw(st.booleans()) else axes
    stats = RunningMoments(kept).update(x.array, given_axes)
    flat = np.moveaxis(x.array.astype(np.float64), axes, range(len(axes))).reshape(
        int(np.prod([x.shape[a] for a in axes])), *kept
    )
    if flat.shape[0]:
        assert_moments(stats, flat)
    else:
        assert np.isnan(stats.mean).all()
    assert x.unchanged()


@given(data=st.data())
def test_a_row_in_any_memory(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(), (1,), (5,), (2, 3)]))
    values = fill(shape, data.draw(st.sampled_from(DTYPES)), 3)
    laid = Placed(values, data.draw(layouts(len(shape))))
    stats = RunningMoments(shape).update(np.zeros((1, *shape))).update(laid.array)
    np.testing.assert_allclose(stats.mean, laid.array.astype(np.float64) / 2, rtol=1e-15)
    assert stats.count == 2 or 0 in shape
    assert laid.unchanged()


def test_numbers_one_by_one() -> None:
    stats = RunningMoments()
    for value in (2, 4.0, np.float32(9), True):
        stats.update(value)
    assert (stats.count, stats.mean, stats.var()) == (4, 4.0, 9.5)
    assert stats.update([]).count == 4
    assert type(stats.count) is int
    assert np.ndim(stats.mean) == np.ndim(stats.std()) == 0


def test_nothing_seen() -> None:
    stats = RunningMoments(2)
    assert stats.count == 0
    for values in (stats.mean, stats.var(), stats.std(), stats.var(1), RunningMoments().mean):
        assert np.isnan(values).all()
    assert RunningMoments(0).update(np.ones((4, 0))).mean.shape == (0,)
    assert RunningMoments(2) + stats == stats
    one = RunningMoments(2).update([1.0, 2.0])
    assert stats + one == one + stats == one


@pytest.mark.parametrize("correction", [0, 1, 0.5, 3, 4])
def test_correction(correction: float) -> None:
    x = fill((3, 5), np.dtype(np.float64), 4)
    stats = RunningMoments(5).update(x)
    var = cnorm.moments(x, 0, correction=correction)[1]
    np.testing.assert_allclose(stats.var(correction), var, rtol=1e-14)
    np.testing.assert_allclose(stats.std(correction), np.sqrt(var), rtol=1e-14)


def test_weights() -> None:
    """One per sample, or broadcast against the data; zero hides what stands there, whatever it is."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(1e3, 1, (40, 3)), rng.integers(0, 4, 40)
    stats = RunningMoments(3).update(x[:10], weights=w[:10]).update(x[10:], weights=w[10:, None])
    assert_moments(stats, x, weights=w[:, None])
    assert stats.count == w.sum()
    assert type(stats.count) is float
    each = rng.random((40, 3))
    each[3, 1] = 0
    x[3, 1] = np.nan
    hidden = RunningMoments(3).update(x, weights=each)
    assert_moments(hidden, np.where(each > 0, x, 0), weights=each)
    np.testing.assert_allclose(hidden.count, each.sum(0))
    assert hidden.count.dtype == np.float64
    assert RunningMoments(3).update(x, weights=np.zeros(40)).count == 0
    one = RunningMoments(3).update(np.zeros(3)).update(np.ones(3), weights=3)
    np.testing.assert_array_equal(one.mean, [0.75] * 3)
    square = fill((4, 4), np.dtype(np.float64), 6)
    mean = np.average(square, 0, weights=[1, 2, 3, 4])
    np.testing.assert_allclose(RunningMoments(4).update(square, weights=[1, 2, 3, 4]).mean, mean, rtol=1e-13)


@pytest.mark.parametrize("policy", ["propagate", "omit", "raise"])
def test_where(policy: Any) -> None:
    """What is hidden is not looked at; counts stay whole; weights count where the mask shows."""
    rng = np.random.default_rng(8)
    x, mask = rng.normal(1e3, 1, (40, 3, 4)), rng.random((40, 3, 4)) > 0.4
    mask[:, 1, 2] = False
    x[~mask] = np.nan
    x[0, 0] = np.inf
    mask[0, 0] = False
    stats = RunningMoments((3, 4), nan_policy=policy)
    for part in (slice(0, 7), slice(7, 8), slice(8, 40)):
        stats.update(x[part], where=mask[part])
    np.testing.assert_array_equal(stats.count, mask.sum(0))
    assert stats.count.dtype == np.int64
    mean, var = cnorm.moments(x, 0, where=mask)
    assert np.isnan(mean[1, 2])
    np.testing.assert_allclose(stats.mean, mean, rtol=1e-14)
    np.testing.assert_allclose(stats.var(), var, rtol=1e-12)
    w = rng.integers(1, 4, 40)
    weighted = RunningMoments((3, 4), nan_policy=policy).update(x, 0, w, where=mask)
    mean, var = cnorm.moments(x, 0, where=mask, weights=w[:, None, None])
    np.testing.assert_allclose((weighted.mean, weighted.var()), (mean, var), rtol=1e-12)
    row = RunningMoments((3, 4), nan_policy=policy).update(x[5], where=mask[5]).update(x[6], where=mask[6])
    np.testing.assert_array_equal(row.count, mask[5].astype(int) + mask[6])
    assert RunningMoments(nan_policy=policy).update(x, None, where=mask).count == mask.sum()


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_nan_and_infinity(rows: int) -> None:
    """What they make of mean and variance depends on the policy, not on the parts."""
    x = np.random.default_rng(6).normal(size=(100, 6))
    x[5, 0], x[7, 1], x[[8, 90], 2], x[[9, 91], 3] = np.nan, np.inf, np.inf, [np.inf, -np.inf]
    x[:, 4] = np.nan
    spread = x[:, 5].std()
    wanted = {
        "propagate": ([np.nan, np.inf, np.inf, np.nan, np.nan, x[:, 5].mean()], [100] * 6),
        "omit": (
            [x[6:, 0].sum() / 99, np.inf, np.inf, np.nan, np.nan, x[:, 5].mean()],
            [99, *[100] * 3, 0, 100],
        ),
    }
    wanted["omit"][0][0] = np.nanmean(x[:, 0])
    for policy, (mean, count) in wanted.items():
        for weights in (None, np.ones(rows)):
            stats = RunningMoments(6, nan_policy=policy)
            for start in range(0, 100, rows):
                part = x[start : start + rows]
                stats.update(part, weights=None if weights is None else weights[: len(part)])
            np.testing.assert_allclose(stats.mean, mean, rtol=1e-12)
            assert (np.broadcast_to(stats.count, 6) == count).all()
            np.testing.assert_array_equal(np.isnan(stats.std()), [policy != "omit", 1, 1, 1, 1, 0])
            np.testing.assert_allclose(stats.std()[5], spread, rtol=1e-12)


def test_nan_may_be_refused() -> None:
    stats = RunningMoments(2, nan_policy="raise").update([[1.0, 2.0]])
    before = stats.copy()
    for weights in (None, [1.0, 1.0]):
        with pytest.raises(ValueError, match='x: contains NaN and nan_policy is "raise"'):
            stats.update([[1.0, np.nan], [0, 0]], weights=weights)
    assert stats == before
    assert stats.update([[1.0, np.nan], [3.0, 4.0]], weights=[0, 1]).count == 2


@pytest.mark.parametrize("size", [1e-100, 1e160, 1e300, 1.5e308])
def test_squares_beyond_float64(size: float) -> None:
    """The deviation is there where the variance is not; rows, tables and small values around them."""
    x = np.random.default_rng(7).uniform(-1, 1, (60, 2)) * [size, 1]
    rows, tables = RunningMoments(2), RunningMoments(2)
    for row in x:
        rows.update(row)
    tables.update(x[:20]).update(x[20:])
    unit = R.wide(size)
    mean, var = R.moments(R.wide(x) / [unit, 1], 0)
    for stats in (rows, tables, rows - RunningMoments(2).update(x[:20]) + RunningMoments(2).update(x[:20])):
        np.testing.assert_allclose(R.wide(stats.mean) / [unit, 1], mean.astype(float), rtol=1e-12, atol=1e-13)
        std = R.wide(stats.std()) / [unit, 1]
        np.testing.assert_allclose(std, np.sqrt(var).astype(float), rtol=1e-12)


@pytest.mark.parametrize("offset", [0, 1e6])
def test_a_part_taken_out(offset: float) -> None:
    """A window that slides over the data: the error stays that of the moments."""
    x = np.random.default_rng(8).normal(offset, [1, 2, 3], (5000, 3))
    parts = [RunningMoments(3).update(x[i : i + 100]) for i in range(0, 5000, 100)]
    window = RunningMoments(3)
    for i, part in enumerate(parts):
        window = window + part
        if i >= 10:
            window = window - parts[i - 10]
    assert window.count == 1000
    assert_moments(window, x[-1000:], 1e-11)
    assert (window - window).count == 0
    assert np.isnan((window - window).mean).all()
    assert window - RunningMoments(3) == window


@pytest.mark.parametrize("keep", [6, 100, 3000])
def test_the_bound_of_what_may_be_left(keep: int) -> None:
    """Errors grow at most by the documented factor, 1024."""
    x = np.random.default_rng(9).normal(1e3, 1, 5000)
    rest = RunningMoments().update(x) - RunningMoments().update(x[keep:])
    assert_moments(rest, x[:keep], 1024 * 1e-15)


@st.composite
def windows(draw: st.DrawFn) -> list[tuple[int, Array]]:
    """Steps of a chain: +1 takes a new part in, -1 the oldest one out; parts fade, grow or stay alike."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    factor = draw(st.sampled_from([0.6, 0.8, 1.0, 0.01, 1.5]))
    offset = draw(st.sampled_from([0.0, 3.0, 1e3]))
    width, steps, waiting, size = draw(st.integers(1, 5)), [], [], 1.0
    for more in draw(st.lists(st.integers(-1, 12), min_size=draw(st.sampled_from([1, 60])), max_size=80)):
        if more >= 0:  # mostly a window of one width that slides
            size *= factor
            waiting.append(size * (offset + rng.normal(size=(draw(st.integers(1, 6)), 2))))
            steps.append((1, waiting[-1]))
        if waiting and (more < 0 or (more > 0 and len(waiting) > width)):
            steps.append((-1, waiting.pop(0)))
    return steps


def step(window: RunningMoments, sign: int, part: Array, rows: bool = False) -> RunningMoments | None:
    """A part more or less; None where too little is left."""
    try:
        if not rows or sign < 0:
            other = RunningMoments(part.shape[1:]).update(part)
            return window + other if sign > 0 else window - other
        for row in part:
            window.update(row)
    except ValueError as error:
        problem = str(error)
    else:
        return window
    assert re.match("(x|other): too little is left", problem)
    return None


@given(steps=windows(), rows=st.booleans())
def test_any_chain_keeps_its_digits(steps: list[tuple[int, Array]], rows: bool) -> None:
    """Or says at the step where they are lost that they are, and is as before."""
    window, inside = RunningMoments(2), []
    for sign, part in steps:
        before = window.copy()
        after = step(window, sign, part, rows)
        if after is None:
            assert rows or window == before
            return
        window = after
        inside = [*inside, part] if sign > 0 else inside[1:]
        if inside:
            x = np.concatenate(inside)
            mean, var = R.moments(x, 0)
            assert window.count == len(x)
            if len(x) > 1:
                size = np.maximum(np.abs(mean), np.sqrt(var))
                assert np.all(np.abs(R.wide(window.mean) - mean) <= 1024 * 3e-15 * size)
            assert np.all(np.abs(R.wide(window.var()) - var) <= 1024 * 3e-15 * var)


def test_a_window_says_when_its_digits_are_gone() -> None:
    """Each step leaves enough of the one before, all of them together do not."""
    t = np.arange(60_000) * 1e-3
    parts = np.split(np.sin(t) * np.exp(-t), 600)
    window = RunningMoments()
    for i, part in enumerate(parts):
        window = window + RunningMoments().update(part)
        after = step(window, -1, parts[i - 20]) if i >= 20 else window
        if after is None:
            break
        window = after
        assert_moments(window, np.concatenate(parts[max(i - 19, 0) : i + 1]), 1024 * 1e-14)
    assert 20 < i < 200


@pytest.mark.parametrize("how", ["update", "rows", "weights", "merge", "add"])
def test_what_is_left_of_one_value_is_no_ground(how: str) -> None:
    """One value that is left has the digits of what it stood beside: nothing small may join it."""
    window = RunningMoments().update([1e8, 1.0]) - RunningMoments().update(1e8)
    assert (window.count, window.var()) == (1, 0)
    before = window.copy()
    small = np.array([1.0, 1 + 1e-7])
    call = {
        "update": lambda: window.update(small),
        "rows": lambda: window.update(small[1]),
        "weights": lambda: window.update(small, weights=[1, 1]),
        "merge": lambda: window.merge(RunningMoments().update(small)),
        "add": lambda: window + RunningMoments().update(small),
    }[how]
    name = "other" if how in ("merge", "add") else "x"
    with pytest.raises(ValueError, match=f"^{name}: too little is left"):
        call()
    assert window == before
    window = window + RunningMoments().update([3e8, 2e8])
    assert_moments(window, np.array([1.0, 3e8, 2e8]), 1e-12)


def test_what_was_lost_is_handed_on() -> None:
    """By copies, pickles, sums and differences; a window that was emptied has lost nothing."""
    big, small = RunningMoments().update([1e3, -1e3, 1.0, 2.0, 4.0]), RunningMoments().update([1e3, -1e3])
    fine = RunningMoments().update([1.0, 2, 4])
    with pytest.raises(ValueError, match="too little"):
        big - small
    half = RunningMoments().update([1e3, -1e3, 100.0, 50.0, 10.0]) - small
    gone = RunningMoments().update(100.0)
    for window in (half, half.copy(), copy.copy(half), pickle.loads(pickle.dumps(half)), half + fine):
        with pytest.raises(ValueError, match="too little"):
            window - gone
    with pytest.raises(ValueError, match="too little"):
        (fine + half) - gone
    empty = half - half
    assert (empty + fine) - RunningMoments().update(4.0) == fine - RunningMoments().update(4.0)


def test_one_value_left_has_no_spread() -> None:
    rest = RunningMoments().update([1.0, 5.0]) - RunningMoments().update(5.0)
    assert (rest.count, rest.mean, rest.var()) == (1, 1.0, 0.0)


def test_what_cannot_be_taken_out() -> None:
    x = np.random.default_rng(10).normal(size=5000)
    stats, part = RunningMoments().update(x), RunningMoments().update(x[4:])
    before = stats.copy()
    flat = np.r_[np.zeros(500), x[:500]]
    cases = [
        (part - RunningMoments().update(x[:2000]), stats, "more elements"),
        (stats, part, "too little is left"),  # elements
        (RunningMoments().update(flat), RunningMoments().update(flat[500:]), "too little is left"),  # squares
        (stats, RunningMoments().update([1.0, np.nan]), "NaN or infinity"),
    ]
    for whole, gone, message in cases:
        with pytest.raises(ValueError, match=f"^other: .*{message}"):
            whole - gone
    assert stats == before
    poisoned = stats + RunningMoments().update(np.inf)
    assert (poisoned - part).mean == np.inf


def test_the_state_is_that_of_the_scaler() -> None:
    """Both merge the same states by the same functions: the same bits."""
    x = np.random.default_rng(11).normal(1e6, 1, (300, 4))
    stats, scaler = RunningMoments(4), StandardScaler()
    for part in np.split(x, [7, 100, 101]):
        stats.update(part)
        scaler.partial_fit(part)
    np.testing.assert_array_equal(stats.mean, scaler.mean_)
    np.testing.assert_array_equal(stats.var(), scaler.var_)
    assert stats.count == scaler.n_samples_seen_


def test_copies_and_equality() -> None:
    x = fill((10, 3), np.dtype(np.float64), 12)
    stats = RunningMoments(3, nan_policy="omit").update(x)
    twins = [copy.copy(stats), copy.deepcopy(stats), pickle.loads(pickle.dumps(stats)), stats.copy()]
    for twin in twins:
        assert twin == stats
        assert repr(twin) == repr(stats)
        twin.update(x)
        assert twin != stats
        assert (twin.count, stats.count) == (20, 10)
    assert stats != RunningMoments(3).update(x)
    assert stats != RunningMoments((1, 3), nan_policy="omit")
    assert stats != "stats"
    assert RunningMoments().update(np.nan) == RunningMoments().update(np.nan)
    with pytest.raises(TypeError, match="unhashable"):
        hash(stats)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_pickle_protocol(protocol: int) -> None:
    class Named(RunningMoments):
        """With a dictionary of its own."""

    globals()["Named"] = Named
    Named.__qualname__ = "Named"
    stats = RunningMoments(3, nan_policy="omit").update(
        fill((10, 3), np.dtype(np.float64), 12), weights=[1] * 10
    )
    for before in (stats, stats - RunningMoments(3, nan_policy="omit").update(np.ones(3)), RunningMoments()):
        twin = pickle.loads(pickle.dumps(before, protocol))
        assert twin == before
        assert repr(twin) == repr(before)
        assert twin.update(np.ones(twin.shape)) == before.copy().update(np.ones(before.shape))
    named = Named(2)
    named.name = "latency"
    assert pickle.loads(pickle.dumps(named, protocol)).name == "latency"


def test_a_pickle_of_an_earlier_version() -> None:
    """It has fewer attributes."""
    stats = RunningMoments(2).update([[1.0, 2.0], [3.0, 5.0]])
    _, slots = stats.__getstate__()
    twin = RunningMoments.__new__(RunningMoments)
    twin.__setstate__(
        (None, {name: value for name, value in slots.items() if name not in ("_peak", "_lone")})
    )
    assert twin == stats
    assert twin.update(np.ones(2)) == stats.update(np.ones(2))
    assert twin - RunningMoments(2).update(np.ones(2)) == stats - RunningMoments(2).update(np.ones(2))


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("nan", [False, True])
@pytest.mark.parametrize("rows", [1, 5])
def test_weights_and_masks_of_every_shape(shape: tuple[int, ...], nan: bool, rows: int) -> None:
    """Whatever broadcasts, beside NaN or not, gives what the same written out gives."""
    x = fill((rows, *shape), np.dtype(np.float64), 3)
    if nan:
        x.flat[0] = np.nan
    for policy in ("propagate", "omit"):
        plain = RunningMoments(shape, nan_policy=policy).update(x)
        for how in (
            {"where": True},
            {"where": np.ones((1,) * x.ndim, bool)},
            {"weights": 1},
            {"weights": 2.0},
            {"weights": np.full((1,) * x.ndim, 2.0)},
            {"weights": np.full(rows, 2)},
            {"weights": 2.0, "where": True},
            {"weights": np.full(x.shape, 2.0), "where": np.ones((1,) * x.ndim, bool)},
        ):
            stats = RunningMoments(shape, nan_policy=policy).update(x, **how)
            times = np.max(how.get("weights", 1))
            np.testing.assert_array_equal(stats.count, np.multiply(plain.count, times))
            np.testing.assert_allclose(stats.mean, plain.mean, rtol=1e-14)
            np.testing.assert_allclose(stats.var(), plain.var(), rtol=1e-14, atol=1e-30)


def test_results_are_no_views() -> None:
    stats = RunningMoments(3, nan_policy="omit").update([[1.0, 2.0, np.nan]])
    before = stats.copy()
    for values in (stats.mean, stats.var(), stats.std(), stats.count):
        values[...] = 7
    assert stats == before


def test_repr() -> None:
    assert repr(RunningMoments()) == "RunningMoments(shape=(), count=0)"
    omit = RunningMoments(2, nan_policy="omit").update([[1.0, np.nan], [1, 2]])
    assert repr(omit) == "RunningMoments(shape=(2,), count=1..2, nan_policy='omit')"
    assert repr(RunningMoments((0, 2))) == "RunningMoments(shape=(0, 2), count=0)"


UPDATES: list[tuple[str, type[Exception], Any]] = [
    ("x", ValueError, lambda s: s.update(np.ones(4))),
    ("x", ValueError, lambda s: s.update(np.ones((3, 1)))),
    ("x", ValueError, lambda s: s.update(np.ones((3, 4)))),
    ("x", ValueError, lambda s: s.update(np.ones((2, 3)), axis=1)),
    ("x", ValueError, lambda s: s.update(np.ones((2, 3)), axis=None)),
    ("x", ValueError, lambda s: s.update(1.0)),
    ("x", ValueError, lambda s: s.update([[1.0], [1.0, 2.0]])),
    ("x", TypeError, lambda s: s.update(np.ones(3, complex))),
    ("x", TypeError, lambda s: s.update(np.ones((2, 3), np.longdouble))),
    ("x", TypeError, lambda s: s.update("abc")),
    ("x", TypeError, lambda s: s.update(None)),
    ("axis", ValueError, lambda s: s.update(np.ones((2, 3)), axis=2)),
    ("axis", ValueError, lambda s: s.update(np.ones(3), axis=7)),
    ("axis", TypeError, lambda s: s.update(np.ones(3), axis="0")),
    ("axis", TypeError, lambda s: s.update(np.ones((1, 3)), axis=0.0)),
    ("weights", ValueError, lambda s: s.update(np.ones((2, 3)), weights=np.ones(4))),
    ("weights", ValueError, lambda s: s.update(np.ones((2, 3)), weights=[1, -1])),
    ("weights", ValueError, lambda s: s.update(np.ones((2, 3)), weights=[1, np.nan])),
    ("weights", TypeError, lambda s: s.update(np.ones((2, 3)), weights=[1j, 1])),
    ("where", TypeError, lambda s: s.update(np.ones((2, 3)), where=[1, 0, 1])),
    ("where", ValueError, lambda s: s.update(np.ones((2, 3)), where=[True, False])),
    ("other", TypeError, lambda s: s.merge(np.ones(3))),
    ("other", ValueError, lambda s: s.merge(RunningMoments(2))),
    ("other", ValueError, lambda s: s.merge(RunningMoments(3, nan_policy="omit"))),
    ("other", ValueError, lambda s: s + RunningMoments((3, 1))),
    ("other", ValueError, lambda s: s - RunningMoments(2)),
    ("correction", TypeError, lambda s: s.var("1")),
    ("correction", TypeError, lambda s: s.std(None)),
]


@pytest.mark.parametrize("i", range(len(UPDATES)))
def test_refused(i: int) -> None:
    """The message names the argument, the state is as it was."""
    name, error, call = UPDATES[i]
    stats = RunningMoments(3).update(np.arange(6.0).reshape(2, 3))
    before = stats.copy()
    with pytest.raises(error, match=f"^{name}: "):
        call(stats)
    assert stats == before


def test_refused_operands() -> None:
    for operation in (lambda s: s + 1, lambda s: 1 + s, lambda s: s - np.ones(3).tolist()):
        with pytest.raises(TypeError, match="unsupported operand"):
            operation(RunningMoments(3))


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (-1, ValueError),
        (2**63, ValueError),
        (10**40, ValueError),
        ((1,) * 64, ValueError),
        ((2, -3), ValueError),
        (2.0, TypeError),
        ("3", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_refused_shapes(bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^shape: "):
        RunningMoments(bad)
    with pytest.raises(ValueError, match=r"^nan_policy: "):
        RunningMoments(nan_policy=bad)


def test_the_most_dimensions() -> None:
    shape = (1,) * 62
    stats = RunningMoments(shape).update(np.ones(shape)).update(np.full((2, *shape), 4.0))
    assert stats.mean.shape == shape
    assert stats.mean.item() == 3


def test_readers_see_whole_updates() -> None:
    """While one thread adds rows of zeros and ones in pairs, others see a mean that fits the count."""
    stats = RunningMoments(64)
    rows = [np.zeros(64), np.ones(64)]
    done, problems = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            seen = stats.copy()
            if seen.count and (abs(seen.mean - (seen.count // 2) / seen.count) > 1e-12).any():
                problems.append(seen)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(256):
        stats.update(rows[i % 2])
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert stats.count == 256


def test_bfloat16_rows() -> None:
    stats = RunningMoments(3)
    for row in np.arange(12).reshape(4, 3).astype(BFLOAT16):
        stats.update(row)
    np.testing.assert_array_equal(stats.mean, [4.5, 5.5, 6.5])


def test_a_pickle_on_any_memory_merges_to_the_same_bits() -> None:
    """Buffers out of band lie where the receiver put them, as those of a cluster's messages do."""
    first, second = (cnorm.RunningMoments((8, 10)).update(x) for x in rng_parts())
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(first, protocol=5, buffer_callback=buffers.append)
    (state,) = (b.raw() for b in buffers)
    memory = bytearray(b"-" + bytes(state))
    received = pickle.loads(data, buffers=[memoryview(memory)[1:]])
    assert not received._state.flags.aligned
    assert received + second == first + second
    assert second + received == second + first
    assert received.copy().update(np.ones((3, 8, 10))) == first.copy().update(np.ones((3, 8, 10)))


def rng_parts() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(1e6, 1, (5, 8, 10)), rng.normal(1e6, 1, (7, 8, 10))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("policy", ["propagate", "omit", "raise"])
def test_rows_are_taken_in_at_once(dtype: Any, policy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    x = (3 + rng.standard_normal((6, 5))).astype(dtype)
    holed, w = x.copy(), rng.random(6)
    holed[1, 2] = np.nan
    given: list[tuple[Array, Any]] = [(x, None), (x, w), (x, w.astype(np.float32)), (x[1:2], w[:1])]
    given += [(x.T.copy().T, w), (holed, None if policy != "raise" else w), (x, 1e-30 * w), (x, 0 * w)]

    def states(short: bool) -> list[Any]:
        with monkeypatch.context() as patch:
            if not short:
                patch.setattr(RunningMoments, "_take_rows", lambda *_: False)
            found: list[Any] = []
            for batch, weights in given:
                stats = RunningMoments(5, nan_policy=policy).update(x[0])
                try:
                    found.append(stats.update(batch, weights=weights)._state.tobytes())
                except ValueError as error:
                    found.append(str(error))
        return found

    assert states(short=True) == states(short=False)
