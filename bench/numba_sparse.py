"""What a numba user writes for sparse matrices: sums and squares of what is stored, as fast-array-utils."""

from __future__ import annotations

import numpy as np
from numba import prange

from bench.numba_kernels import both


@both
def sparse_rows(data, indptr, width, mean, var):  # type: ignore[no-untyped-def]
    """Moments of the rows of a CSR matrix."""
    for r in prange(mean.size):
        total, squares = 0.0, 0.0
        for i in range(indptr[r], indptr[r + 1]):
            value = np.float64(data[i])
            total += value
            squares += value * value
        mean[r] = total / width
        var[r] = squares / width - mean[r] ** 2


@both
def sparse_columns(data, indices, indptr, parts, mean, var):  # type: ignore[no-untyped-def]
    """Moments of the columns, sums of every thread in `parts`."""
    rows, threads = indptr.size - 1, parts.shape[1]
    for t in prange(threads):
        for r in range(t, rows, threads):
            for i in range(indptr[r], indptr[r + 1]):
                value, column = np.float64(data[i]), indices[i]
                parts[0, t, column] += value
                parts[1, t, column] += value * value
    for c in range(mean.size):
        mean[c] = parts[0, :, c].sum() / rows
        var[c] = parts[1, :, c].sum() / rows - mean[c] ** 2
