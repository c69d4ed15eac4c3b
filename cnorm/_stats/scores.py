"""Standard scores of whole groups in one call of the core, and the moments they come from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, compute_dtype, native
from cnorm._accept.masks import shown
from cnorm._native import norms, reductions, scores
from cnorm._stats.state import COUNT, UNIT

__all__ = [
    "Groups",
    "first_moments",
    "fused_scores",
    "log_scores_at_once",
    "logarithms",
    "scores_at_once",
]


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


def scores_at_once(
    x: Any, axis: Any, ddof: Any, nan_policy: Any, where: Any = None, out: Any = None
) -> Array | None:
    """Standard scores of few elements; None where care is needed."""
    if type(ddof) is not int and type(ddof) is not float:
        return None
    if not ddof:
        return scores.scores_at_once(x, axis, None, nan_policy, where, out)
    share = _share_of_axis(x, axis, ddof)
    return None if share is None else scores.scores_at_once(x, axis, share, nan_policy, where, out)


def log_scores_at_once(x: Any, axis: Any, ddof: Any, nan_policy: Any, out: Any) -> Array | None:
    """The same of logarithms."""
    if type(ddof) is not int and type(ddof) is not float:
        return None
    if not ddof:
        return scores.log_scores_at_once(x, axis, None, nan_policy, out)
    share = _share_of_axis(x, axis, ddof)
    return None if share is None else scores.log_scores_at_once(x, axis, share, nan_policy, out)


def logarithms(x: Array, *, warn: bool = True) -> Array:
    """Of floats, in float64, whatever their dtype, in the order of x; NumPy warns of what has none."""
    logs, of_zero, of_negative = scores.logarithms(native(x) if x.flags.aligned else native(x).copy("K"))
    if warn and (of_zero or of_negative):
        np.log(np.array([0.0] * of_zero + [-1.0] * of_negative))
    return logs


def first_moments(x: Array, groups: Groups) -> Array:
    """The state that `fused_scores` gives, bit for bit, and nothing written."""
    return reductions.moments(x, groups.axes, groups.mask, None, groups.omit)


def fused_scores(
    x: Array, y: Array, groups: Groups, ddof: float, known: Array | None = None, *, ordinary: bool = False
) -> Array:
    """y = (x - mean) / std, 0 where the mask hides x, and the state of the moments; `y` may be x itself.

    known: the state, if it was found before; its counts are what `ddof` is taken off. ordinary: surely of
    unit 1.
    """
    axes, mask, omit = groups.axes, groups.mask, groups.omit
    weight = _shares(x, groups.count if known is None else known[..., COUNT], ddof) if ddof else None
    if known is not None and (ordinary or (known[..., UNIT] == 1).all()):
        norms.normalize(x, y, axes, weight, None, 0.0, "var", False, mask, omit=omit, known=known)
        return known
    state: Array = norms.normalize(x, y, axes, weight, None, 0.0, "var", True, mask, omit=omit)
    return state


def _share(count: int, ddof: float) -> float:
    """The deviation of so many elements over that without ddof."""
    return math.sqrt((count - ddof) / count)


def _share_of_axis(x: Any, axis: Any, ddof: float) -> float | None:
    """The same of an axis; None where care is needed."""
    if type(x) is not np.ndarray or type(axis) is not int or not -x.ndim <= axis < x.ndim:
        return None
    return _share(x.shape[axis], ddof) if 0 < ddof < x.shape[axis] else None


def _shares(x: Array, count: Any, ddof: float) -> Array:
    """What scores by the variance of so many elements are multiplied with; NaN of no more than `ddof`."""
    kind = compute_dtype(x)
    if isinstance(count, int) and count > max(ddof, 0):
        return np.full((1,) * x.ndim, _share(count, ddof), kind)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.sqrt((count - ddof) / count)
    weight = np.where(count > ddof, share, np.nan).astype(kind)
    return weight.reshape(weight.shape or (1,) * x.ndim)
