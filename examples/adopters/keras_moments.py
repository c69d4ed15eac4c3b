"""Keras on its NumPy backend: mean and variance, there E[x²] - m²."""

import os

import numpy as np
from _compare import Adoption, show

import cnorm

os.environ["KERAS_BACKEND"] = "numpy"
from keras import ops  # after the backend was chosen


def today(x):
    return ops.moments(x, (0, 1, 2))


def ours(x):
    return cnorm.moments(x, (0, 1, 2))


def exact(x):
    return x.mean((0, 1, 2)), x.var((0, 1, 2))


def main():
    x = np.random.default_rng(0).normal(1000, 1, (32, 56, 56, 64)).astype(np.float32)
    show(Adoption("keras", "ops.moments(x, (0, 1, 2))", today, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
