"""GroupNorm: numbers by hand, groups that do not divide, parameters left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn


def test_numbers() -> None:
    layer = nn.GroupNorm(2, 4, eps=0.0, dtype=np.float64)
    layer.weight[...] = 1, 2, 3, 4  # type: ignore[index]
    layer.bias[...] = 0, 0, 0, 1  # type: ignore[index]
    x = np.array([[[0.0], [2.0], [5.0], [9.0]]])
    assert np.array_equal(layer(x).ravel(), [-1, 2, -3, 5])


@pytest.mark.parametrize(("groups", "channels"), [(3, 4), (0, 4), (2, -4), (2, 4.0), (2, "4")])
def test_refused(groups: Any, channels: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        nn.GroupNorm(groups, channels)


def test_parameters_that_are_left_out() -> None:
    assert list(nn.GroupNorm(2, 4, bias=False).state_dict()) == ["weight"]
    assert not nn.GroupNorm(2, 4, affine=False).state_dict()


@pytest.mark.parametrize("sizes", [("2", 4), (2, "4"), (None, 4), (2.5, 4)])
def test_sizes_that_are_no_ints(sizes: tuple[Any, Any]) -> None:
    with pytest.raises(TypeError, match=r"num_groups: |num_channels: "):
        nn.GroupNorm(*sizes)
