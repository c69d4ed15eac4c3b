"""xarray: a reduction of data with holes; what it asks Bottleneck comes to cnorm."""

import numpy as np
import xarray
from _compare import Adoption, show
from xarray.core import nputils

import cnorm

nputils.bn, nputils._BOTTLENECK_AVAILABLE = cnorm.stats, True


def today(array):
    with xarray.set_options(use_bottleneck=False, use_numbagg=False):
        return array.var("time")


def ours(array):
    with xarray.set_options(use_bottleneck=True, use_numbagg=False):
        return array.var("time")


def arrays():
    x = np.random.default_rng(0).normal(280, 10, (1000, 64, 64)).astype(np.float32)
    return (xarray.DataArray(np.where(x < 270, np.nan, x), dims=("time", "lat", "lon")),)


def main():
    show(Adoption("xarray", 'array.var("time"), 16 % NaN', today, ours, arrays))


if __name__ == "__main__":
    main()
