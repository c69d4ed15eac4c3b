"""Reductions of data with holes, under NumPy's and Bottleneck's names: `import cnorm.stats as bn`.

`move_*` reduce the window that ends at each position. Every other function takes an axis, several or all,
arrays of any strides, `where=`, `out=` and `keepdims=`; sums, means, variances and deviations also
`weights=`. Nothing warns: where there is nothing, the result is NaN.
Integers and booleans give what NumPy gives; 16-bit floats give float32; complex numbers and long double go
through NumPy's ufuncs.
"""

from __future__ import annotations

from typing import Any

from cnorm.stats._counts import allnan, anynan, count, ss
from cnorm.stats._extremes import max, min, nanmax, nanmin, nanptp, ptp
from cnorm.stats._moves import (
    move_argmax,
    move_argmin,
    move_max,
    move_mean,
    move_min,
    move_std,
    move_sum,
    move_var,
)
from cnorm.stats._places import argmax, argmin, nanargmax, nanargmin
from cnorm.stats._spreads import nanstd, nanvar, std, var
from cnorm.stats._sums import mean, nanmean, nansum, sum

__all__ = [
    "allnan",
    "anynan",
    "argmax",
    "argmin",
    "count",
    "max",
    "mean",
    "min",
    "move_argmax",
    "move_argmin",
    "move_max",
    "move_mean",
    "move_min",
    "move_std",
    "move_sum",
    "move_var",
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanptp",
    "nanstd",
    "nansum",
    "nanvar",
    "ptp",
    "ss",
    "std",
    "sum",
    "var",
]

# pandas asks what stands in for Bottleneck for the version whose names it has.
__version__ = "1.6.0"
# Bottleneck's names that pandas and xarray look up and NumPy has as well.
NUMPYS = ("median", "nanmedian")


def __getattr__(name: str) -> Any:
    if name in NUMPYS:
        import numpy

        return getattr(numpy, name)
    from cnorm._system.hints import no_attribute

    raise no_attribute(__name__, name)
