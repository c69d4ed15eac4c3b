"""LayerNorm of sentences and of images: each token, or each picture, by itself."""

from __future__ import annotations

import numpy as np
from _picture import picture

import cnorm.functional as F
import cnorm.nn as nn

rng = np.random.default_rng(0)

batch, length, width = 20, 5, 10
tokens = rng.normal(3, 2, (batch, length, width)).astype(np.float32)
y = nn.LayerNorm(width)(tokens)
print(f"sentences {y.shape}: first token, mean {y[0, 0].mean():.1e}, variance {y[0, 0].var():.4f}")
assert np.abs(y.mean(axis=-1)).max() < 1e-6, "each token has mean 0 over its embedding"
assert np.abs(y.var(axis=-1) - 1).max() < 1e-3, "and variance 1, but for eps"

N, C, H, W = 20, 5, 10, 10
images = rng.normal(3, 2, (N, C, H, W)).astype(np.float32)
layer = nn.LayerNorm((C, H, W))  # the last three axes
y = layer(images)
print(f"images    {y.shape}: first picture, mean {y[0].mean():.1e}, variance {y[0].var():.4f}")
assert np.abs(y.mean(axis=(1, 2, 3))).max() < 1e-6, "each picture has mean 0 over channels and pixels"
assert layer.weight.shape == (C, H, W), "with a weight for each element, not for each channel"

alone = layer(images[:1])
assert np.array_equal(alone[0], y[0]), "batch mates change no bit of a picture's result"

y = F.layer_norm(images, (C,), axis=1)  # over the channels of each pixel, as in ConvNeXt; no copy
moved = F.layer_norm(images.transpose(0, 2, 3, 1), (C,)).transpose(0, 3, 1, 2)
print(f"channels  {y.shape}: first pixel, mean {y[0, :, 0, 0].mean():.1e}")
assert np.array_equal(y, moved), "axis=1 is the norm of the transposed array, transposed back"

picture(None)
