"""Normalizes the columns of a table larger than the memory: python dask_large.py --gb 1 (extra: dask).

About 9 s for each GB on two cores, so three minutes for the 20 it takes if --gb does not say.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from cnorm.interop.dask import moments, standardize  # says how to get dask, if it is not there

import dask  # isort: skip
import dask.array as da  # isort: skip
from dask.diagnostics import ProgressBar  # isort: skip

COLUMNS, ROWS = 64, 131072  # of a chunk: 32 MiB of float32


def chunk(block_info: dict[str | int | None, dict[str, tuple[int, ...]]]) -> np.ndarray:
    """Made when needed, as one is read from a file: column j has mean 1000 j and deviation 1 + j."""
    place = block_info[None]["chunk-location"]
    values = np.random.default_rng(place).standard_normal((ROWS, COLUMNS), np.float32)
    values *= np.arange(1, COLUMNS + 1, dtype=np.float32)
    values += 1000 * np.arange(COLUMNS, dtype=np.float32)
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=20.0, help="size of the table")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    chunks = max(2, round(options.gb * 1e9 / (ROWS * COLUMNS * 4)))
    sizes, meta = ((ROWS,) * chunks, (COLUMNS,)), np.empty((0, 0), np.float32)
    x = da.map_blocks(chunk, chunks=sizes, dtype=meta.dtype, meta=meta)
    z = standardize(x, axis=0, eps=0.0)
    print(f"{x.nbytes / 1e9:.2f} GB in {chunks} chunks of {x.nbytes / chunks / 1e6:.0f} MB,", end=" ")
    print(f"about {9 * x.nbytes / 1e9:.0f} s on two cores")
    start = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=options.workers), ProgressBar():
        mean, var = dask.compute(*moments(z, axis=0))  # in place of writing z: z.to_zarr(...)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"largest |mean| {np.abs(mean).max():.1e}, largest |variance - 1| {np.abs(var - 1).max():.1e}")
    print(f"{time.perf_counter() - start:.0f} s, peak memory {peak:.2f} GB")


if __name__ == "__main__":
    main()
