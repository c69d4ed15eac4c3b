"""Calls that are taken at once, without the careful steps: by both ways the results have the same bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import cnorm
import cnorm.functional as F
from cnorm import stats
from cnorm._native import channels, glance, maps, norms, reduced, sparse, windows
from cnorm._stats import scaled

Way = tuple[Any, str]  # where a short way is looked up, and its name
Made = Callable[..., Any]

WINDOWS: Way = (windows, "at_once")
DECAYED: Way = (windows, "decayed_at_once")
CALLS: dict[str, tuple[Way, Made]] = {
    **{
        f"move_{name}": (WINDOWS, partial(getattr(stats, f"move_{name}"), window=3))
        for name in ("sum", "mean", "var", "std", "min", "max", "argmin", "argmax")
    },
    "move_var, ddof": (WINDOWS, partial(stats.move_var, window=4, min_count=1, ddof=1.5)),
    "move_mean, axis": (WINDOWS, partial(stats.move_mean, window=2, axis=0)),
    "rolling_moments": (WINDOWS, partial(cnorm.rolling_moments, window=3)),
    "rolling_moments, center": (
        WINDOWS,
        partial(cnorm.rolling_moments, window=70, min_count=0, center=True, correction=1, axis=-2),
    ),
    "rolling_standardize": (WINDOWS, partial(cnorm.rolling_standardize, window=3, min_count=2)),
    "ewm_moments": (DECAYED, partial(cnorm.ewm_moments, alpha=0.25, min_count=2)),
    "ewm_moments, halflife": (DECAYED, partial(cnorm.ewm_moments, halflife=3, adjust=False, axis=0)),
}


def vector(n: int, seed: int, dtype: Any = np.float32) -> Any:
    """Positive floats."""
    return (np.random.default_rng(seed).random(n) + 0.5).astype(dtype)


def of_four_axes(x: Any) -> Any:
    """(5, 2, 3, 1) of (5, 6)."""
    return x.reshape(len(x), 2, 3, 1)


def switched(x: Any, *, kinds: int = 3, given: bool = True, **more: Any) -> Any:
    """Two channels, and running statistics as they are then."""
    kind = np.float64 if x.dtype == np.float64 else np.float32
    running = [vector(2, i) for i in range(2)] if given else [None, None]
    affine = [vector(2, i, kind) for i in (2, 3)] if given else [None, None]
    y = F.switchable_norm(of_four_axes(x), vector(kinds, 4), vector(kinds, 5), *running, *affine, **more)
    return (y, *running) if given else y


def folded(x: Any, bias: Any, affine: bool) -> Any:
    """A weight of five channels."""
    b, mean, var, by, to = (vector(5, i) for i in range(5))
    return F.fold_batch_norm(x, b if bias else None, mean, var, *((by, to) if affine else (None, None)))


def responded(x: Any) -> Any:
    kind = np.float64 if x.dtype == np.float64 else np.float32
    return F.global_response_norm(of_four_axes(x), vector(1, 0, kind), vector(1, 1, kind))


def pooled(x: Any, **more: Any) -> Any:
    """Tokens of three dimensions, the mask without the last axis."""
    shown = np.random.default_rng(3).random((5, 2)) > 0.4
    return cnorm.mean_pool(x.reshape(5, 2, 3), shown, **more)


def seen(x: Any, way: str, **more: Any) -> Any:
    moments = cnorm.RunningMoments(6).update(np.random.default_rng(4).standard_normal((9, 6)))
    return getattr(moments, way)(x, **more)


SWITCH: Way = (channels, "switch_at_once")
RESPONSE: Way = (norms, "respond_at_once")
POOL: Way = (reduced, "pool_at_once")
ROOTS: Way = (scaled, "by_roots")
CALLS |= {
    "switchable_norm": (SWITCH, switched),
    "switchable_norm, training": (SWITCH, partial(switched, training=True)),
    "switchable_norm, two kinds": (SWITCH, partial(switched, kinds=2, given=False)),
    "switchable_norm, where": (SWITCH, partial(switched, where=np.arange(5).reshape(5, 1, 1, 1) > 0)),
    "local_response_norm": (RESPONSE, lambda x: F.local_response_norm(of_four_axes(x), 4)),
    "local_response_norm, exponent": (RESPONSE, lambda x: F.local_response_norm(x[None], 3, 0.5, 1.25, 2.0)),
    "cross_map_lrn2d": (RESPONSE, lambda x: F.cross_map_lrn2d(x.reshape(1, 30, 1, 1), 4, k=2.0)),
    "global_response_norm": ((channels, "response_output"), responded),
    "fold_batch_norm": ((channels, "fold_at_once"), partial(folded, bias=True, affine=True)),
    "fold_batch_norm, plain": ((channels, "fold_at_once"), partial(folded, bias=False, affine=False)),
    "mean_pool": (POOL, pooled),
    "mean_pool, normalize": (POOL, partial(pooled, normalize=True)),
    "mean_pool, no mask": (POOL, lambda x: cnorm.mean_pool(x, None)),
    "normalize by a stream": (ROOTS, partial(seen, way="normalize")),
    "denormalize by a stream": (ROOTS, partial(seen, way="denormalize", eps=0.5)),
}
LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "plain": lambda x: x,
    "turned": lambda x: x.T.copy().T,
    "apart": lambda x: np.repeat(x, 2, -1)[..., ::2],
    "backwards": lambda x: x[::-1].copy()[::-1],
    "read-only": lambda x: np.broadcast_to(x, x.shape),
}


def same(a: Any, b: Any) -> None:
    """Bits, dtypes and how the memory lies."""
    if isinstance(a, tuple):
        for one, other in zip(a, b, strict=True):
            same(one, other)
        return
    assert (type(a), a.dtype, a.shape, a.strides) == (type(b), b.dtype, b.shape, b.strides)
    np.testing.assert_array_equal(a, b, strict=True)
    np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def taken(way: Way, call: Callable[[], Any]) -> tuple[Any, Any, bool]:
    """By the short way and without it, and did that have a result?"""
    found: list[Any] = []
    where, name = way
    short = getattr(where, name)

    def watched(*arguments: Any) -> Any:
        found.append(short(*arguments))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, name, watched)
        quick = call()
        patch.setattr(where, name, lambda *_: None)
        return quick, call(), bool(found) and found[-1] is not None


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "float16"])
@pytest.mark.parametrize("name", CALLS)
def test_both_ways_give_the_same_bits(name: str, dtype: Any, layout: str) -> None:
    way, made = CALLS[name]
    x = LAYOUTS[layout]((np.random.default_rng(0).standard_normal((5, 6)) * 8 + 3).astype(dtype))
    try:
        quick, careful, _ = taken(way, lambda: made(x))
    except TypeError:
        assert dtype == "int16"
        return
    same(quick, careful)


@pytest.mark.parametrize("name", CALLS)
def test_what_is_plain_takes_the_short_way(name: str) -> None:
    way, made = CALLS[name]
    x = np.random.default_rng(1).standard_normal((5, 6)).astype(np.float32)
    assert taken(way, lambda: made(x))[2]


@pytest.mark.parametrize(
    ("name", "value"), [("window", 7), ("window", True), ("axis", 2), ("min_count", 4), ("ddof", "1")]
)
def test_what_windows_refuse_is_left_to_the_careful_way(name: str, value: Any) -> None:
    x = np.zeros((5, 6), np.float32)
    with pytest.raises((TypeError, ValueError), match=f"^{name}: expected"):
        stats.move_var(x, **{"window": 3, name: value})


def test_out_is_written_at_once_where_it_is_apart() -> None:
    x = np.random.default_rng(2).standard_normal((4, 8)).astype(np.float32)
    wanted, y = cnorm.rolling_standardize(x, 3), np.empty_like(x)
    assert cnorm.rolling_standardize(x, 3, out=y) is y
    same(y, wanted)
    assert cnorm.rolling_standardize(x, 3, out=x) is x
    same(x, wanted)


def test_masks_of_lengths() -> None:
    for dtype in (np.int32, np.int64, np.int16):
        for given in ([3, 0, 8], [], [8]):
            lengths = np.array(given, dtype)
            quick, careful, done = taken(
                (glance, "show_lengths"), lambda of=lengths: cnorm.length_mask(of, 8)
            )
            same(quick, careful)
            assert done == (dtype is not np.int16)
    for bad in ([-1], [9], [1, -(2**40)]):
        assert glance.show_lengths(np.array(bad), 8) is None


def test_divisors_of_a_sparse_matrix() -> None:
    by = np.array([2, 0, -0.0, np.nan], np.float32)
    same(sparse.divisors(by, 4), np.array([2, 1, 1, np.nan]))
    for bad in (by[::-1], np.arange(4), by.astype(np.float16), by[None], by.tolist()):
        assert sparse.divisors(bad, 4) is None
    assert sparse.divisors(by, 3) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_few_numbers_are_clipped_as_by_numpy(dtype: Any) -> None:
    y = np.array([-7, -5, -0.0, 0.1, 5, 5.1, np.inf, -np.inf, np.nan], dtype)
    wanted = np.clip(y, -5.0, 5.0)
    assert maps.clip(y, 5.0)
    same(y, wanted)
    assert not maps.clip(np.zeros(2000, dtype), 5.0)


def test_a_mean_is_pooled_into_what_is_given() -> None:
    x, shown = np.random.default_rng(5).standard_normal((2, 4, 3)), np.ones((2, 4), bool)
    y = np.empty((2, 3))
    assert cnorm.mean_pool(x, shown, out=y) is y
    same(y, cnorm.mean_pool(x, shown))
    with pytest.raises(ValueError, match=r"^out: expected shape"):
        cnorm.mean_pool(x, shown, out=np.empty((3, 2)))


def test_running_statistics_are_not_moved_by_a_call_that_is_refused() -> None:
    x, mean, var = np.ones((2, 2, 4), np.float32), np.zeros(2), np.ones(2)
    with pytest.raises(ValueError, match=r"^bias: expected 2 elements"):
        F.switchable_norm(x, np.zeros(3), np.zeros(3), mean, var, None, np.ones(3, np.float32), training=True)
    assert (mean == 0).all()
    assert (var == 1).all()
