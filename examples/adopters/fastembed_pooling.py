"""fastembed: the mean of the tokens that count, then unit length."""

import numpy as np
from _compare import Adoption, show
from fastembed.common.utils import mean_pooling, normalize

import cnorm


def today(tokens, mask):
    return normalize(mean_pooling(tokens, mask)).astype(tokens.dtype)


def ours(tokens, mask):
    return cnorm.mean_pool(tokens, mask.astype(bool), normalize=True)


def arrays():
    rng = np.random.default_rng(0)
    mask = cnorm.length_mask(rng.integers(20, 257, 32), 256).astype(np.int64)
    return rng.normal(size=(32, 256, 384)).astype(np.float32), mask


def main():
    show(Adoption("fastembed", "normalize(mean_pooling(tokens, mask))", today, ours, arrays))


if __name__ == "__main__":
    main()
