"""The all-MiniLM-L6-v2 network in NumPy: six transformer layers, normalization by cnorm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cnorm import functional as F
from cnorm._accept.arrays import Array
from cnorm.demo._erf import gelu
from cnorm.demo._stopwatch import Stopwatch

LAYERS, HEADS, EPS = 6, 12, 1e-12


class MiniLM:
    """Sentence embeddings from token ids; `norm_time` counts what normalization took.

    Parameters
    ----------
    weights : mapping of str to ndarray
        The tensors of the checkpoint, under its names.
    """

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self.weights = weights
        self.norm_time = Stopwatch()

    def linear(self, name: str, x: Array) -> Array:
        """x @ W.T + b."""
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def norm(self, name: str, x: Array) -> Array:
        """LayerNorm over the last axis, in place."""
        w, b = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return np.asarray(self.norm_time(F.layer_norm, x, w.shape, w, b, EPS, out=x))

    def attention(self, name: str, x: Array, hidden: Array) -> Array:
        """Multi-head self-attention; `hidden` is added to the scores, -inf at padding."""
        n, length, width = x.shape

        def heads(part: str) -> Array:
            y = self.linear(f"{name}.self.{part}", x)
            return y.reshape(n, length, HEADS, width // HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").swapaxes(-1, -2) / np.float32(np.sqrt(width // HEADS))
        scores += hidden
        scores -= scores.max(-1, keepdims=True)
        share = np.exp(scores)
        share /= share.sum(-1, keepdims=True)
        mixed = (share @ heads("value")).transpose(0, 2, 1, 3).reshape(n, length, width)
        return self.linear(f"{name}.output.dense", mixed)

    def __call__(self, ids: Array, mask: Array) -> Array:
        """Unit-length embeddings [n, 384] of token ids [n, length]; mask is 0 at padding."""
        w = self.weights
        x = w["embeddings.word_embeddings.weight"][ids]
        x += w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        x += w["embeddings.token_type_embeddings.weight"][0]
        x = self.norm("embeddings.LayerNorm", x)
        hidden = np.where(mask, 0, -np.inf).astype(np.float32)[:, None, None, :]
        for i in range(LAYERS):
            layer = f"encoder.layer.{i}"
            x = self.norm(
                f"{layer}.attention.output.LayerNorm", x + self.attention(f"{layer}.attention", x, hidden)
            )
            inner = gelu(self.linear(f"{layer}.intermediate.dense", x))
            x = self.norm(f"{layer}.output.LayerNorm", x + self.linear(f"{layer}.output.dense", inner))
        share = mask[..., None].astype(np.float32)
        pooled = (x * share).sum(1) / share.sum(1)
        return np.asarray(self.norm_time(F.normalize, pooled))
