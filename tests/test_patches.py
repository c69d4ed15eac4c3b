"""patch=, merge=, temporal= and clip= of image_normalize: the bits of the two steps, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import BFLOAT16, Array
from sweep import sweep

import cnorm
from cnorm import image_normalize

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KINDS = [np.dtype(k) for k in (np.uint8, np.uint16, np.float16, np.float32, np.float64)]
RESULTS = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BFLOAT16]
# Shape (..., H, W, C), patch, merge, temporal.
CASES = {
    "picture": ((28, 56, 3), 14, 2, 2),
    "frames that lack one": ((3, 28, 56, 3), 7, 2, 2),
    "merge of one": ((5, 12, 8, 3), 2, 1, 3),
    "wide": ((32, 640, 3), 16, 2, 1),
    "odd": ((6, 6, 3), 3, 1, 1),
    "videos": ((2, 4, 8, 16, 3), 4, 2, 2),
}


def qwen(frames: Array, patch: int, merge: int, temporal: int) -> Array:
    """The lines of transformers' Qwen2-VL processor on normalized (T, C, H, W)."""
    lacking = -len(frames) % temporal
    patches = np.concatenate([frames, np.repeat(frames[-1:], lacking, axis=0)])
    channel = patches.shape[1]
    grid_t, grid_h, grid_w = len(patches) // temporal, patches.shape[2] // patch, patches.shape[3] // patch
    patches = patches.reshape(
        grid_t, temporal, channel, grid_h // merge, merge, patch, grid_w // merge, merge, patch
    )
    patches = patches.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8)
    return patches.reshape(grid_t * grid_h * grid_w, channel * temporal * patch * patch)


def picture(shape: tuple[int, ...], dtype: Any) -> Array:
    rng = np.random.default_rng(3)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    return np.asarray(rng.random(shape).astype(dtype))


@sweep(dtype=KINDS, result=RESULTS, case=CASES, clip=(None, (-1.0, 0.7)), own=(False, True))
def test_two_steps(dtype: Any, result: Any, case: str, clip: Any, own: bool) -> None:
    shape, patch, merge, temporal = CASES[case]
    x = picture(shape, dtype)
    how: dict[str, Any] = {"dtype": result, "clip": clip}
    cut = {"patch": patch, "merge": merge, "temporal": temporal}
    mean, std = ("channel", None) if own else (MEAN, STD)
    plain = image_normalize(x, mean, std, **how)
    videos = plain.reshape(-1, *(plain.shape[-4:] if plain.ndim > 3 else (1, *plain.shape)))
    expected = np.stack([qwen(v, patch, merge, temporal) for v in videos])
    y = image_normalize(x, mean, std, **how, **cut)
    assert y.shape == (*shape[:-4], *expected.shape[1:])
    assert np.array_equal(y, expected.reshape(y.shape))
    first = np.moveaxis(x, -1, -3)
    assert np.array_equal(image_normalize(first, mean, std, **how, **cut, layout="CHW->CHW"), y)
    out = np.zeros((*y.shape[:-1], 2 * y.shape[-1]), y.dtype)[..., ::2]
    assert image_normalize(x, mean, std, **how, **cut, out=out) is out
    assert np.array_equal(out, y)


@sweep(threads=(1, 2), order=("plain", "reversed", "crop"))
def test_large(threads: int, order: str) -> None:
    x = picture((2, 300, 420, 3), np.uint8)
    x = {"plain": x, "reversed": x[..., ::-1], "crop": x[:, ::-1]}[order][:, :280, :420]
    with cnorm.threads(threads):
        y = image_normalize(x, MEAN, STD, patch=14, merge=2, temporal=2)
    assert np.array_equal(y, qwen(image_normalize(x, MEAN, STD), 14, 2, 2))


@sweep(dtype=KINDS, result=RESULTS, layout=("HWC->CHW", "HWC->HWC"), own=(False, True))
def test_clip(dtype: Any, result: Any, layout: str, own: bool) -> None:
    x = picture((2, 9, 21, 3), dtype)
    if x.dtype.kind == "f":
        x[0, 0, 0] = np.nan
    how: dict[str, Any] = {"dtype": result, "layout": layout}
    mean, std = ("image", None) if own else (MEAN, STD)
    y = image_normalize(x, mean, std, **how)
    low, high = np.array((-0.5, 0.5)).astype(result)
    expected = np.clip(y, low, high)
    assert np.array_equal(image_normalize(x, mean, std, **how, clip=(-0.5, 0.5)), expected, equal_nan=True)


def test_clip_beyond_the_cache() -> None:
    x = picture((4096, 4096, 3), np.uint8)
    y = image_normalize(x, MEAN, STD, clip=(-1, 1))
    assert y.min() == -1
    assert y.max() == 1
    assert np.array_equal(y[:, :64], image_normalize(x[:64], MEAN, STD, clip=(-1, 1)))


def test_nothing() -> None:
    assert image_normalize(np.ones((0, 4, 4, 3), np.uint8), MEAN, STD, patch=2).shape == (0, 12)
    assert image_normalize(np.ones((0, 4, 3), np.uint8), MEAN, STD, patch=2).shape == (0, 12)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"patch": 3}, ValueError, "patch"),
    ({"patch": 4, "merge": 4}, ValueError, "patch"),
    ({"patch": 0}, ValueError, "patch"),
    ({"patch": 2.0}, TypeError, "patch"),
    ({"patch": 2, "merge": 0}, ValueError, "merge"),
    ({"patch": 2, "merge": True}, TypeError, "merge"),
    ({"patch": 2, "temporal": -1}, ValueError, "temporal"),
    ({"merge": 2}, ValueError, "merge"),
    ({"temporal": 2}, ValueError, "temporal"),
    ({"patch": 2, "layout": "HWC->HWC"}, ValueError, "layout"),
    ({"clip": 1}, TypeError, "clip"),
    ({"clip": (1, 2, 3)}, TypeError, "clip"),
    ({"clip": ("a", "b")}, TypeError, "clip"),
    ({"clip": (1, 0)}, ValueError, "clip"),
    ({"clip": (float("nan"), 1)}, ValueError, "clip"),
    ({"patch": 4, "out": np.zeros((3, 8, 8), np.float32)}, ValueError, "out"),
]


@pytest.mark.parametrize(("change", "error", "name"), REFUSED)
def test_refused(change: dict[str, Any], error: type[Exception], name: str) -> None:
    out = np.full((4, 48), 7, np.float32)
    with pytest.raises(error, match=f"^{name}:"):
        image_normalize(np.ones((8, 8, 3), np.uint8), MEAN, STD, **{"out": out, **change})
    assert (out == 7).all()
