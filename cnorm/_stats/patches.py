"""What `patch=`, `merge=` and `temporal=` of image_normalize accept, and pictures as rows of patches."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_int
from cnorm._native import images
from cnorm._stats.images import videos


class Patches(NamedTuple):
    """Pixels a side, patches a side that stand together, frames of one."""

    side: int
    merge: int
    temporal: int

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Of the rows of pictures (..., C, H, W), or of videos (..., T, C, H, W)."""
        frames = shape[-4] if len(shape) > 3 else 1
        channels, height, width = shape[-3:]
        across = self.side * self.merge
        if height % across or width % across:
            sizes = f"{self.side}" + (f" times merge={self.merge}" if self.merge > 1 else "")
            raise ValueError(
                f"patch: expected height and width that are multiples of {sizes}, got {height} and {width}"
            )
        count = math.ceil(frames / self.temporal) * (height // self.side) * (width // self.side)
        return (*shape[:-4], count, channels * self.temporal * self.side**2)

    def put(self, x: Array, y: Array, center: Array, scale: Array, clip: tuple[float, float] | None) -> None:
        """y, rows without gaps, from x (..., C, H, W)."""
        if x.ndim == 3:
            x = x[None]
        for i in videos(x):
            images.patches(x[i], y[i], center, scale, (*self,), clip)

    def cut(self, z: Array, y: Array) -> None:
        """y from normalized pictures z (..., C, H, W)."""
        if z.ndim == 3:
            z = z[None]
        side, merge, temporal = self
        for i in videos(z):
            of = z[i]
            lacking = -len(of) % temporal if len(of) else 0
            of = np.concatenate([of, *[of[-1:]] * lacking]) if lacking else of
            _, c, h, w = of.shape
            parts = (-1, temporal, c, h // side // merge, merge, side, w // side // merge, merge, side)
            if y[i].size:
                y[i] = of.reshape(parts).transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(y[i].shape)


def as_patches(patch: Any, merge: Any, temporal: Any, layout: str) -> Patches | None:
    """Positive ints; None without a patch."""
    if patch is None and merge == temporal == 1 and type(merge) is type(temporal) is int:
        return None
    given = Patches(
        1 if patch is None else _positive(patch, "patch"),
        _positive(merge, "merge"),
        _positive(temporal, "temporal"),
    )
    if patch is None:
        for name, value in (("merge", given.merge), ("temporal", given.temporal)):
            if value != 1:
                raise ValueError(f"{name}: expected 1 without patch=, got {value}")
        return None
    if layout.endswith("HWC"):
        raise ValueError(f"layout: expected one that ends in CHW with patch=, got {layout!r}")
    return given


def _positive(value: Any, name: str) -> int:
    if type(value) is int and value > 0:
        return value
    number = as_int(value, name)
    if number < 1:
        raise ValueError(f"{name}: expected a positive number, got {number}")
    return number


def as_clip(clip: Any) -> tuple[float, float] | None:
    """The least and the greatest value of a result."""
    if clip is None:
        return None
    try:
        low, high = (float(v) for v in clip)
    except (TypeError, ValueError):
        raise TypeError(f"clip: expected two numbers or None, got {clip!r}") from None
    if not low <= high:
        raise ValueError(f"clip: expected (low, high) in order, got {clip!r}")
    return low, high
