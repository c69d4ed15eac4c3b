"""Sparse matrices by column, in float64: moments, in which zeros count, and the map of what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._stats.compressed import as_compressed, extremes_along, moments_along
from cnorm._stats.passes import BLOCK
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
    return type(X) is not np.ndarray and hasattr(X, "toarray") and hasattr(X, "tocsc")


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
    low, high = extremes_along(as_compressed(x, "X"), 0)
    return np.maximum(-low, high)


def as_floats(x: Any) -> Any:
    """A sparse matrix of float32 or float64, integers and booleans promoted to float64."""
    if x.dtype.kind in "biu":
        return x.astype(np.float64)
    if x.dtype.char not in "fd":
        raise TypeError(f"X: expected a sparse matrix of float32, float64 or integers, got {x.dtype}")
    return x


def sparse_moments(x: Any, weights: Array | None) -> Array:
    """Table state [n_columns, 5] of a CSR or CSC matrix without NaN, rows repeated as weights tell."""
    return moments_along(as_compressed(x, "X"), 0, weights, "omit")


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
