"""patch=, merge=, temporal= and clip= of image_normalize: the bits of the two steps, what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from processes import instruction_sets, run
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


@sweep(
    side=(1, 2, 5, 7, 8, 14, 15, 16, 17, 28, 33),
    merge=(1, 2, 3),
    channels=(1, 3, 4),
    dtype=[np.uint8, np.uint16, np.float32],
    result=[np.float32, np.float64, np.float16],
)
def test_sides_of_all_sizes(side: int, merge: int, channels: int, dtype: Any, result: Any) -> None:
    """Less than a vector, a vector, more; the last patch of a row; frames that lack one."""
    x = picture((3, side * merge, 3 * side * merge, channels), dtype)
    how = {"scale": 0.01, "dtype": result}
    expected = qwen(image_normalize(x, 0.5, 0.2, **how), side, merge, 2)
    assert np.array_equal(image_normalize(x, 0.5, 0.2, **how, patch=side, merge=merge, temporal=2), expected)
    first = np.ascontiguousarray(np.moveaxis(x, -1, 1))
    how |= {"layout": "CHW->CHW", "patch": side, "merge": merge, "temporal": 2}
    assert np.array_equal(image_normalize(first, 0.5, 0.2, **how), expected)


@pytest.mark.thorough
@sweep(side=(7, 14, 16, 32), temporal=(1, 2), offset=(0, 4, 16), result=[np.float32, np.float64])
def test_past_the_cache(side: int, temporal: int, offset: int, result: Any) -> None:
    """Results beyond the share of any cache there is, into memory that begins anywhere."""
    x = picture((4, 1344, 1344, 3), np.uint8)
    expected = qwen(image_normalize(x, MEAN, STD, dtype=result), side, 2, temporal)
    memory = np.full(expected.nbytes + offset + 64, 7, np.uint8)
    out = memory[offset : offset + expected.nbytes].view(result).reshape(expected.shape)
    how: dict[str, Any] = {"dtype": result, "patch": side, "merge": 2, "temporal": temporal}
    image_normalize(x, MEAN, STD, **how, out=out)
    assert np.array_equal(out, expected)
    assert (memory[:offset] == 7).all()
    assert (memory[offset + expected.nbytes :] == 7).all()


GUARDED = """
import ctypes, mmap
import numpy as np
from cnorm import image_normalize
page = mmap.PAGESIZE
memory = mmap.mmap(-1, 64 * page)
base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
libc = ctypes.CDLL(None, use_errno=True)
for at in (0, 63):
    assert libc.mprotect(ctypes.c_void_p(base + at * page), page, mmap.PROT_READ * 0) == 0
inside = np.frombuffer(memory, np.uint8)[page : 63 * page]
for side in (2, 7, 8, 14, 16, 17, 32):
    for dtype in (np.uint8, np.uint16, np.float32):
        for shape in ((2 * side, 4 * side, 3), (3, 2 * side, 4 * side), (2 * side, 4 * side, 2)):
            n = int(np.prod(shape)) * np.dtype(dtype).itemsize
            for part in (inside[len(inside) - n :], inside[:n]):
                x = part.view(dtype).reshape(shape)
                layout = "CHW->CHW" if shape[0] == 3 else "HWC->CHW"
                for y in (x, x[::-1], x[:, ::-1], x[..., ::-1]):
                    image_normalize(y, 0.5, 0.2, scale=0.1, layout=layout, patch=side, merge=2)
print("done")
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
@pytest.mark.parametrize("name", instruction_sets())
def test_nothing_is_read_outside(name: str) -> None:
    """Pictures that begin behind, or end before, a page that may not be read."""
    done = run(GUARDED, CNORM_CPU=name)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
