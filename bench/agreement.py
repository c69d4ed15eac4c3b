"""Does a contender compute what the case says? Checked before anything is timed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Quantized(NamedTuple):
    """What bytes times their scales should be near."""

    y: Any


# Of max(1, value), for peers and for cnorm. Peers lose digits we do not: this only tells right from wrong.
BOUNDS = {
    "int8": (6e-2, 3.5e-2),
    "uint8": (5e-3, 4e-6),
    "uint16": (5e-3, 4e-6),
    "float16": (2e-2, 1e-3),
    "bfloat16": (6e-2, 8e-3),
    "float32": (5e-3, 4e-6),
    "float64": (1e-6, 1e-12),
}


def as_float64(result: Any) -> Any:
    """Of an array, a sparse one, or a torch tensor, which NumPy cannot read if it is bfloat16."""
    if hasattr(result, "double"):
        return result.double().numpy()
    if hasattr(result, "toarray"):
        result = result.toarray()
    return np.asarray(result).astype(np.float64, copy=False)


def error(result: Any, expected: Any) -> float:
    """Largest difference over max(1, expected); inf for a wrong shape or NaN."""
    if isinstance(expected, Quantized):
        q, scale = (as_float64(part) for part in result)
        return error(q * scale, expected.y)
    if isinstance(expected, tuple):
        return max(error(r, e) for r, e in zip(result, expected, strict=True))
    values = as_float64(result)
    if values.shape != np.shape(expected):
        return np.inf
    difference = np.abs(values - expected)
    difference /= np.maximum(1, np.abs(expected))
    largest = float(np.max(difference, initial=0))
    return np.inf if np.isnan(largest) else largest


def agrees(name: str, dtype: str, largest: float) -> bool:
    """Is that error small enough: tight for cnorm, loose for peers?"""
    return largest <= BOUNDS[dtype][name == "cnorm"]
