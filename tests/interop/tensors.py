"""What tests of tensors share: torch's own way from an array to a tensor and back, and what is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import BFLOAT16

torch = pytest.importorskip("torch")


def tensor(a: Any) -> Any:
    """An array as a tensor on the same memory, by torch's own way; what is none as it is."""
    if not isinstance(a, np.ndarray):
        return a
    if a.dtype == BFLOAT16:
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def array(t: Any) -> Any:
    """And back; of a tuple, each."""
    if isinstance(t, tuple):
        return tuple(map(array, t))
    t = t.detach().as_subclass(torch.Tensor)
    if t.dtype is torch.bfloat16:
        return t.view(torch.int16).numpy().view(BFLOAT16)
    return t.numpy()


def same(ours: Any, expected: Any) -> None:
    """In bits, dtype, shape and strides."""
    assert isinstance(ours, tuple) == isinstance(expected, tuple)
    pairs = zip(ours, expected, strict=True) if isinstance(ours, tuple) else [(ours, expected)]
    for a, b in pairs:
        b = np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        assert a.size == 0 or a.strides == b.strides
