"""What the core makes of ordinary statistics is, bit for bit, what NumPy makes of any."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, Array

from cnorm._native import channels, core, maps, reductions, tables
from cnorm._native import states as native
from cnorm._norms import batch
from cnorm._stats import passes
from cnorm._stats import state as states
from cnorm.preprocessing import _exact, _maps

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
FLOATS = [F32, F64, np.dtype(np.float16), BFLOAT16]
seeds = st.integers(0, 2**32 - 1)
# Beside ordinary numbers those that are not.
odd = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-320, 1e-200, 1e-40, 1e40, 1e200, 1e308])


def some(seed: int, n: int, share: float) -> Array:
    """Numbers of many sizes, a share of them odd."""
    r = np.random.default_rng(seed)
    values = r.standard_normal(n) * 10.0 ** r.integers(-9, 9, n)
    return np.where(r.random(n) < share, r.choice(odd, n), values)


def made(seed: int, n: int, share: float) -> Array:
    """States, a share of whose numbers is odd."""
    r = np.random.default_rng(seed)
    state = np.empty((n, 5))
    state[:, 0] = r.integers(0 if share else 1, 99, n)
    state[:, 1] = some(seed + 1, n, share)
    state[:, 2] = state[:, 1] * 2.0**-54 * r.standard_normal(n)
    state[:, 3] = np.abs(some(seed + 2, n, share))
    state[:, 4] = np.where(r.random(n) < share / 4, 2.0**-20, 1)
    return state


def careful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core has nothing to say."""
    monkeypatch.setattr(native, "spreads", lambda *_: None)
    for name in ("factors", "inverse_ranges", "largest", "meet"):
        monkeypatch.setattr(maps, name, lambda *_: None)
    monkeypatch.setattr(maps, "moderate", lambda _: False)
    monkeypatch.setattr(native, "average", lambda _: None)


def bits(value: Any) -> Any:
    """Of all arrays in it."""
    if isinstance(value, tuple):
        return [bits(v) for v in value]
    return (
        None
        if value is None
        else (np.asarray(value).shape, np.asarray(value).dtype, np.asarray(value).tobytes())
    )


def both(function: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
    """What it gives, and what it gives without the core."""
    quick = function(*args, **options)
    with pytest.MonkeyPatch.context() as patch:
        careful(patch)
        return bits(quick), bits(function(*args, **options))


@given(seed=seeds, n=st.integers(1, 9), share=st.sampled_from([0, 0.05]))
def test_states(seed: int, n: int, share: float) -> None:
    state = made(seed, n, share)
    for function in (states.values_of, states.divisors):
        quick, slow = both(function, state)
        assert quick == slow
    quick, slow = both(states.deviation, state, 0)
    assert quick == slow


@given(seed=seeds, n=st.integers(1, 9), share=st.sampled_from([0, 0.05]), dtype=st.sampled_from([F32, F64]))
def test_standard_maps(seed: int, n: int, share: float, dtype: np.dtype[Any]) -> None:
    state = made(seed, n, share)
    quick, slow = both(_maps.standard_map, dtype, state, states.divisors(state))
    assert quick == slow


@given(
    seed=seeds,
    n=st.integers(1, 9),
    share=st.sampled_from([0, 0.05]),
    dtype=st.sampled_from([F32, F64, np.dtype(np.float16)]),
    target=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (3.0, 7.7), (0.1, 0.3)]),
)
def test_exact_maps(
    seed: int, n: int, share: float, dtype: np.dtype[Any], target: tuple[float, float]
) -> None:
    one, other = some(seed, n, share), some(seed + 1, n, share)
    low, high = np.fmin(one, other), np.fmax(one, other)

    def exact(dtype: np.dtype[Any], low: Array, high: Array) -> Any:
        factor, regular = _exact.ranges(low, high, _exact.resolution(dtype))
        return _exact.exact_map(dtype, (low, high), factor, regular, target)

    with np.errstate(all="ignore"):
        quick, slow = both(exact, dtype, low, high)
        assert quick == slow
        largest = np.fmax(np.abs(low), np.abs(high))
        quick, slow = both(_exact.ratio_map, dtype, largest + (largest == 0))
        assert quick == slow


