"""Running statistics, moved towards those of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, rounded
from cnorm._native import states

__all__ = ["Running", "running"]


class Running:
    """The running statistics to update, and, beside an `out`, what they were before it was written to."""

    __slots__ = ("before", "mean", "var")

    def __init__(self, mean: Array, var: Array, out: Any) -> None:
        self.mean, self.var = mean, var
        self.before = None if out is None else self._now()

    def _now(self) -> tuple[Array, Array]:
        return self.mean.astype(np.float64), self.var.astype(np.float64)

    def move(self, mean: Array, var: Array, keep: float, share: float, least: Array | None = None) -> None:
        """running <- keep * running + share * value, in float64, rounded once.

        least: how many elements the mask leaves; a mean of none and a variance of one move nothing.
        """
        plain = self.before is None and least is None and keep == 1 - share
        if plain and states.move(self.mean, self.var, mean, var, share):
            return
        before = self._now() if self.before is None else self.before
        with np.errstate(over="ignore", invalid="ignore"):
            for i, (target, new) in enumerate(((self.mean, mean), (self.var, var))):
                mixed = keep * before[i] + share * new.reshape(target.shape)
                if least is not None:
                    mixed = np.where(least.reshape(target.shape) > i, mixed, before[i])
                target[...] = rounded(mixed, target.dtype)


def running(mean: Array | None, var: Array | None, x: Array, out: Any) -> Running | None:
    """Nothing to update without statistics, or without values."""
    return None if mean is None or var is None or not x.size else Running(mean, var, out)
