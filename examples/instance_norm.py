"""InstanceNorm: each channel of each picture by itself, so that contrast and brightness vanish."""

from __future__ import annotations

import numpy as np
from _picture import picture

import cnorm.nn as nn

rng = np.random.default_rng(0)

x = rng.normal(5, 3, (20, 100, 35, 45)).astype(np.float32)
y = nn.InstanceNorm2d(100)(x)
print(f"input  mean {x.mean():6.3f}  deviation {x.std():.3f}")
print(f"output mean {y.mean():6.3f}  deviation {y.std():.3f}")
assert np.abs(y.mean(axis=(2, 3))).max() < 1e-6, "each channel of each picture has mean 0"
assert np.abs(y.var(axis=(2, 3)) - 1).max() < 1e-4, "and variance 1"
assert not nn.InstanceNorm2d(100).state_dict(), "nothing to learn by default"

layer = nn.InstanceNorm2d(100, affine=True)
assert layer.weight.shape == layer.bias.shape == (100,), "affine=True: a weight and a bias per channel"
assert np.array_equal(layer(x), y), "which begin as 1 and 0"

brighter = 4 * x + 20
largest = np.abs(nn.InstanceNorm2d(100)(brighter) - y).max()
print(f"four times the contrast, 20 brighter: the result moves by {largest:.1e}")
assert largest < 1e-4, "contrast and brightness of a picture have no effect: what style transfer wants"

picture(None)
