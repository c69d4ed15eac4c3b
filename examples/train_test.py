"""BatchNorm in training and in use: the batch's statistics first, the running averages later."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import BLUE, GREY, INK, RED, picture

import cnorm.nn as nn

MEAN, DEVIATION, BATCHES = 5.0, 3.0, 80
rng = np.random.default_rng(0)


def batch(size: int) -> Any:
    return rng.normal(MEAN, DEVIATION, (size, 1)).astype(np.float32)


layer = nn.BatchNorm1d(1)  # momentum 0.1: the running mean keeps 0.9 of itself
averages, batches = [], []
for _ in range(BATCHES):
    x = batch(32)
    y = layer(x)
    assert abs(float(y.mean())) < 1e-6, "in training each batch is normalized by its own mean"
    batches.append(float(x.mean()))
    averages.append(float(layer.running_mean[0]))
print(f"running mean {averages[0]:.2f} -> {averages[-1]:.2f} (true {MEAN})")
print(f"running variance {float(layer.running_var[0]):.2f} (true {DEVIATION**2})")
assert abs(averages[-1] - MEAN) < 0.6, "the running mean comes to that of the data"
by_hand = 0.0
for mean in batches:
    by_hand = 0.9 * by_hand + 0.1 * mean
assert np.isclose(by_hand, averages[-1], rtol=1e-4), "running = 0.9 running + 0.1 batch"

layer.eval()
sample = batch(1)
alone, among = layer(sample), layer(np.concatenate([sample, batch(31)]))[:1]
print(f"in use: the sample {float(sample[0, 0]):.2f} becomes {float(alone[0, 0]):.3f}, alone or in a batch")
assert np.array_equal(alone, among), "in use a result does not depend on the rest of the batch"
assert layer.num_batches_tracked == BATCHES, "and nothing is learned"

layer.train()
try:
    layer(sample)
except ValueError as error:
    print(f"in training a single value is refused: {error}")
else:
    raise AssertionError("one value has no variance")


def draw(plt: Any) -> Any:
    figure, axes = plt.subplots(figsize=(6, 2.6), layout="constrained")
    axes.plot(batches, "o", color=GREY, markeredgecolor=INK, markeredgewidth=0.4, markersize=4, label="batch")
    axes.plot(averages, color=BLUE, linewidth=2, label="running average")
    axes.axhline(MEAN, color=RED, linewidth=1, linestyle="--", label="data")
    axes.set(xlabel="training step", ylabel="mean", ylim=(0, 7.5))
    axes.legend(loc="lower right", ncols=3)
    return figure


picture(draw)
