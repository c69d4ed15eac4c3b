"""What a numba user writes for groups of rows: one loop, and a state for each group."""

from __future__ import annotations

from numba import njit

from bench.numba_kernels import FLAGS


@njit(**FLAGS)
def group_moments(x, labels, count, mean, var):  # type: ignore[no-untyped-def]
    """Of groups of rows, by Welford's update: one read; all three begin as zeros."""
    for i in range(x.shape[0]):
        g = labels[i]
        count[g] += 1
        share = 1 / count[g]
        for j in range(x.shape[1]):
            d = x[i, j] - mean[g, j]
            mean[g, j] += d * share
            var[g, j] += d * (x[i, j] - mean[g, j])
    for g in range(count.size):
        for j in range(x.shape[1]):
            var[g, j] /= max(count[g], 1)
