"""thinc: LayerNorm forward, as spaCy calls it."""

import numpy as np
from _compare import Adoption, show
from thinc.api import LayerNorm

import cnorm.functional as F

model = LayerNorm(96)
model.initialize()


def ours(X):
    return F.layer_norm(X, X.shape[1:], model.get_param("G"), model.get_param("b"), 1e-8)


def arrays():
    return (np.random.default_rng(0).normal(size=(4096, 96)).astype(np.float32),)


def main():
    show(Adoption("thinc", "LayerNorm(96).predict(X)", model.predict, ours, arrays))


if __name__ == "__main__":
    main()
