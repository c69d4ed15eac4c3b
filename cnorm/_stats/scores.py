"""Standard scores of whole groups in one call of the core, and the moments they come from."""

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

    `count` is an int64 array that broadcasts against the statistics (reduced axes of size 1). omit: NaN is
    left out.
    """

    __slots__ = ("axes", "count", "mask", "omit")

    def __init__(self, x: Array, axes: tuple[int, ...], mask: Array | None, omit: bool) -> None:
        self.axes, self.mask, self.omit = axes, mask, omit
        if mask is None:
            self.count = np.full((1,) * x.ndim, math.prod(x.shape[a] for a in axes))
        else:
            self.count = shown(mask, x.shape, axes)


def first_moments(x: Array, groups: Groups) -> Array:
    """The state that `fused_scores` gives, bit for bit, and nothing written."""
    return core.moments(x, groups.axes, groups.mask, None, groups.omit)


def fused_scores(x: Array, y: Array, groups: Groups, count: Any, ddof: float) -> Array:
    """y = (x - mean) / std, 0 where the mask hides x, and the state of the moments; `y` may be x itself.

    count: how many elements a group has, which `ddof` is taken off.
    """
    weight: Any = None
    if ddof:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.sqrt((count - ddof) / count)
        weight = np.where(count > ddof, share, np.nan).astype(compute_dtype(x))
    state: Array = core.normalize(
        x, y, groups.axes, weight, None, 0.0, "var", True, groups.mask, omit=groups.omit
    )
    return state
