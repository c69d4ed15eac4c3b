"""BatchNorm with and without learnable parameters: each feature over the batch."""

from __future__ import annotations

import numpy as np
from _picture import picture

import cnorm.nn as nn

rng = np.random.default_rng(0)

x = rng.normal(5, 3, (20, 100)).astype(np.float32)  # 20 samples of 100 features
with_affine = nn.BatchNorm1d(100)
without_affine = nn.BatchNorm1d(100, affine=False)
y, plain = with_affine(x), without_affine(x)

print(f"input    mean {x.mean():6.3f}  deviation {x.std():.3f}")
print(f"output   mean {y.mean():6.3f}  deviation {y.std():.3f}")
assert np.abs(y.mean(axis=0)).max() < 1e-6, "each feature has mean 0 over the batch"
assert np.abs(y.var(axis=0) - 1).max() < 1e-4, "and variance 1"
assert np.array_equal(y, plain), "a new layer scales by 1 and shifts by 0: affine makes no difference yet"
assert without_affine.weight is None, "without affine there is nothing to learn"

with_affine.weight[:], with_affine.bias[:] = 2, 10  # as training might have it
y = with_affine(x)
print(f"affine   mean {y.mean():6.3f}  deviation {y.std():.3f}   (weight 2, bias 10)")
assert np.allclose(y, 2 * plain + 10, atol=1e-5), "weight scales and bias shifts the normalized values"

images = rng.normal(5, 3, (20, 100, 35, 45)).astype(np.float32)
y = nn.BatchNorm2d(100)(images)
print(f"images   mean {y.mean():6.3f}  deviation {y.std():.3f}   {y.shape}")
assert np.abs(y.mean(axis=(0, 2, 3))).max() < 1e-5, "each channel over the batch and all pixels"
assert np.abs(y.var(axis=(0, 2, 3)) - 1).max() < 1e-4, "with variance 1"

picture(None)
