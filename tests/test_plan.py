"""The coalescing rule, as tables: shape, memory order and axes -> loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnorm._native import core

Array = np.ndarray[Any, Any]


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def channels_last(*shape: int) -> Array:
    """(N, C, ...) whose memory is (N, ..., C)."""
    n, c, *rest = shape
    return np.moveaxis(zeros(n, *rest, c), -1, 1)


def per(x: Array, *axes: int) -> Array:
    """A weight that varies along axes."""
    return zeros(*(n if a in axes else 1 for a, n in enumerate(x.shape)))


CASES: dict[str, tuple[Array, tuple[int, ...], tuple[int, ...] | None, str]] = {
    "layer_norm": (zeros(8, 16, 32), (2,), (2,), "K128 R32w rows"),
    "layer_norm of (C, H, W), channels-last": (
        channels_last(8, 6, 5, 7),
        (1, 2, 3),
        (1,),
        "K8 R35 R6w rows",
    ),
    "batch_norm": (zeros(8, 6, 5, 7), (0, 2, 3), (1,), "R8 K6w R35 rows"),
    "batch_norm, channels-last": (channels_last(8, 6, 5, 7), (0, 2, 3), (1,), "R280 K6w cols"),
    "instance_norm": (zeros(8, 6, 5, 7), (2, 3), (1,), "K8 K6w R35 rows"),
    "instance_norm without affine": (zeros(8, 6, 5, 7), (2, 3), None, "K48 R35 rows"),
    "instance_norm, channels-last": (channels_last(8, 6, 5, 7), (2, 3), (1,), "K8 R35 K6w cols"),
    "group_norm": (zeros(8, 3, 2, 5, 7), (2, 3, 4), (1, 2), "K8 K3w R2w R35 rows"),
    "group_norm, channels-last": (
        np.moveaxis(zeros(8, 10, 9, 3, 2), (3, 4), (1, 2)),
        (2, 3, 4),
        (1, 2),
        "K8 R90 K6w cols refined",
    ),
    "group_norm, channels-last, few positions": (
        np.moveaxis(zeros(8, 5, 7, 3, 2), (3, 4), (1, 2)),
        (2, 3, 4),
        (1, 2),
        "K8 R35 K3w R2w rows",
    ),
    "scaler": (zeros(1000, 20), (0,), None, "R1000 K20 cols"),
    "scaler, Fortran order": (zeros(20, 1000).T, (0,), None, "K20 R1000 rows"),
    "every second column": (zeros(64, 64)[:, ::2], (1,), (1,), "K64 R32w rows packed"),
    "backwards": (zeros(64, 64)[::-1, ::-1], (0, 1), None, "R4096 rows"),
    "broadcast rows": (np.broadcast_to(zeros(32), (64, 32)), (1,), None, "K64 R32 rows"),
    "axes of size 1": (zeros(1, 4, 1, 8, 1), (3,), None, "K4 R8 rows"),
    "one element": (zeros(1, 1), (0,), None, "rows"),
    "nothing reduced": (zeros(4, 8), (), None, "K32 cols"),
    "layer_norm over axis 1": (zeros(2, 6, 5, 7), (1,), (1,), "K2 R6w K35 cols"),
}


@pytest.mark.parametrize("name", CASES)
def test_loops(name: str) -> None:
    x, axes, varies, expected = CASES[name]
    assert core.plan(x, axes, None if varies is None else per(x, *varies)) == expected
