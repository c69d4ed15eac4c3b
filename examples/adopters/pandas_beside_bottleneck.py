"""pandas where Bottleneck is installed: the same reduction by either."""

import bottleneck
import numpy as np
import pandas
from _compare import Adoption, show
from pandas.core import nanops

import cnorm

pandas.set_option("compute.use_bottleneck", True)


def today(frame):
    nanops.bn = bottleneck
    return frame.std()


def ours(frame):
    nanops.bn = cnorm.stats
    return frame.std()


def exact(frame):
    return np.nanstd(frame.to_numpy(np.longdouble), 0, ddof=1)


def main():
    x = np.random.default_rng(0).normal(1e6, 1, (1_000_000, 10))
    frame = pandas.DataFrame(np.where(x < 1e6 - 1.5, np.nan, x))
    show(Adoption("pandas", "frame.std() beside Bottleneck, 7 % NaN", today, ours, lambda: (frame,), exact))


if __name__ == "__main__":
    main()
