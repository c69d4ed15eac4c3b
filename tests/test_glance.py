"""Looks at arguments: a yes is what the careful functions would have said; none raises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, Array

from cnorm._accept.arrays import Output, as_input, as_number_array, as_parameter
from cnorm._accept.axes import as_axes, ordered_axes
from cnorm._accept.masks import as_mask
from cnorm._native import glance, reductions

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
reductions.moments(np.ones((1, 2), BFLOAT16), (1,))  # an array of bfloat16 is known once one was seen


class Sub(np.ndarray[Any, Any]):
    """Not exactly an ndarray."""


def zoo() -> list[Any]:
    """What is plain in many ways, and what is not."""
    x = np.arange(24, dtype=F32).reshape(4, 6)
    shifted = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(F32).reshape(4, 6)
    return [
        x,
        x.T,
        x[::2, ::-1],
        x[:, :0],
        x.astype(F64),
        x.astype(np.float16),
        x.astype(BFLOAT16),
        x.astype(">f4"),
        shifted,
        x.astype(np.int8),
        x > 3,
        x.astype(complex),
        x.astype(np.longdouble),
        x.astype(object),
        x.view(Sub),
        np.ma.MaskedArray(x, x > 3),
        np.broadcast_to(x[0], (4, 6)),
        np.float32(3),
        np.array(3.0),
        [[1.0]],
        None,
        "text",
    ]


def test_arrays() -> None:
    plain = [x for x in zoo() if glance.plain(x)]
    assert len(plain) == 9
    for x in plain:
        assert type(x) is np.ndarray
        assert as_input(x) is x
        assert x.dtype.isnative
        assert x.flags.aligned
    assert [x.dtype.kind for x in zoo() if glance.number(x) and not glance.plain(x)] == ["i", "b"]
    assert all(as_number_array(x, "x") is x for x in zoo() if glance.number(x))


entries = st.one_of(st.integers(-12, 12), st.none(), st.booleans(), st.floats(), st.just(2**70), st.just("1"))


@given(axis=st.one_of(entries, st.lists(entries, max_size=9).map(tuple)), ndim=st.integers(0, 10))
def test_axes(axis: Any, ndim: int) -> None:
    """What is told at a glance is what the rule says, which `ordered_axes` has."""
    found = glance.axes(axis, ndim)
    if found is not None:
        expected = tuple(range(ndim)) if axis is None else tuple(sorted(ordered_axes(axis, ndim)))
        assert found == as_axes(axis, ndim) == expected
        assert all(type(a) is int for a in found)


def test_axes_that_are_plain_are_told() -> None:
    assert glance.axes(None, 3) == (0, 1, 2)
    assert glance.axes(-1, 3) == (2,)
    assert glance.axes((2, -3), 3) == (0, 2)
    assert glance.axes((), 3) == ()
    for axis in (3, -4, True, 1.0, (0, 0), (0, 3), [0], np.int64(0), (np.int64(0),), "0", 2**80):
        assert glance.axes(axis, 3) is None


def test_sizes() -> None:
    assert glance.sizes((3, 4))
    assert glance.sizes(())
    for other in ([3], 3, (3.0,), (True,), (np.int64(3),), "34", None):
        assert not glance.sizes(other)


@pytest.mark.parametrize("x", [x for x in zoo() if isinstance(x, np.ndarray) and x.dtype == F32], ids=str)
def test_outputs(x: Array) -> None:
    """A new array as np.empty_like makes it; `out` itself where nothing overlaps but in place."""
    if not glance.plain(x):
        assert glance.output(x, None) is None
        return
    new, like = glance.output(x, None), np.empty_like(x)
    assert (new.shape, new.dtype, new.strides) == (like.shape, like.dtype, like.strides)
    for out in (new, x):
        found = glance.output(x, out)
        assert found is None or (found is out and Output(x, out).y is out and Output(x, out).x is x)


def test_outputs_that_need_care() -> None:
    buffer = np.zeros(30, F32)
    x = buffer[:24].reshape(4, 6)
    locked = np.zeros((4, 6), F32)
    locked.flags.writeable = False
    for out in (
        buffer[2:26].reshape(4, 6),
        locked,
        np.zeros((4, 6)),
        np.zeros((6, 4), F32),
        np.zeros((4, 6), F32).view(Sub),
        np.broadcast_to(np.zeros(6, F32), (4, 6)),
        [],
    ):
        assert glance.output(x, out) is None
    for out in (x, np.zeros((6, 4), F32).T, np.zeros((4, 12), F32)[:, ::2], np.zeros((4, 6), F32)[::-1]):
        assert glance.output(x, out) is out


def test_memory_is_apart_where_no_byte_lies_between() -> None:
    """As NumPy's bounds have it, strides of any sign."""
    r = np.random.default_rng(0)
    buffer = np.zeros(200, F32)
    seen = []
    for _ in range(400):
        rows, columns, *places = r.integers(1, 6, 2).tolist() + r.integers(40, 160, 2).tolist()
        steps = [tuple(4 * r.integers(-8, 9, 2)) for _ in range(2)]
        x, out = (
            np.lib.stride_tricks.as_strided(buffer[at:], (rows, columns), step)
            for at, step in zip(places, steps, strict=True)
        )
        own = all(step or n == 1 for step, n in zip(out.strides, out.shape, strict=True))
        in_place = places[0] == places[1] and x.strides == out.strides
        taken = own and (in_place or not np.may_share_memory(x, out))
        assert (glance.output(x, out) is out) == taken
        seen.append(taken)
    assert 100 < sum(seen) < 350


def test_parameters_and_masks() -> None:
    x, w, mask = np.ones((4, 6), F32), np.ones(6, F32), np.ones((4, 6), np.bool_)
    memory = np.zeros(24, F32)
    out = memory.reshape(4, 6)
    assert glance.parameter(w, x, None)
    assert glance.parameter(w, x, out)
    assert as_parameter(w, "w", x, out) is w
    for p, to in (
        (memory[:6], out),
        (memory[1:12:2], out),
        (w.astype(F64), None),
        (w.astype(">f4"), None),
        (w.view(Sub), None),
        ([1.0] * 6, None),
        (w, []),
        (memory[5:11], out[1:, ::2]),
    ):
        assert not glance.parameter(p, x, to)
    for p, to in ((w[::2], out), (w, out[:, ::2]), (memory[:6], out[1:])):
        assert glance.parameter(p, x, to)
    assert glance.mask(mask, x, out)
    assert as_mask(mask, x, out) is mask
    shared = memory.view(np.bool_)[:24].reshape(4, 6)
    assert glance.mask(mask[:, :1], x, None)
    for p, to in ((mask[0], None), (mask[:, :5], None), (mask.astype(np.int8), None), (shared, out)):
        assert not glance.mask(p, x, to)
