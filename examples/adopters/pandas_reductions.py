"""pandas: reductions of frames with holes; it takes Bottleneck, here cnorm, when it is imported."""

import sys

import numpy as np
from _compare import Adoption, show

import cnorm

sys.modules["bottleneck"] = cnorm.stats
import pandas  # after that


def today(frame):
    pandas.set_option("compute.use_bottleneck", False)
    return frame.std()


def ours(frame):
    pandas.set_option("compute.use_bottleneck", True)
    return frame.std()


def exact(frame):
    return np.nanstd(frame.to_numpy(np.longdouble), 0, ddof=1)


def main():
    x = np.random.default_rng(0).normal(3, 2, (1_000_000, 10))
    frame = pandas.DataFrame(np.where(x < 0, np.nan, x))
    show(Adoption("pandas", "frame.std(), 7 % NaN", today, ours, lambda: (frame,), exact))


if __name__ == "__main__":
    main()
