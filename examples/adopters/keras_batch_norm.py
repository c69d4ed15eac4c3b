"""Keras on its NumPy backend: BatchNormalization in use, channels last."""

import os

import numpy as np
from _compare import Adoption, show

import cnorm.functional as F

os.environ["KERAS_BACKEND"] = "numpy"
from keras import layers  # after the backend was chosen

layer = layers.BatchNormalization()
layer.build((None, 56, 56, 64))
layer.moving_mean.assign(np.full(64, 1000))


def ours(x):
    parts = (layer.moving_mean, layer.moving_variance, layer.gamma, layer.beta)
    y = F.batch_norm(np.moveaxis(x, -1, 1), *map(np.asarray, parts), eps=layer.epsilon)  # a view
    return np.moveaxis(y, 1, -1)


def exact(x):
    return (x - 1000) / np.sqrt(1 + layer.epsilon)


def main():
    x = np.random.default_rng(0).normal(1000, 1, (32, 56, 56, 64)).astype(np.float32)
    show(Adoption("keras", "BatchNormalization()(x)", layer, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
