"""Moments and standardizing of chunked arrays, Dask's own and cnorm's: python -m bench.interop_dask."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import dask
import dask.array as da
import numpy as np

import cnorm
from bench.tables import compared_row
from cnorm._bench.interleave import compared
from cnorm.interop.dask import group_moments, moments, rolling_moments, standardize

SECONDS = 3.0
SHAPE, CHUNKS = (200_000, 64), (20_000, 64)
GROUPS, WINDOW = 10, 10
MARKS = np.random.default_rng(1).integers(0, GROUPS, SHAPE[0])


def of_groups(x: Any) -> tuple[Any, Any]:
    """Each group picked, as one writes it without a frame."""
    parts = [x[np.flatnonzero(i == MARKS)] for i in range(GROUPS)]
    return da.stack([part.mean(0) for part in parts]), da.stack([part.var(0) for part in parts])


def of_windows(x: Any) -> tuple[Any, Any]:
    windows = da.lib.stride_tricks.sliding_window_view(x, WINDOW, 0)
    return windows.mean(-1), windows.var(-1)


# What is computed: Dask's way, cnorm's.
CASES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "moments, axis 0": (lambda x: (x.mean(0), x.var(0)), lambda x: moments(x, 0)),
    "moments of all": (lambda x: (x.mean(), x.var()), moments),
    "standardize, axis 0": (
        lambda x: ((x - x.mean(0)) / da.sqrt(x.var(0) + 1e-5),),
        lambda x: (standardize(x, 0),),
    ),
    "standardize, rows": (
        lambda x: ((x - x.mean(1, keepdims=True)) / da.sqrt(x.var(1, keepdims=True) + 1e-5),),
        lambda x: (standardize(x, 1),),
    ),
    "moments of 10 groups": (of_groups, lambda x: group_moments(x, MARKS, GROUPS)),
    "moments of windows of 10": (
        of_windows,
        lambda x: tuple(of[WINDOW - 1 :] for of in rolling_moments(x, WINDOW, axis=0)),
    ),
}


def computed(f: Callable[[Any], Any], x: Any) -> Any:
    """The graph, and its results."""
    return dask.compute(*f(x), num_workers=2)


def main() -> None:
    cnorm.set_num_threads(1)  # the scheduler's threads run beside each other
    x = da.from_array(np.random.default_rng(0).normal(3, 2, SHAPE).astype(np.float32), chunks=CHUNKS)
    print("| float32 (200000, 64) in 10 chunks | Dask's | cnorm's | Dask's / cnorm's |\n|---|---|---|---|")
    for name, (theirs, ours) in CASES.items():
        calls = {"dask": partial(computed, theirs, x), "cnorm": partial(computed, ours, x)}
        for a, b in zip(calls["dask"](), calls["cnorm"](), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
        print(compared_row([name], compared(calls, "cnorm", SECONDS), "dask"), flush=True)


if __name__ == "__main__":
    main()
