"""NeMo's per-feature normalization of spectrograms of any lengths; its formula, in our own words."""

import numpy as np
from _compare import Adoption, show

import cnorm


def today(x, lengths):
    shown, count = (np.arange(x.shape[2]) < lengths[:, None])[:, None], lengths[:, None, None]
    mean = np.where(shown, x, 0).sum(2, keepdims=True) / count
    std = np.sqrt(np.where(shown, (x - mean) ** 2, 0).sum(2, keepdims=True) / (count - 1)) + 1e-5
    return np.where(shown, (x - mean) / std, 0).astype(x.dtype)


def ours(x, lengths):
    shown = cnorm.length_mask(lengths, x.shape[2])[:, None]
    shrink = np.sqrt(1 - 1 / lengths)[:, None, None]
    return cnorm.standardize(x, 2, shrink, eps=1e-5, eps_mode="outside", where=shown)


def main():
    rng = np.random.default_rng(0)
    x, lengths = rng.normal(-5, 3, (16, 80, 1000)).astype(np.float32), rng.integers(200, 1001, 16)
    show(
        Adoption(
            "nemo-toolkit", 'normalize_batch(x, lengths, "per_feature")', today, ours, lambda: (x, lengths)
        )
    )


if __name__ == "__main__":
    main()
