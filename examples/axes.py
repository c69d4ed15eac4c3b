"""Which elements share a mean and a variance, for each norm: (N, C, positions) as a block of cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import BLUE, INK, picture

import cnorm.functional as F

N, C, L = 3, 4, 5
NORMS = {
    "BatchNorm": lambda x: F.batch_norm(x, None, None, training=True),
    "LayerNorm (C, L)": lambda x: F.layer_norm(x, (C, L)),
    "LayerNorm axis=1": lambda x: F.layer_norm(x, (C,), axis=1),
    "GroupNorm, 2 groups": lambda x: F.group_norm(x, 2),
    "InstanceNorm": F.instance_norm,
}


def shared(norm: Any) -> Any:
    """The elements whose input moves the result of the first one: found by trying each."""
    x = np.random.default_rng(0).normal(size=(N, C, L))
    first, found = norm(x)[0, 0, 0], np.zeros(x.shape, bool)
    for place in np.ndindex(x.shape):
        changed = x.copy()
        changed[place] += 1
        found[place] = norm(changed)[0, 0, 0] != first
    return found


masks = {name: shared(norm) for name, norm in NORMS.items()}
expected = {name: np.zeros((N, C, L), bool) for name in NORMS}
expected["BatchNorm"][:, 0] = True
expected["LayerNorm (C, L)"][0] = True
expected["LayerNorm axis=1"][0, :, 0] = True
expected["GroupNorm, 2 groups"][0, :2] = True
expected["InstanceNorm"][0, 0] = True
for name, mask in masks.items():
    n, c, positions = (len(set(places)) for places in np.nonzero(mask))
    print(f"{name:20} {mask.sum():3} of {N * C * L} elements: {n} of {N} samples,", end="")
    print(f" {c} of {C} channels, {positions} of {L} positions")
    assert np.array_equal(mask, expected[name]), f"{name} reduces over other axes"


def draw(plt: Any) -> Any:
    figure, axes = plt.subplots(1, len(NORMS), figsize=(10, 2.7), layout="constrained")
    for panel, (name, mask) in zip(axes, masks.items(), strict=True):
        for n in reversed(range(N)):  # samples one behind the other
            for c, position in np.ndindex(C, L):
                corner = (position + 1.6 * n, C - 1 - c + 1.3 * n)
                color = BLUE if mask[n, c, position] else "white"
                panel.add_patch(plt.Rectangle(corner, 1, 1, facecolor=color, edgecolor=INK, linewidth=0.6))
        panel.set(xlim=(-0.9, L + 3.4), ylim=(-1.2, C + 2.8), aspect="equal")
        panel.set_title(name, fontsize=9)
        panel.axis("off")
    label = {"fontsize": 7, "color": INK, "ha": "center", "va": "center"}
    axes[0].text(-0.5, C / 2, "channels", rotation=90, **label)
    axes[0].text(L / 2, -0.6, "positions", **label)
    axes[0].text(L + 2.0, 0.9, "samples", rotation=39, **label)
    return figure


picture(draw)
