"""GroupNorm with 3, 6 and 1 groups: between InstanceNorm and LayerNorm."""

from __future__ import annotations

import numpy as np
from _picture import picture

import cnorm.nn as nn

rng = np.random.default_rng(0)

C = 6
x = rng.normal(5, 3, (20, C, 10, 10)).astype(np.float32)
results = {}
for groups in (3, 6, 1):
    y = results[groups] = nn.GroupNorm(groups, C)(x)
    parts = y.reshape(20, groups, -1)
    largest = np.abs(parts.mean(axis=2)).max()
    print(f"{groups} groups of {C // groups} channels: largest mean of a group {largest:.0e}")
    assert largest < 1e-6, "each group of each sample has mean 0"
    assert np.abs(parts.var(axis=2) - 1).max() < 1e-4, "and variance 1"

instance = nn.InstanceNorm2d(C)(x)
layer = nn.LayerNorm((C, 10, 10))(x)
print(f"as many groups as channels against InstanceNorm: {np.abs(results[6] - instance).max():.1e}")
print(f"one group against LayerNorm over (C, H, W):      {np.abs(results[1] - layer).max():.1e}")
assert np.allclose(results[6], instance, atol=1e-6), "a group per channel is InstanceNorm"
assert np.allclose(results[1], layer, atol=1e-6), "a single group is LayerNorm without its parameters"
assert not np.allclose(results[3], instance, atol=0.01), "3 groups are neither"

one_by_one = np.concatenate([nn.GroupNorm(3, C)(sample[None]) for sample in x])
assert np.array_equal(one_by_one, results[3]), "the size of the batch does not matter"

picture(None)
