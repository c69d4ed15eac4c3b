"""What streams of data begin with: the shape of their moments, a prior, a decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, as_number_array, native
from cnorm._accept.axes import are_several, as_int, as_number


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from an int or several."""
    if type(shape) is int and shape >= 0:
        return (shape,)
    sizes = shape if are_several(shape) else (shape,)
    checked = tuple(as_int(n, "shape") for n in sizes)
    if min(checked, default=0) < 0:
        raise ValueError(f"shape: expected no negative size, got {shape!r}")
    return checked


def as_prior(prior: Any, shape: tuple[int, ...]) -> tuple[float, Array, Array]:
    """Count, mean and variance that stand for data before the first, the last two of that shape."""
    if not isinstance(prior, (tuple, list)) or len(prior) != 3:
        raise ValueError(f"prior: expected (count, mean, var), got {prior!r}")
    count = as_number(prior[0], "prior")
    mean, var = (np.asarray(native(as_number_array(v, "prior")), np.float64) for v in prior[1:])
    try:
        mean, var = np.broadcast_to(mean, shape), np.broadcast_to(var, shape)
    except ValueError:
        raise ValueError(
            f"prior: expected a mean and a variance of shape {shape}, got {mean.shape} and {var.shape}"
        ) from None
    if not (0 <= count < np.inf and np.isfinite(mean).all() and np.isfinite(var).all() and (var >= 0).all()):
        raise ValueError("prior: expected finite numbers, no negative count or variance")
    return count, mean, var


def as_decay(decay: Any) -> float | None:
    """What is left of the weight of all data before an update: above 0, at most 1."""
    if decay is None:
        return None
    number = as_number(decay, "decay")
    if not 0 < number <= 1:
        raise ValueError(f"decay: expected a number above 0 and at most 1, got {decay!r}")
    return float(number)
