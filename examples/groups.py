"""Groups before and after: batches at levels and scales of their own, each to mean 0 and variance 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import INK, picture

import cnorm

GROUPS, ROWS = 6, 480
rng = np.random.default_rng(0)

# Rows of several batches, in no order: what differs between batches is not what is looked for.
labels = rng.integers(0, GROUPS, ROWS)
level, scale = rng.normal(10, 6, GROUPS), rng.lognormal(0, 0.6, GROUPS)
x = level[labels] + scale[labels] * rng.standard_normal(ROWS)

mean, var = cnorm.group_moments(x, labels)
y = cnorm.group_standardize(x, labels, eps=0)

for g in range(GROUPS):
    print(f"group {g}: {np.sum(labels == g):4} rows, mean {mean[g]:7.3f}, deviation {np.sqrt(var[g]):.3f}")
after = cnorm.group_moments(y, labels)
assert np.abs(after[0]).max() < 1e-14, "each group has mean 0"
assert np.abs(after[1] - 1).max() < 1e-13, "and variance 1"
print("after: mean 0 and variance 1 in each")


def draw(plt: Any) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    aside = np.random.default_rng(1).uniform(-0.3, 0.3, ROWS)
    for axis, values, name in zip(axes, (x, y), ("before", "after"), strict=True):
        for g in range(GROUPS):
            own = values[labels == g]
            axis.plot(g + aside[labels == g], own, ".", markersize=2, alpha=0.6)
            axis.errorbar(g, own.mean(), own.std(), color=INK, capsize=6, linewidth=1.2)
        axis.set(title=f"{name}: six groups, their means and deviations", xlabel="group")
    axes[0].set_ylabel("value")
    return figure


picture(draw)
