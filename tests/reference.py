"""The oracle of `cnorm check` with all dtypes, and how close to it a result must be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnorm._check.formulas import (
    BOUNDS,
    Array,
    Axes,
    Expected,
    affine,
    batch_norm,
    cross_map_lrn2d,
    finfo,
    group_norm,
    instance_norm,
    layer_norm,
    local_response_norm,
    moments,
    normalize,
    per_channel,
    rms_norm,
    softmax,
    standardize,
    switchable_norm,
    vector_norm,
    weight_norm,
    wide,
)

__all__ = [
    "BFLOAT16",
    "BOUNDS",
    "DTYPES",
    "Array",
    "Axes",
    "Expected",
    "affine",
    "assert_close",
    "batch_norm",
    "cross_map_lrn2d",
    "finfo",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "moments",
    "normalize",
    "per_channel",
    "rms_norm",
    "softmax",
    "standardize",
    "switchable_norm",
    "vector_norm",
    "weight_norm",
    "wide",
]

# Without it, a file of tests that compares with what is here is skipped.
ml_dtypes: Any = pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = (np.dtype(np.float16), BFLOAT16, np.dtype(np.float32), np.dtype(np.float64))


def assert_close(actual: Any, expected: Any, bound: float | None = None) -> None:
    """The error stays within its bound in normalized units."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    name = actual.dtype.name
    if bound is None:
        bound = BOUNDS[name]
    worst = np.max(Expected(expected, actual.dtype).excess(actual), initial=0)
    assert worst <= bound, f"{name}: error {float(worst):.3g} in normalized units, bound {bound:.3g}"
