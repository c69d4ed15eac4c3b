"""What LayerNorm does to activations, before and after: distributions, one sample, all variances."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import BLUE, INK, RED, picture

import cnorm.functional as F

rng = np.random.default_rng(0)
SAMPLES, FEATURES = 200, 256

# Activations of a deep network: each sample at its own level and scale.
x = rng.normal(size=(SAMPLES, FEATURES)) * rng.lognormal(0.5, 0.8, (SAMPLES, 1)) + rng.normal(
    2, 4, (SAMPLES, 1)
)
y = F.layer_norm(x, (FEATURES,))

for name, values in (("before", x), ("after", y)):
    means, variances = values.mean(axis=1), values.var(axis=1)
    print(f"{name:6}  sample means {means.min():7.3f} .. {means.max():6.3f}", end="")
    print(f"   variances {variances.min():6.3f} .. {variances.max():7.3f}")
assert x.var(axis=1).max() > 100 * x.var(axis=1).min(), "samples differ in scale before"
assert np.abs(y.mean(axis=1)).max() < 1e-14, "all have mean 0 after"
assert np.abs(y.var(axis=1) - 1).max() < 2e-3, "and variance 1, but for eps"
ranks = np.argsort(x, axis=1), np.argsort(y, axis=1)
assert np.array_equal(*ranks), "within a sample nothing changes place"
print(f"{SAMPLES} samples of {FEATURES} features; each keeps the order of its features")


def draw(plt: Any) -> Any:
    figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained")
    for row, values, name, color in zip(axes, (x, y), ("before", "after"), (RED, BLUE), strict=True):
        bins = np.linspace(values[:5].min(), values[:5].max(), 60)
        for sample in values[:5]:
            row[0].hist(sample, bins=bins, alpha=0.5)
        row[0].set(title=f"five samples, {name}", xlabel="value", ylabel="features")
        row[1].bar(np.arange(64), values[2, :64], color=color, width=0.9)
        row[1].axhline(values[2].mean(), color=INK, linewidth=1, linestyle="--")
        row[1].set(title=f"one sample, {name} (dashed: its mean)", xlabel="feature (64 of 256)")
        row[2].plot(values.var(axis=1), ".", color=color, markersize=4)
        row[2].set(title=f"variance of each sample, {name}", xlabel="sample")
    axes[1, 2].set_ylim(0, 2)
    return figure


picture(draw)
