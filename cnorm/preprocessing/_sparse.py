"""Sparse matrices by column, in float64: moments, in which zeros count, and the map of what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.passes import BLOCK
from cnorm._stats.state import combined, unit_for
from cnorm.preprocessing._maps import Map

__all__ = [
    "CENTER_SPARSE",
    "as_floats",
    "is_sparse",
    "largest_of",
    "run_sparse",
    "sparse_largest",
    "sparse_moments",
    "sums",
]

CENTER_SPARSE = "Cannot center sparse matrices: pass `with_mean=False` instead, or a dense array."


def is_sparse(X: Any) -> bool:
    """A sparse matrix or array, as scipy.sparse has them?"""
    return hasattr(X, "toarray") and hasattr(X, "tocsc")


def sums(values: Array, starts: Array) -> Array:
    """Sums of the parts of a vector between these; 0 for empty ones."""
    total = np.zeros(len(starts) - 1, values.dtype)
    filled = np.diff(starts) > 0
    if filled.any():
        total[filled] = np.add.reduceat(values, starts[:-1][filled])
    return total


def largest_of(values: Array, starts: Array) -> Array:
    """The largest magnitudes of the parts of a vector between these, NaN left out; 0 for none."""
    largest = np.zeros(len(starts) - 1)
    filled = np.diff(starts) > 0
    if filled.any():
        found = np.fmax.reduceat(np.abs(values), starts[:-1][filled])
        largest[filled] = np.where(np.isnan(found), 0, found)
    return largest


def sparse_largest(x: Any) -> Array:
    """The largest magnitude of each column of a CSR or CSC matrix, NaN left out; NaN if there is no other."""
    columns = canonical(x.tocsc())
    starts = columns.indptr
    nothing = sums(np.isnan(columns.data).astype(np.int64), starts) == x.shape[0]
    return np.where(nothing, np.nan, largest_of(columns.data, starts))


def as_floats(x: Any) -> Any:
    """A sparse matrix of float32 or float64, integers and booleans promoted to float64."""
    if x.dtype.kind in "biu":
        return x.astype(np.float64)
    if x.dtype.char not in "fd":
        raise TypeError(f"X: expected a sparse matrix of float32, float64 or integers, got {x.dtype}")
    return x


def canonical(x: Any) -> Any:
    """The same matrix, or a copy in which what was stored twice is stored as the sum."""
    if not x.has_canonical_format:
        x = x.copy()
        x.sum_duplicates()
    return x


def sparse_moments(x: Any, weights: Array | None) -> Array:
    """Table state [n_columns, 5] of a CSR or CSC matrix without NaN, rows repeated as weights tell.

    What is stored is summed about its own mean, in two passes. The zeros are one state, and merged with it.
    """
    columns = canonical(x.tocsc())
    rows, width = columns.shape
    starts, stored = columns.indptr, np.diff(columns.indptr)
    w = np.ones(rows) if weights is None else weights
    hidden = np.isnan(columns.data)
    repeats = w[columns.indices]
    shown = ~hidden & (repeats > 0)
    values = np.where(shown, columns.data, 0).astype(np.float64)
    unit = units(values, starts)
    values *= np.repeat(unit, stored)
    part = about_own_mean(values, np.where(shown, repeats, 0), shown, starts)
    # Differences of sums of weights: what rounding leaves would count as zeros beside a large mean.
    wide = w.astype(np.longdouble)
    implicit = np.count_nonzero(w) - sums((repeats > 0).astype(np.int64), starts)
    zeros = np.where(implicit > 0, np.maximum(wide.sum() - sums(wide[columns.indices], starts), 0), 0)
    nothing = np.zeros(width)
    none = np.stack([zeros.astype(np.float64), nothing, nothing, nothing, unit], -1)
    return combined(np.concatenate([part, unit[:, None]], -1), none)


def units(values: Array, starts: Array) -> Array:
    """A power of two for each column by which squares of its numbers stay in float64."""
    with np.errstate(divide="ignore"):  # a column of nothing, or of zeros, has unit 1
        return unit_for(np.log2(largest_of(values, starts)), np.maximum(np.diff(starts), 1))


def about_own_mean(values: Array, repeats: Array, shown: Array, starts: Array) -> Array:
    """Partials [n_columns, 4] of stored values in order of columns."""
    stored = np.diff(starts)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        count = sums(repeats, starts)
        divisor = np.where(count > 0, count, 1)
        pivot = sums(repeats * values, starts) / divisor
        apart = np.where(shown, values - np.repeat(pivot, stored), 0)
        rest = sums(repeats * apart, starts) / divisor
        m2 = sums(repeats * apart * apart, starts) - rest * rest * count
    partials = np.stack([count, pivot, rest, np.maximum(m2, 0)], -1)
    partials[count == 0] = 0
    return partials


def run_sparse(m: Map, x: Any, *, copy: bool) -> Any:
    """The map of what is stored in a CSR or CSC matrix: one without a center or a bias, as zeros stay."""
    if copy or not x.data.flags.writeable:
        x = x.copy()
    data, columns = x.data, x.indices
    if x.format == "csc":
        columns = np.repeat(np.arange(x.shape[1]), np.diff(x.indptr))
    for start in range(0, len(data), 4 * BLOCK):
        part = slice(start, start + 4 * BLOCK)
        m.taken(columns[part]).run(data[part], data[part])
    return x
