"""xarray: windows; it takes Bottleneck's, here cnorm's, when it is imported."""

import sys

import numpy as np
from _compare import Adoption, show

import cnorm

sys.modules["bottleneck"] = cnorm.stats
import xarray  # after that


def today(array):
    with xarray.set_options(use_bottleneck=False, use_numbagg=False):
        return array.rolling(time=30).std()


def ours(array):
    with xarray.set_options(use_bottleneck=True, use_numbagg=False):
        return array.rolling(time=30).std()


def arrays():
    x = np.random.default_rng(0).normal(280, 10, (1000, 16, 16)).astype(np.float32)
    return (xarray.DataArray(x, dims=("time", "lat", "lon")),)


def main():
    show(Adoption("xarray", "array.rolling(time=30).std()", today, ours, arrays))


if __name__ == "__main__":
    main()
