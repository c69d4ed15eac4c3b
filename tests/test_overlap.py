"""Memory that operands share: the result is as if none did, wherever out lies over parameters and input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operations import OPERATIONS, Operation
from reference import DTYPES, Array
from strategies import fill

import cnorm
import cnorm.functional as F

F32 = np.dtype(np.float32)
SHAPE = (3, 4, 6)


def parameters_read(operation: Operation) -> dict[str, Array]:
    """Those a call reads; statistics that training moves are outputs."""
    p = operation.parameters(SHAPE, F32, np.random.default_rng(1))
    moved = operation.name == "switchable_norm_train"
    return {k: v for k, v in p.items() if not (moved and k.startswith("running"))}


CASES = [(o, name) for o in OPERATIONS for name in parameters_read(o)]


@pytest.mark.parametrize(("operation", "name"), CASES, ids=lambda v: str(v))
@given(data=st.data())
def test_out_over_a_parameter(operation: Operation, name: str, data: st.DataObject) -> None:
    """Out and the parameter are pieces of one buffer, at any distance, backwards too."""
    x, p = fill(SHAPE, F32, 2), parameters_read(operation)
    n, size = p[name].size, math.prod(SHAPE)
    buffer = np.zeros(size + 2 * n, np.float32)
    at = data.draw(st.integers(0, size + n))
    step = data.draw(st.sampled_from((1, -1)))
    piece = buffer[at : at + n][::step].reshape(p[name].shape)
    piece[...] = p[name]
    out = buffer[n : n + size].reshape(SHAPE)
    expected = operation.call(x, **p)
    outside = buffer[np.r_[:n, n + size : buffer.size]].copy()
    y = operation.call(x, **{**p, name: piece}, out=out)
    assert y is out
    assert np.array_equal(y, expected)
    assert np.array_equal(buffer[np.r_[:n, n + size : buffer.size]], outside)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shift", [-7, -1, 0, 1, 6])
def test_out_over_everything(dtype: Any, shift: int) -> None:
    """Input, weight and bias of every element, and out: all in one buffer."""
    n = math.prod(SHAPE)
    values = fill((n + 40,), dtype, 3)
    buffer = values.copy()
    pieces = [buffer[start : start + n].reshape(SHAPE) for start in (10, 13, 20)]
    apart = [piece.copy() for piece in pieces]
    out = buffer[10 + shift : 10 + shift + n].reshape(SHAPE)
    y = cnorm.standardize(pieces[0], (1, 2), pieces[1], pieces[2], out=out)
    assert np.array_equal(y, cnorm.standardize(apart[0], (1, 2), apart[1], apart[2]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=str)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: str(o))
@given(data=st.data())
def test_out_over_an_input_with_gaps(operation: Operation, dtype: Any, data: st.DataObject) -> None:
    """Gaps decide the order of sums: an input under out keeps its own, to the last bit."""
    axis = data.draw(st.integers(0, len(SHAPE) - 1))
    wide = tuple(n + (i == axis) for i, n in enumerate(SHAPE))
    buffer = np.zeros(wide, dtype)
    low, high = (tuple(slice(a, a + n) for n, a in zip(SHAPE, at, strict=True)) for at in _corners(axis))
    x, out = buffer[low], buffer[high]
    if data.draw(st.booleans()):
        x, out = out, x
    if data.draw(st.booleans()):
        out = out[::-1, :, ::-1]
    x[...] = fill(SHAPE, np.dtype(dtype), 2)
    p = operation.parameters(SHAPE, np.dtype(dtype), np.random.default_rng(1))
    expected = operation.call(x, **{k: v.copy() for k, v in p.items()})
    assert operation.call(x, **p, out=out) is out
    assert np.array_equal(out, expected)


def _corners(axis: int) -> tuple[list[int], list[int]]:
    return [0] * len(SHAPE), [int(i == axis) for i in range(len(SHAPE))]


def test_the_input_is_its_own_weight() -> None:
    x = fill((5, 8), F32, 4)
    expected = cnorm.standardize(x, 1, x.copy(), x.copy())
    assert np.array_equal(cnorm.standardize(x, 1, x, x, out=x), expected)


def test_statistics_inside_the_input() -> None:
    """Running statistics that are rows of the input are moved after it was read."""
    x = np.abs(fill((6, 4), F32, 5)) + np.float32(1)
    apart, mean, var = x.copy(), x[1].copy(), x[2].copy()
    expected = F.batch_norm(apart, mean, var, training=True)
    y = F.batch_norm(x, x[1], x[2], training=True)
    assert np.array_equal(y, expected)
    assert np.array_equal(x[1], mean)
    assert np.array_equal(x[2], var)
