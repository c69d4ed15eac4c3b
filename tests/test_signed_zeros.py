"""Zeros have the sign that IEEE 754 says, of every layout: parameters of -0 are not those of +0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm._native import images

ZEROS = (-0.0, 0.0)
LENGTHS = (1, 3, 5, 17, 64, 257)


def signs(a: Array) -> Array:
    return np.signbit(a.astype(np.float64))


def zeros_among(shape: tuple[int, ...], dtype: Any) -> Array:
    """Whole numbers, every fifth of them a zero of either sign."""
    x = np.arange(np.prod(shape)).reshape(shape) % 5 - 2.0
    return np.where(x == 0, np.copysign(0, np.random.default_rng(0).normal(size=shape)), x).astype(dtype)


@sweep(dtype=DTYPES, weight=[*ZEROS, -1.0, None], bias=[*ZEROS, None], mean=ZEROS, last=[False, True])
def test_batch_norm(dtype: Any, weight: float | None, bias: float | None, mean: float, last: bool) -> None:
    for n in LENGTHS:
        x = zeros_among((2, 3, n), dtype)
        if last:
            x = np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1, 2)
        w, b = (None if p is None else np.full(3, p, dtype) for p in (weight, bias))
        y = F.batch_norm(x, np.full(3, mean, dtype), np.ones(3, dtype), w, b, eps=0.0)
        by_hand = (x.astype(np.float64) - mean) * (1.0 if weight is None else weight)
        np.testing.assert_array_equal(signs(y), np.signbit(by_hand if bias is None else by_hand + bias))


@sweep(
    dtype=[np.uint8, np.uint16, *DTYPES],
    result=DTYPES,
    layout=["HWC->CHW", "HWC->HWC", "CHW->CHW"],
    mean=[*ZEROS, 1.0],
    std=[1.0, -1.0],
)
def test_image_normalize(dtype: Any, result: Any, layout: str, mean: float, std: float) -> None:
    kind = np.dtype(dtype)
    for n in LENGTHS:
        x = (
            np.abs(zeros_among((2, n, 3), np.float32))
            if kind.kind == "u"
            else zeros_among((2, n, 3), np.float32)
        )
        x = (
            x.astype(kind)
            if layout.startswith("HWC")
            else np.ascontiguousarray(x.transpose(2, 0, 1)).astype(kind)
        )
        y = cnorm.image_normalize(x, mean, std, scale=1.0, layout=layout, dtype=result)
        by_hand = (x.astype(np.float64) - mean) / std
        if layout == "HWC->CHW":
            by_hand = by_hand.transpose(2, 0, 1)
        np.testing.assert_array_equal(signs(y), np.signbit(by_hand))


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("scale", [*ZEROS, 2.0, -2.0])
@pytest.mark.parametrize("clip", [None, (-0.0, 1.0), (-1.0, -0.0)])
def test_pictures_by_any_scale(axis: int, scale: float, clip: tuple[float, float] | None) -> None:
    """A scale of zero, which no public function asks for, as any other."""
    for n in LENGTHS:
        for center in (*ZEROS, 1.0):
            x = np.moveaxis(zeros_among((3, 1, n), np.float32), 0, axis).copy()
            y = np.empty_like(x)
            images.picture(x, y, axis, np.full(3, center), np.full(3, scale), clip)
            by_hand = (x - np.float32(center)) * np.float32(scale)
            if clip is None:
                np.testing.assert_array_equal(np.signbit(y), np.signbit(by_hand))
            else:  # of two zeros clipping may give either, but the bound where the value is beyond it
                beyond = (by_hand < clip[0]) | (by_hand > clip[1])
                bound = np.where(by_hand < clip[0], *clip)
                np.testing.assert_array_equal(np.signbit(y)[beyond], np.signbit(bound)[beyond])


def test_patches() -> None:
    x = zeros_among((3, 28, 28), np.float32)
    for mean in ZEROS:
        y = cnorm.image_normalize(x, mean, -1.0, scale=1.0, layout="CHW->CHW", patch=14)
        plain = cnorm.image_normalize(x, mean, -1.0, scale=1.0, layout="CHW->CHW")
        assert np.signbit(y).sum() == np.signbit(plain).sum() == np.signbit((x - mean) * -1.0).sum()
