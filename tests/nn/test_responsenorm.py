"""LocalResponseNorm and CrossMapLRN2d: numbers by hand, ranks, no state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn


def test_windows() -> None:
    """Ones with alpha = size and beta = 1: one over one plus the channels in the window."""
    x = np.ones((1, 4, 1, 1))
    local = nn.LocalResponseNorm(3, alpha=3.0, beta=1.0)
    np.testing.assert_allclose(1 / local(x).ravel() - 1, [2, 3, 3, 2], rtol=1e-12)
    even = nn.LocalResponseNorm(2, alpha=2.0, beta=1.0)
    np.testing.assert_allclose(1 / even(x).ravel() - 1, [1, 2, 2, 2], rtol=1e-12)
    older = nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)
    np.testing.assert_allclose(1 / older(x).ravel() - 1, [2, 3, 4, 3], rtol=1e-12)


@pytest.mark.parametrize(("name", "shape"), [("LocalResponseNorm", (2, 4)), ("CrossMapLRN2d", (2, 4, 3))])
def test_ranks(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="input"):
        getattr(nn, name)(3)(np.ones(shape))


@pytest.mark.parametrize("name", ["LocalResponseNorm", "CrossMapLRN2d"])
@pytest.mark.parametrize("size", [0, -1, 2.5, None])
def test_sizes(name: str, size: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="size"):
        getattr(nn, name)(size)(np.ones((1, 4, 3, 3)))


def test_no_state() -> None:
    layer = nn.LocalResponseNorm(3)
    assert not layer.state_dict()
    assert repr(layer) == "LocalResponseNorm(3, alpha=0.0001, beta=0.75, k=1.0)"
