"""conv: against plain loops, and against torch when it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweep import sweep

from cnorm.demo.conv import conv2d, same_padding

Array = np.ndarray[Any, Any]


def loops(x: Array, weight: Array, stride: int) -> Array:
    """The definition, element by element, in float64."""
    n, channels, height, width = x.shape
    out, per_group, kh, kw = weight.shape
    top, left = same_padding(height, kh, stride)[0], same_padding(width, kw, stride)[0]
    y = np.zeros((n, out, -(-height // stride), -(-width // stride)))
    for o, r, c in np.ndindex(y.shape[1:]):
        group = range(channels) if per_group == channels else [o]
        for k, ch in enumerate(group):
            for i, j in np.ndindex(kh, kw):
                row, column = r * stride + i - top, c * stride + j - left
                if 0 <= row < height and 0 <= column < width:
                    y[:, o, r, c] += x[:, ch, row, column].astype(float) * float(weight[o, k, i, j])
    return y


def case(
    seed: int, channels: int, out: int, kernel: tuple[int, int], size: tuple[int, int], depthwise: bool
) -> Any:
    rng = np.random.default_rng(seed)
    shape = (channels, 1, *kernel) if depthwise else (out, channels, *kernel)
    return rng.integers(-4, 5, (2, channels, *size)).astype("f4"), rng.integers(-4, 5, shape).astype("f4")


@given(
    st.integers(0, 99), st.integers(1, 4), st.integers(1, 3), st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(st.integers(1, 7), st.integers(1, 7)), st.integers(1, 3), st.booleans(),
)  # fmt: skip
def test_loops(
    seed: int,
    channels: int,
    out: int,
    kernel: tuple[int, int],
    size: tuple[int, int],
    stride: int,
    depthwise: bool,
) -> None:
    x, weight = case(seed, channels, out, kernel, size, depthwise)
    y = conv2d(x, weight, stride)
    # Small integers: every sum is exact in float32.
    np.testing.assert_array_equal(y, loops(x, weight, stride))
    assert y.dtype == np.float32


@sweep(depthwise=[False, True], kernel=[1, 3, 5], stride=[1, 2], size=[(8, 8), (7, 9)])
def test_torch(kernel: int, stride: int, size: tuple[int, int], depthwise: bool) -> None:
    torch = pytest.importorskip("torch")
    x, weight = case(kernel, 6, 5, (kernel, kernel), size, depthwise)
    (top, bottom), (left, right) = (same_padding(n, kernel, stride) for n in size)
    padded = torch.nn.functional.pad(torch.from_numpy(x), (left, right, top, bottom))
    groups = 6 if depthwise else 1
    expected = torch.nn.functional.conv2d(padded, torch.from_numpy(weight), stride=stride, groups=groups)
    np.testing.assert_array_equal(conv2d(x, weight, stride), expected.numpy())


def test_any_layout_of_the_input_and_input_unchanged() -> None:
    x, weight = case(0, 3, 4, (3, 3), (6, 5), False)
    expected = conv2d(x, weight, 2)
    turned = np.asfortranarray(x)
    kept = turned.copy()
    np.testing.assert_array_equal(conv2d(turned, weight, 2), expected)
    np.testing.assert_array_equal(turned, kept)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 3, 2, (0, 1)),
        (224, 3, 1, (1, 1)),
        (7, 3, 2, (1, 1)),
        (8, 5, 2, (1, 2)),
        (5, 1, 2, (0, 0)),
        (1, 4, 1, (1, 2)),
    ],
)
def test_same_padding(size: int, kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(size, kernel, stride) == expected


@pytest.mark.parametrize(
    ("x", "weight", "stride"),
    [((1, 3, 4), (3, 3, 1, 1), 1), ((1, 3, 4, 4), (3, 3, 1), 1), ((1, 3, 4, 4), (3, 3, 1, 1), 0),
     ((1, 3, 4, 4), (3, 2, 1, 1), 1), ((1, 4, 4, 4), (8, 1, 3, 3), 1)],
)  # fmt: skip
def test_bad_input(x: tuple[int, ...], weight: tuple[int, ...], stride: int) -> None:
    with pytest.raises(ValueError, match="weight"):
        conv2d(np.ones(x), np.ones(weight), stride)
