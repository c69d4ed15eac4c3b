"""Standard scores of whole groups in one call of the core, and the moments they come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, compute_dtype
from cnorm._accept.masks import shown
from cnorm._native import norms, reductions
from cnorm._stats.state import COUNT, UNIT

__all__ = ["Groups", "first_moments", "fused_scores"]


class Groups:
    """What the statistics of an array are taken over: axes, and the elements a mask shows.

    omit: NaN is left out.
    """

    __slots__ = ("_shape", "axes", "mask", "omit")

    def __init__(self, x: Array, axes: tuple[int, ...], mask: Array | None, omit: bool) -> None:
        self.axes, self.mask, self.omit, self._shape = axes, mask, omit, x.shape

    @property
    def count(self) -> Any:
        """How many elements a group has: a number, or with a mask an int64 array against the statistics."""
        if self.mask is None:
            return math.prod([self._shape[a] for a in self.axes])
        return shown(self.mask, self._shape, self.axes)


def first_moments(x: Array, groups: Groups) -> Array:
    """The state that `fused_scores` gives, bit for bit, and nothing written."""
    return reductions.moments(x, groups.axes, groups.mask, None, groups.omit)


def fused_scores(x: Array, y: Array, groups: Groups, ddof: float, known: Array | None = None) -> Array:
    """y = (x - mean) / std, 0 where the mask hides x, and the state of the moments; `y` may be x itself.

    known: the state, if it was found before; its counts are what `ddof` is taken off.
    """
    weight: Any = None
    if ddof:
        count = groups.count if known is None else known[..., COUNT]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.sqrt((count - ddof) / count)
        weight = np.where(count > ddof, share, np.nan).astype(compute_dtype(x))
        weight = weight.reshape(weight.shape or (1,) * x.ndim)
    if known is not None and (known[..., UNIT] == 1).all():
        norms.normalize(
            x, y, groups.axes, weight, None, 0.0, "var", False, groups.mask, omit=groups.omit, known=known
        )
        return known
    state: Array = norms.normalize(
        x, y, groups.axes, weight, None, 0.0, "var", True, groups.mask, omit=groups.omit
    )
    return state
