"""SwitchNorm learns which statistics to use: instance, layer or batch; the gradient is written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import BLUE, INK, RED, picture

import cnorm
import cnorm.functional as F
import cnorm.nn as nn

KINDS = ("instance", "layer", "batch")
STEPS, RATE = 60, 20.0
rng = np.random.default_rng(0)
# Channels and samples of different brightness and contrast: the three kinds of statistics differ.
x = rng.normal(size=(8, 4, 12, 12)) * rng.uniform(0.5, 2, (8, 4, 1, 1)) + rng.normal(size=(8, 4, 1, 1))
target = F.instance_norm(x)  # what the layer shall learn: to use instance statistics

AXES = ((2, 3), (1, 2, 3), (0, 2, 3))
parts = [cnorm.moments(x, axis=axes, keepdims=True) for axes in AXES]
# The layer takes the unbiased variance of an instance and pools it for the others.
own_mean, own_var = cnorm.moments(x, axis=(2, 3), keepdims=True, correction=1)
spread = [own_var] + [(own_var + (own_mean - m) ** 2).mean(axis=a, keepdims=True)
                      for (m, _), a in zip(parts[1:], ((1,), (0,)), strict=True)]  # fmt: skip


def shares(logits: Any) -> Any:
    e = np.exp(logits - logits.max())
    return e / e.sum()


def step(layer: nn.SwitchNorm2d) -> float:
    """One step of gradient descent on both sets of mixing weights; returns the loss before it."""
    y = layer(x)
    a, b = shares(layer.mean_weight), shares(layer.var_weight)
    deviation = np.sqrt(sum(s * v for s, v in zip(b, spread, strict=True)) + layer.eps)
    error = 2 * (y - target) / y.size  # gradient of the mean squared difference
    by_mean = np.array([(error * -m / deviation).sum() for m, _ in parts])
    by_var = np.array([(error * y * v / (-2 * deviation**2)).sum() for v in spread])
    layer.mean_weight -= RATE * a * (by_mean - a @ by_mean)  # through the softmax
    layer.var_weight -= RATE * b * (by_var - b @ by_var)
    return float(((y - target) ** 2).mean())


layer = nn.SwitchNorm2d(4)
history, losses = [], []
for _ in range(STEPS):
    history.append((shares(layer.mean_weight), shares(layer.var_weight)))
    losses.append(step(layer))
print("          " + "".join(f"{kind:>10}" for kind in KINDS))
print("mean uses " + "".join(f"{s:10.2f}" for s in history[-1][0]))
print("var uses  " + "".join(f"{s:10.2f}" for s in history[-1][1]))
print(f"loss {losses[0]:.4f} -> {losses[-1]:.6f}")
assert losses[-1] < losses[0] / 100, "the layer learns"
assert min(history[-1][0][0], history[-1][1][0]) > 0.8, "to use the statistics of the instance"


def draw(plt: Any) -> Any:
    figure, axes = plt.subplots(1, 2, figsize=(7, 2.4), sharey=True, layout="constrained")
    for panel, which, name in zip(axes, (0, 1), ("mean", "variance"), strict=True):
        for k, (kind, color) in enumerate(zip(KINDS, (RED, BLUE, INK), strict=True)):
            panel.plot([h[which][k] for h in history], color=color, label=kind)
        panel.set(title=f"share in the {name}", xlabel="step", ylim=(0, 1))
    axes[0].legend()
    return figure


picture(draw)
