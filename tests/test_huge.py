"""Arrays of more than 2^31 elements; needs 5 GiB: python -m pytest -m slow tests/test_huge.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import cnorm
import cnorm.functional as F
from cnorm._accept.arrays import Array

ELEMENTS = 2**31 + 2**10
pytestmark = pytest.mark.slow


@pytest.fixture
def x() -> Array:
    """1, 3, 1, 3, ...: mean 2, variance 1."""
    values = np.ones(ELEMENTS, np.float16)
    values[1::2] = 3
    return values


def parts(y: Array) -> Iterator[Array]:
    """Of a vector, in order, small enough to compare."""
    for start in range(0, y.size, 2**26):
        yield y[start : start + 2**26]


def assert_normalized(y: Array) -> None:
    """-1, 1, -1, 1, ..."""
    for part in parts(y):
        assert (part[::2] == -1).all()
        assert (part[1::2] == 1).all()


@pytest.mark.parametrize(("shape", "axis"), [((-1,), 0), ((-1, 4), 0), ((2, -1), 1), ((-1, 1024), 0)])
def test_moments(x: Array, shape: tuple[int, ...], axis: int) -> None:
    table = x.reshape(shape)
    mean, var = cnorm.moments(table, axis)
    if axis == 0 and len(shape) == 2:  # columns hold one value each
        assert (mean == table[0]).all()
        assert (var == 0).all()
    else:
        assert (mean == 2).all()
        assert (var == 1).all()


@pytest.mark.parametrize("shape", [(1, -1), (-1, 2**10), (2, -1)], ids=str)
def test_layer_norm_in_place(x: Array, shape: tuple[int, ...]) -> None:
    table = x.reshape(shape)
    assert F.layer_norm(table, table.shape[1:], eps=0, out=table) is table
    assert_normalized(x)


def test_batch_norm_over_positions(x: Array) -> None:
    table = x.reshape(2, 1, -1)
    running = np.zeros(1, np.float32), np.ones(1, np.float32)
    F.batch_norm(table, *running, training=True, eps=1e-12, momentum=1.0, out=table)
    assert running[0] == 2
    assert abs(running[1] - 1) < 1e-6
    assert_normalized(x)
