"""Moments of tables, as scalers take them: NaN left out, infinity refused, small tables summed as float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._native import fits, reductions, tables
from cnorm._stats.passes import check_no_inf
from cnorm._stats.reductions import WIDE, as_weights, moments_of
from cnorm._stats.state import MEAN

__all__ = [
    "by_fit_ends",
    "by_fit_moments",
    "by_moments",
    "column_moments",
    "fit_largest",
    "fit_moments",
    "fit_range",
    "table_moments",
]


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


def by_moments(
    x: Any, other: Any, axis: Any, out: Any, *, divided: bool = True, complete: bool = False
) -> Array | None:
    """Groups over axes less their means, over their deviations if `divided`; None where care is needed.

    other: what the moments are of, x or an array as large but for the axes. complete: none of it is NaN.
    """
    return tables.by_moments(x, other, axis, out, divided, complete, WIDE)


def column_moments(x: Any, weights: Any, *, omit: bool) -> Array | None:
    """The states of a matrix's columns, by weights of its rows of a finite one; None where care is needed."""
    if weights is not None and x.size > WIDE:  # to look for what is not finite takes as long as careful steps
        return None
    return fits.column_moments(x, WIDE, weights, omit)


def fit_moments(x: Any, before: Array | None, weights: Any = None) -> tuple[Array, Any, Array] | None:
    """The state of a matrix's columns, joined to one before; the count; deviation, mean and variance in rows.

    None where care is needed. The count is an array where columns differ. weights: of rows.
    """
    return fits.fit_moments(x, before, WIDE, weights)


def fit_range(
    x: Any, least: Array | None, greatest: Array | None, target: Any, eps: float
) -> tuple[Array, float] | None:
    """Least, greatest, distance, scale and shift of columns to a range, in rows; the eps they are known to.

    None where care is needed. least, greatest: of earlier data, known to eps, or None.
    """
    return fits.fit_range(x, least, greatest, target, eps)


def fit_largest(x: Any, before: Array | None) -> Array | None:
    """The largest magnitudes of a matrix's columns, with those before, twice; None where care is needed."""
    return fits.fit_largest(x, before)


def by_fit_moments(x: Any, state: Array, std: Any) -> Array | None:
    """The matrix `fit_moments` was given, less its means, over its deviations; None where care is needed."""
    return fits.by_fit_moments(x, state, std)


def by_fit_ends(x: Any, low: Array | None, high: Array, target: Any = None, eps: float = 0) -> Array | None:
    """The matrix `fit_range` was given to its range, without `low` that of `fit_largest` by these.

    None where care is needed.
    """
    return fits.by_fit_ends(x, low, high, target, eps)
