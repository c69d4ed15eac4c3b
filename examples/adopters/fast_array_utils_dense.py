"""fast-array-utils: mean and variance of columns; E[x²] - m² loses the variance beside a large mean."""

import numpy as np
from _compare import Adoption, show
from fast_array_utils.stats import mean_var

import cnorm


def today(x):
    return mean_var(x, axis=0, correction=1)


def ours(x):
    return cnorm.moments(x, 0, correction=1)


def arrays():
    return (np.random.default_rng(0).normal(1000, 1, (20_000, 500)).astype(np.float32),)


def exact(x):
    return x.mean(0), x.var(0, ddof=1)


def main():
    show(Adoption("fast-array-utils", "mean_var(x, axis=0, correction=1)", today, ours, arrays, exact))


if __name__ == "__main__":
    main()
