"""Keras on its NumPy backend: LayerNormalization."""

import os

import numpy as np
from _compare import Adoption, show

import cnorm.functional as F

os.environ["KERAS_BACKEND"] = "numpy"
from keras import layers  # after the backend was chosen

layer = layers.LayerNormalization()


def ours(x):
    gamma, beta = layer.gamma.value, layer.beta.value
    return F.layer_norm(x, (x.shape[-1],), gamma, beta, layer.epsilon)


def exact(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + layer.epsilon)


def main():
    x = np.random.default_rng(0).normal(1000, 1, (32, 128, 768)).astype(np.float32)
    show(Adoption("keras", "LayerNormalization()(x)", layer, ours, lambda: (x,), exact))


if __name__ == "__main__":
    main()
