"""LayerNorm and RMSNorm: numbers by hand, normalized shapes in every spelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn


def test_numbers() -> None:
    layer = nn.LayerNorm(4, eps=0.0, dtype=np.float64)
    layer.weight[...] = 1, 2, 3, 4  # type: ignore[index]
    layer.bias[...] = 10  # type: ignore[index]
    y = layer(np.array([[1.0, 1.0, 3.0, 3.0]]))
    assert np.array_equal(y, [[9, 8, 13, 14]])
    rms = nn.RMSNorm(2, eps=0.0)
    np.testing.assert_allclose(rms(np.array([1.0, 7.0])), [0.2, 1.4], rtol=1e-12)


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
@pytest.mark.parametrize("shape", [3, (3,), [2, 3], np.int64(3), (np.int32(2), 3)])
def test_shapes(name: str, shape: Any) -> None:
    layer = getattr(nn, name)(shape)
    assert isinstance(layer.normalized_shape, tuple)
    assert layer.weight.shape == layer.normalized_shape
    assert layer(np.ones((4, 2, 3))).shape == (4, 2, 3)


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
@pytest.mark.parametrize("shape", [None, 2.5, (2.5,), "ab", -1, (2, -3)])
def test_wrong_shapes_are_named(name: str, shape: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="normalized_shape"):
        getattr(nn, name)(shape)


def test_parameters_that_are_left_out() -> None:
    assert list(nn.LayerNorm(3, bias=False).state_dict()) == ["weight"]
    assert not nn.LayerNorm(3, elementwise_affine=False).state_dict()
    assert not nn.RMSNorm(3, elementwise_affine=False).state_dict()


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm"])
def test_an_offset_of_the_weight(name: str) -> None:
    """Weights that say how far they are from 1: the layer begins as one without."""
    plain, offset = getattr(nn, name)(3), getattr(nn, name)(3, weight_offset=1.0)
    x = np.array([[1.0, 2.0, 6.0]])
    assert not offset.weight.any()
    assert np.array_equal(offset(x), plain(x))
    offset.weight[...] = 0.5
    plain.weight[...] = 1.5
    assert np.array_equal(offset(x), plain(x))
    assert repr(offset).endswith(", weight_offset=1.0)")
