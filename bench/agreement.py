"""Does a peer compute what the case says? Checked before anything is timed."""

from __future__ import annotations

from typing import Any

import numpy as np

# Normalized values are about 1; peers lose digits we do not, so this only tells right from wrong.
TOLERANCE = {"float16": 2e-2, "float32": 1e-3, "float64": 1e-6}


def agrees(result: Any, expected: Any, dtype: str) -> bool:
    """Is every value of the result near the expected one?"""
    if isinstance(expected, tuple):
        return all(agrees(r, e, dtype) for r, e in zip(result, expected, strict=True))
    values = np.asarray(result).astype(np.float64)
    return bool(np.allclose(values, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]))
