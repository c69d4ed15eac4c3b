"""The derived bounds of docs/accuracy.md on variance and mean, and the exact values they hold against."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from reference import Array

BLOCK, BLOCK_ROWS, RUN = 4096, 128, 16
SQRT2 = math.sqrt(2)


def unit(dtype: np.dtype[Any]) -> float:
    """Unit roundoff of the type the sums are made in."""
    return 2.0**-53 if dtype.itemsize == 8 else 2.0**-24


def additions(dtype: np.dtype[Any], kernel: str, n: int) -> int:
    """The most additions one term meets in a block: h of the derivation."""
    if kernel == "columns":
        return BLOCK_ROWS // 8 + 3 + 3
    lanes = 128 // (8 if dtype.itemsize == 8 else 4)
    steps = math.ceil(n / lanes) * max(1, BLOCK // n) if n < BLOCK else math.ceil(BLOCK / lanes)
    return min(RUN, steps) + math.ceil(steps / RUN) + int(math.log2(lanes))


def merges(n: int, kernel: str, parts: int = 1) -> int:
    """Of blocks, spans and parts, a term passes at most; half-filled blocks at the ends of runs included."""
    blocks = math.ceil(n / (BLOCK_ROWS if kernel == "columns" else BLOCK // 2))
    return min(blocks, 16) + math.ceil(blocks / 16) + parts - 1


def variance_bound(dtype: np.dtype[Any], n: int, kernel: str, h: int, parts: int = 1) -> float:
    """Of |var - exact| / exact."""
    return unit(dtype) * (2 * (h + 3) + 3 * SQRT2 * (h + 1)) + 2.0**-53 * 8 * merges(n, kernel, parts)


def mean_bound(dtype: np.dtype[Any], n: int, kernel: str, h: int, parts: int = 1) -> float:
    """Of |mean - exact| / standard deviation, but for the second word's rounding."""
    return unit(dtype) * SQRT2 * (h + 1) + 2.0**-53 * 4 * merges(n, kernel, parts)


def exact(x: Array) -> tuple[Fraction, Fraction]:
    """Mean and sum of squares about it, by integers."""
    fraction, exponent = np.frexp(x.astype(np.float64).ravel())
    whole = (fraction * 2.0**53).astype(np.int64)
    low = int(exponent[whole != 0].min(initial=0))
    values = [int(m) << int(e - low) if m else 0 for m, e in zip(whole, exponent, strict=True)]
    total, squares = sum(values), sum(v * v for v in values)
    scale = Fraction(2) ** (low - 53)
    return total * scale / x.size, (squares - Fraction(total * total, x.size)) * scale**2