def test_ordinary_ones_are_seen() -> None:
    """Else everything would be right, and slow."""
    state = reductions.moments(np.random.default_rng(0).standard_normal((50, 7)) + 5, (0,))
    assert native.spreads(state) is not None
    assert native.spreads(state, 50) is not None
    assert native.spreads(state, 49) is None
    assert maps.factors(state, states.divisors(state)) is not None
    assert maps.inverse_ranges(np.zeros(3), np.ones(3), 1e-6) is not None
    x = np.random.default_rng(1).uniform(1, 2, 100)
    found = maps.meet(x, np.zeros(100), 1 / x, None, 0.0, 1.0, True)
    assert found is not None
    assert found[1] is found[2] is None


def test_what_needs_care_is_left() -> None:
    state = reductions.moments(np.ones((9, 3)), (0,))
    assert native.spreads(state) is None
    assert native.spreads(state[::2]) is None
    assert native.spreads(np.ones((3, 4))) is None
    assert maps.factors(state, np.zeros((1, 3))) is None
    assert maps.factors(state, np.ones(4)) is None
    assert maps.inverse_ranges(np.ones(3), np.ones(3), 1e-6) is None
    assert maps.inverse_ranges(np.ones(3), np.ones(2), 1e-6) is None
    x = np.ones(3)
    for bad in (x[::2], np.ones(2), np.ones(3, F32)):
        assert maps.meet(x, bad, x, None, 0.0, 1.0, True) is None
        assert maps.meet(x, x, bad, None, 0.0, 1.0, True) is None
        assert maps.meet(x, x, x, bad, 0.0, 1.0, True) is None
    assert maps.meet(x, x, x, np.ones(2, np.bool_), 0.0, 1.0, True) is None


@given(seed=seeds, n=st.integers(0, 70), dtype=st.sampled_from(FLOATS), share=st.sampled_from([0, 0.02]))
def test_finite(seed: int, n: int, dtype: np.dtype[Any], share: float) -> None:
    with np.errstate(over="ignore"):
        x = some(seed, n, share).astype(dtype)
    assert reductions.finite(x) == bool(np.isfinite(x).all())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("odd", [(), (np.inf,), (-np.inf,), (np.nan,), (np.nan, np.inf), (np.nan, -np.inf)])
@pytest.mark.parametrize("shape", [(3, 7), (130, 131)])
def test_infinity_and_nan_are_found_wherever_they_are(
    dtype: np.dtype[Any], odd: tuple[float, ...], shape: tuple[int, ...]
) -> None:
    whole = np.random.default_rng(0).standard_normal((2 * shape[0], shape[1])).astype(dtype)
    for x in (whole[::2], whole[: shape[0]], whole[: shape[0]].T, whole[shape[0] :].astype(dtype)[::-1]):
        x.flat[len(x) : len(x) + len(odd)] = odd
        assert passes.specials(x) == (bool(np.isinf(odd).any()), bool(np.isnan(odd).any()))
        assert passes.is_finite(x) == (not odd)
    assert passes.specials(np.full(5, np.nan, dtype)) == (False, True)
    assert passes.specials(np.ones(3, np.int8)) == passes.specials(np.ones(0, dtype)) == (False, False)


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16])
def test_widened_floats_lie_as_they_lay(dtype: np.dtype[Any]) -> None:
    x = np.random.default_rng(0).standard_normal((4, 6, 5)).astype(dtype)
    for a in (x, x.T, np.asfortranarray(x)):
        y = core.widen(a)
        assert y is not None
        assert y.dtype == F32
        assert y.strides == tuple(2 * s for s in a.strides)
        assert (y == a.astype(F32)).all()
    assert core.widen(x[:, ::2]) is None
    assert core.widen(x.astype(F32)) is None


