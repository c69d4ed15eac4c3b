"""Calls that are taken at once, without the careful steps: by both ways the results have the same bits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import cnorm
from cnorm import stats
from cnorm._native import windows

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


@pytest.mark.parametrize("bad", [{"window": 7}, {"window": True}, {"axis": 2}, {"min_count": 4}, {"ddof": "1"}])
def test_what_windows_refuse_is_left_to_the_careful_way(bad: dict[str, Any]) -> None:
    x = np.zeros((5, 6), np.float32)
    with pytest.raises((TypeError, ValueError), match=f"^{[*bad][0]}: expected"):
        stats.move_var(x, **{"window": 3, **bad})


def test_out_is_written_at_once_where_it_is_apart() -> None:
    x = np.random.default_rng(2).standard_normal((4, 8)).astype(np.float32)
    wanted, y = cnorm.rolling_standardize(x, 3), np.empty_like(x)
    assert cnorm.rolling_standardize(x, 3, out=y) is y
    same(y, wanted)
    assert cnorm.rolling_standardize(x, 3, out=x) is x
    same(x, wanted)
