"""Moments of tables, as scalers take them: NaN left out, infinity refused, small tables summed as float64."""

from __future__ import annotations

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._native import reductions
from cnorm._stats.passes import check_no_inf
from cnorm._stats.reductions import as_weights, moments_of
from cnorm._stats.state import MEAN

__all__ = ["table_moments"]


def table_moments(x: Array, axes: tuple[int, ...], weights: Array | None = None) -> Array:
    """Table state of x over axes without NaN, elements repeated as weights (broadcast) tell.

    Raises ValueError if x contains infinity, also where it has no weight.
    """
    if weights is not None:
        check_no_inf(x)
    state = moments_of(x, axes, None, as_weights(weights, x), omit=True, wide=True)
    if not reductions.finite(state) and not np.isfinite(state[..., MEAN]).all():
        check_no_inf(x)
    return state
