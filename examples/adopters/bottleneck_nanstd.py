"""Bottleneck: what pandas asks of it where it is installed, of columns with holes."""

import bottleneck
import numpy as np
from _compare import Adoption, show

import cnorm.stats


def today(x):
    return bottleneck.nanstd(x, 0, 1)


def ours(x):
    return cnorm.stats.nanstd(x, 0, ddof=1)


def exact(x):
    return np.nanstd(x, 0, ddof=1)


def main():
    x = np.random.default_rng(0).normal(3, 2, (1_000_000, 10))
    x[x < 0] = np.nan
    show(Adoption("bottleneck", "nanstd(x, 0, 1), 7 % NaN", today, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
