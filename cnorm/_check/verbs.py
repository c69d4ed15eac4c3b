"""Operations that are not norms: moments of all, of groups, of windows, of sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import cnorm
import cnorm._check.formulas as R
import cnorm.sparse
from cnorm._check.formulas import Array
from cnorm._check.operations import Operation

WINDOW = 5


def _verb(name: str, function: Callable[[Array], Any], expected: Callable[[Array], Any]) -> Operation:
    return Operation(name, function, expected, lambda *_: {})


def moments_over(axis: Any) -> Operation:
    """Mean and variance, of the axes a batch, a row, a column or all."""
    return _verb(f"moments {axis}", lambda x: cnorm.moments(x, axis), lambda x: R.moments(x, axis))


def _labels(x: Array, axis: int) -> Array:
    """Three groups, mixed."""
    return np.asarray(np.arange(np.shape(x)[axis]) * 5 % 3)


def grouped_over(axis: int) -> Operation:
    """Mean and variance of groups whose labels are mixed."""
    return _verb(
        f"group_moments {axis}",
        lambda x: cnorm.group_moments(x, _labels(x, axis), axis=axis),
        lambda x: R.group_moments(x, _labels(x, axis), axis % np.ndim(x)),
    )


def segments_over(axis: int) -> Operation:
    """The same of two neighbouring segments, the second longer."""

    def offsets(x: Array) -> list[int]:
        return [0, np.shape(x)[axis] // 3 + 1, np.shape(x)[axis]]

    def labels(x: Array) -> Array:
        return np.repeat([0, 1], np.diff(offsets(x)))

    return _verb(
        f"segment_moments {axis}",
        lambda x: cnorm.segment_moments(x, offsets(x), axis=axis),
        lambda x: R.group_moments(x, labels(x), axis % np.ndim(x)),
    )


def rolling_over(axis: int, center: bool) -> Operation:
    """Mean and variance of windows, cut at the ends."""
    return _verb(
        f"rolling_moments {axis}{', centred' * center}",
        lambda x: cnorm.rolling_moments(x, WINDOW, axis=axis, min_count=1, center=center),
        lambda x: R.rolling_moments(x, WINDOW, axis, center),
    )


def standardized_over(axis: int) -> Operation:
    """Each element by its own window; eps is large, as means far from 0 are rounded once."""

    def expected(x: Array) -> Array:
        mean, var = R.rolling_moments(x, WINDOW, axis, center=False)
        return np.asarray((R.wide(x) - mean) / R.divisor(var, 100.0))

    return _verb(
        f"rolling_standardize {axis}",
        lambda x: cnorm.rolling_standardize(x, WINDOW, eps=100.0, axis=axis, min_count=1),
        expected,
    )


def _sparse(x: Array) -> tuple[Array, Any]:
    """A table of which three quarters are 0, and the same as CSR."""
    table = np.reshape(x, (np.shape(x)[0], -1))
    table = table.astype(np.float32) if table.dtype.itemsize == 2 else table
    rows, columns = np.indices(table.shape)
    shown = (3 * rows + columns) % 4 == 0
    starts = np.concatenate([[0], np.cumsum(shown.sum(1))])
    at = columns[shown]
    csr = SimpleNamespace(data=table[shown], indices=at, indptr=starts, shape=table.shape, format="csr")
    return np.where(shown, table, table.dtype.type(0)), csr


def sparse_over(axis: int | None) -> Operation:
    """Mean and variance of a sparse matrix, its zeros counted."""
    return _verb(
        f"sparse.moments {axis}",
        lambda x: cnorm.sparse.moments(_sparse(x)[1], axis),
        lambda x: R.moments(_sparse(x)[0], axis),
    )


VERBS = (
    *(moments_over(axis) for axis in (None, 0, 1, -1, (0, 2))),
    *(grouped_over(axis) for axis in (0, 1, -1)),
    *(segments_over(axis) for axis in (1, -1)),
    rolling_over(1, False),
    rolling_over(-1, True),
    standardized_over(-1),
    *(sparse_over(axis) for axis in (None, 0, 1)),
)
