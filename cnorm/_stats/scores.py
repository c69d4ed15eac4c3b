"""Standard scores of whole groups in one call of the core, and the moments that tell where it went astray."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, compute_dtype
from cnorm._accept.masks import shown
from cnorm._native import core

__all__ = ["Groups", "first_moments", "fused_scores"]


class Groups:
    """What the statistics of an array are taken over: axes, the elements a mask shows, and how many they are.

    `count` is an int64 array that broadcasts against the statistics (reduced axes of size 1).
    """

    __slots__ = ("axes", "count", "mask")

    def __init__(self, x: Array, axes: tuple[int, ...], mask: Array | None) -> None:
        self.axes, self.mask = axes, mask
        if mask is None:
            self.count = np.full((1,) * x.ndim, math.prod(x.shape[a] for a in axes))
        else:
            self.count = shown(mask, x.shape, axes)


def first_moments(x: Array, groups: Groups) -> Array:
    """The partials [..., 4] that `fused_scores` gives, bit for bit, and nothing written."""
    partials: Array = core.moments(x, groups.axes, groups.mask)
    return partials


def fused_scores(x: Array, y: Array, groups: Groups, ddof: float) -> Array:
    """y = (x - mean) / std, 0 where the mask hides x, and the partials [..., 4] of the moments.

    `y` may be x itself. A group whose partials are not finite holds nothing of use.
    """
    weight: Any = None
    if ddof:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.sqrt((groups.count - ddof) / groups.count)
        weight = np.where(groups.count > ddof, share, np.nan).astype(compute_dtype(x))
    partials: Array = core.normalize(x, y, groups.axes, weight, None, 0.0, "var", True, groups.mask)
    return partials
