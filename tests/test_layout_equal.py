"""The bits of a result do not depend on how the input lies in memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cnorm
from operations import LAYOUTS, OPERATIONS, Operation
from reference import DTYPES, Array
from strategies import fill, placed, seeds, shapes


def native_copy(x: Array) -> Array:
    """The same values in C order and this machine's byte order."""
    return np.array(x, x.dtype.type, order="C")


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "contiguous"])
def test_named_layouts(operation: Operation, layout: str) -> None:
    for dtype in DTYPES:
        x = fill((3, 4, 5, 7), dtype, 1)
        p = operation.parameters(x.shape, np.float32, np.random.default_rng(0))
        laid = operation.call(LAYOUTS[layout](x), **p)
        assert np.array_equal(laid, operation.call(x, **p)), dtype


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
@given(data=st.data())
def test_nasty_layouts(operation: Operation, data: st.DataObject) -> None:
    shape = data.draw(shapes(3, 5, 1))
    shape = (shape[0], 2 * shape[1], shape[2] + 1, *shape[3:])
    x = data.draw(placed(shape))
    p = operation.parameters(shape, np.float32, np.random.default_rng(data.draw(seeds)))
    assert np.array_equal(operation.call(x.array, **p), operation.call(native_copy(x.array), **p))


@given(x=placed(min_dims=1, min_side=1), data=st.data())
def test_moments(x: object, data: st.DataObject) -> None:
    axes = tuple(sorted(data.draw(st.sets(st.integers(0, x.array.ndim - 1)))))  # type: ignore[attr-defined]
    laid, plain = (cnorm.moments(a, axes) for a in (x.array, native_copy(x.array)))  # type: ignore[attr-defined]
    assert all(np.array_equal(a, b) for a, b in zip(laid, plain, strict=True))
