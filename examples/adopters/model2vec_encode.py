"""model2vec: a text is the mean of its tokens' vectors, of unit length; 16 at a time stay in the cache."""

import numpy as np
from _compare import Adoption, show
from model2vec import StaticModel
from tokenizers import Tokenizer, models

import cnorm

vectors = np.random.default_rng(0).normal(size=(5000, 256)).astype(np.float32)
model = StaticModel(vectors, Tokenizer(models.WordLevel({f"w{i}": i for i in range(5000)}, "w0")))
model.tokenize = lambda sentences: sentences  # which are ids here: tokenizing is no part of this


def today(vectors, ids):
    return model._encode_batch(ids, normalize=True)


def ours(vectors, ids):
    means = []
    for i in range(0, len(ids), 16):
        offsets = np.cumsum([0, *map(len, ids[i : i + 16])])
        means.append(cnorm.segment_moments(vectors[np.concatenate(ids[i : i + 16])], offsets)[0])
    return cnorm.functional.normalize(np.concatenate(means))


def exact(vectors, ids):
    means = np.stack([vectors[of].mean(0) for of in ids])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def main():
    rng = np.random.default_rng(1)
    ids = [rng.integers(1, 5000, n).tolist() for n in rng.integers(3, 300, 256)]
    show(Adoption("model2vec", "StaticModel._encode_batch", today, ours, lambda: (vectors, ids), exact))


if __name__ == "__main__":
    main()