def test_finite_says_no_where_it_can_not_look() -> None:
    x = np.ones((4, 6), F32)
    assert reductions.finite(x.T)
    assert not reductions.finite(x[:, ::2])
    assert not reductions.finite(x.astype(np.int32))
    assert not reductions.finite(x.astype(">f4"))


@given(seed=seeds, share=st.floats(0, 1), dtype=st.sampled_from([F32, F64]))
def test_moving_averages(seed: int, share: float, dtype: np.dtype[Any]) -> None:
    running, new = some(seed, 5, 0).astype(dtype), some(seed + 1, 5, 0)
    other = running[::-1].copy()
    expected = [((1 - share) * r.astype(F64) + share * new).astype(dtype) for r in (running, other)]
    assert native.move(running, other, new, new, share)
    assert [running.tobytes(), other.tobytes()] == [e.tobytes() for e in expected]


def test_moving_averages_that_need_care() -> None:
    running, other, new = np.zeros(4), np.zeros(4), np.ones(4)
    locked = np.zeros(4)
    locked.flags.writeable = False
    for mean, to in (
        (running[::2], new[:2]),
        (running, new[:3]),
        (running, new.astype(F32)),
        (locked, new),
        (other, new),
    ):
        assert not native.move(mean, other, to, new, 0.5)
        assert not native.move(other, mean, new, to, 0.5)
    assert not running.any()
    assert not other.any()


@given(
    seed=seeds,
    samples=st.sampled_from([1, 2, 7, 8, 9, 17, 130, 300]),
    n=st.integers(1, 4),
    share=st.sampled_from([0, 0.05]),
)
def test_averages_of_instances(seed: int, samples: int, n: int, share: float) -> None:
    """Their order is that of NumPy's sums, of one channel in eight accumulators."""
    state = made(seed, samples * n, share).reshape(samples, n, 1, 1, 5)
    state[..., states.COUNT] = 12
    plain = native.average(state)
    assert plain is not None or share
    with np.errstate(all="ignore"):
        quick, slow = both(batch.means_of_instances, state)
    assert [(size, data) for (*_, size, data) in quick] == [(size, data) for (*_, size, data) in slow]


@given(seed=seeds, n=st.integers(1, 9), share=st.sampled_from([0, 0.05]), dtype=st.sampled_from(FLOATS))
def test_maps_of_largest(seed: int, n: int, share: float, dtype: np.dtype[Any]) -> None:
    a, b = some(seed, n, share), some(seed + 1, n, share)
    ends = np.fmin(a, b).reshape(1, n), np.fmax(a, b).reshape(1, n)
    quick, slow = both(_exact.largest_map, dtype, ends)
    assert quick == slow


@given(seed=seeds, n=st.sampled_from([1, 3, 8, 20, 130, 300]), share=st.sampled_from([0, 0.05]))
def test_norms_compared(seed: int, n: int, share: float) -> None:
    norms, weight = np.abs(some(seed, 2 * n, share)).reshape(2, 1, 1, n), some(seed + 1, n, share)
    eps = np.array([1e-6, 0.0]).reshape(2, 1, 1, 1)
    with np.errstate(all="ignore"):
        below = norms.mean(-1, keepdims=True) + eps
        expected = np.where(below == 0, 1, norms / below * weight + 1)
    np.testing.assert_array_equal(channels.compare_norms(norms, eps, weight), expected)


@given(seed=seeds, n=st.integers(1, 200), share=st.sampled_from([0, 0.05]))
def test_lengths(seed: int, n: int, share: float) -> None:
    """Within a unit in the last place of libm's, which has them so, too, where it is new."""
    values, least = some(seed, n, share), abs(float(some(seed + 1, 1, 0)[0]))
    with np.errstate(all="ignore"):
        wanted, found = np.hypot(values, least), tables.lengths(values, least)
        close = (found == wanted) | (np.abs(found - wanted) <= np.spacing(wanted))
        assert (close | (np.isnan(found) & np.isnan(wanted))).all()
