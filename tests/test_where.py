"""Masks: hidden elements count in no statistic, come out as 0, and what they hold changes no bit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import processes
import pytest
import reference as R
from operations import LAYOUTS
from reference import DTYPES, Array, assert_close
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F

SHAPE = (5, 6, 37)
F32 = np.dtype(np.float32)
Call = Callable[..., Any]


def weights(*shape: int) -> Array:
    return np.random.default_rng(9).normal(1, 0.1, shape).astype(np.float32)


def batch_norm(x: Array, where: Any, **more: Any) -> Array:
    c = x.shape[1]
    return F.batch_norm(x, None, None, weights(c), weights(c), training=True, where=where, **more)


# By name: the call on (N, C, L), and its reduced axes after axis 1 was split in groups (0: not split).
NORMS: dict[str, tuple[Call, tuple[int, ...], int]] = {
    "batch_norm": (batch_norm, (0, 2), 0),
    "instance_norm": (lambda x, where, **k: F.instance_norm(x, where=where, **k), (2,), 0),
    "group_norm": (lambda x, where, **k: F.group_norm(x, 3, where=where, **k), (2, 3), 3),
    "layer_norm": (lambda x, where, **k: F.layer_norm(x, x.shape[2:], where=where, **k), (2,), 0),
    "layer_norm of two": (lambda x, where, **k: F.layer_norm(x, x.shape[1:], where=where, **k), (1, 2), 0),
    **{
        f"standardize {axes}": (
            lambda x, where, axes=axes, **k: cnorm.standardize(x, axes, where=where, **k),
            axes,
            0,
        )
        for axes in ((0,), (1,), (0, 1), (0, 1, 2))
    },
}
PER_SAMPLE = ("instance_norm", "group_norm", "layer_norm", "layer_norm of two")


def masks(shape: tuple[int, ...]) -> dict[str, Array]:
    n, c, length = shape
    rng = np.random.default_rng(3)
    lengths = cnorm.length_mask(rng.permutation(np.linspace(0, length, n).astype(int)), length)
    return {
        "lengths": lengths[:, None],
        "lengths of each channel": np.arange(length) < rng.integers(0, length + 1, (n, c, 1)),
        "samples": (np.arange(n) % 2 == 0)[:, None, None],
        "channels": (np.arange(c) % 3 > 0)[:, None],
        "positions": rng.random(length) < 0.5,
        "positions of each sample": rng.random((n, 1, length)) < 0.5,
        "rows": rng.random((n, c, 1)) < 0.5,
        "elements": rng.random(shape) < 0.5,
        "single elements": rng.permutation(np.arange(n * c * length)).reshape(shape) < n * c,
        "everything": np.array(True),
        "nothing": np.zeros((1, 1, length), bool),
    }


def expected(name: str, x: Array, mask: Array) -> Array:
    """In longdouble, by two passes over what is shown."""
    _, axes, groups = NORMS[name]
    mask = np.broadcast_to(mask, x.shape)
    values = np.where(mask, x.astype(np.float64), 0)
    shape = x.shape if not groups else (x.shape[0], groups, -1, *x.shape[2:])
    split, shown = values.reshape(shape), mask.reshape(shape)
    mean, var = R.moments(split, axes, keepdims=True, weights=shown)
    y = ((split - mean) / np.sqrt(var + np.longdouble(1e-5))).reshape(x.shape)
    if name == "batch_norm":
        w = R.wide(weights(x.shape[1]))[:, None]
        y = y * w + w
    return np.where(mask, y, 0)


def polluted(x: Array, mask: Array) -> Array:
    """What the mask hides is NaN, infinite or huge; in the memory order of x."""
    bad = np.resize(np.array([np.nan, np.inf, -np.inf, 6e4]), x.shape).astype(x.dtype)
    result = x.copy(order="K")
    np.copyto(result, bad, where=~mask)
    return result


@pytest.mark.parametrize("name", NORMS)
@sweep(kind=masks(SHAPE))
def test_against_the_formula(name: str, kind: str) -> None:
    mask = masks(SHAPE)[kind]
    for dtype in DTYPES:
        x = fill(SHAPE, dtype, 1)
        for layout, lay in LAYOUTS.items():
            laid = lay(x) if layout == "swapped" else lay(polluted(x, mask))
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                y = NORMS[name][0](laid, mask)
            with np.errstate(invalid="ignore"):
                assert_close(y, expected(name, x, mask))
            assert (y[~np.broadcast_to(mask, SHAPE)] == 0).all(), layout


@pytest.mark.parametrize("name", NORMS)
def test_mean_a_million_times_the_deviation(name: str) -> None:
    x = (fill((5, 6, 600), F32, 2) + 1e6).astype(np.float32)
    for mask in masks(x.shape).values():
        with np.errstate(invalid="ignore"):
            assert_close(NORMS[name][0](polluted(x, mask), mask), expected(name, x, mask))


@pytest.mark.thorough
@pytest.mark.parametrize("shape", [(3, 4, 9001), (2, 1100, 6), (700, 3, 40), (2, 3, 70000)], ids=str)
def test_many_blocks(shape: tuple[int, ...]) -> None:
    x = fill(shape, F32, 3)
    for kind in ("lengths", "positions of each sample", "elements", "rows", "single elements"):
        mask = masks(shape)[kind]
        for name in ("batch_norm", "instance_norm", "layer_norm of two", "standardize (1,)"):
            for layout in ("contiguous", "channels-last"):
                laid = LAYOUTS[layout](polluted(x, mask))
                with np.errstate(invalid="ignore"):
                    assert_close(NORMS[name][0](laid, mask), expected(name, x, mask))


@pytest.mark.parametrize("name", NORMS)
def test_hidden_values_and_the_layout_of_the_mask_change_no_bit(name: str) -> None:
    x = fill((4, 6, 300), F32, 4)
    for mask in masks(x.shape).values():
        y = NORMS[name][0](x, mask)
        assert np.array_equal(NORMS[name][0](polluted(x, mask), mask), y)
        whole = np.broadcast_to(mask, x.shape)
        wide = np.repeat(whole, 2, axis=2)[..., ::2]
        for other in (whole[..., ::-1].copy()[..., ::-1], np.asfortranarray(mask), wide[::-1][::-1]):
            assert_close(NORMS[name][0](x, other), y.astype(np.longdouble))


def test_no_mask_and_one_that_hides_nothing_give_the_same_bits() -> None:
    x = fill((4, 6, 300), F32, 5)
    for call, *_ in NORMS.values():
        assert np.array_equal(call(x, True), call(x, None))
    for where in (True, np.ones((4, 1, 300), bool), np.ones((1, 6, 1), bool)):
        assert np.array_equal(batch_norm(x, where), batch_norm(x, None))


@pytest.mark.thorough
@pytest.mark.parametrize("name", PER_SAMPLE)
@sweep(layout=["contiguous", "channels-last"], shape=[SHAPE, (9, 6, 700), (4, 48, 9000)])
def test_batch_mates_change_no_bit(name: str, layout: str, shape: tuple[int, ...]) -> None:
    """Neither what they hold, nor how much of it is hidden, nor how many they are, nor the threads."""
    call, lay = NORMS[name][0], LAYOUTS[layout]
    x = fill(shape, F32, 6)
    for kind in ("lengths", "elements", "lengths of each channel"):
        mask = masks(shape)[kind].copy()
        mask[1] = True
        y = call(lay(x), mask)
        for i in range(min(len(x), 3)):
            mates = fill(shape, F32, 7) * 1e6
            mates[i] = x[i]
            for hides in (mask, np.ones_like(mask), np.roll(mask, 2, axis=0)):
                others = hides.copy()
                others[i] = mask[i]
                with cnorm.threads(3):
                    assert np.array_equal(call(lay(mates), others)[i], y[i])
            assert np.array_equal(call(lay(x[i : i + 1]), mask[i : i + 1])[0], y[i])


@pytest.mark.parametrize("shape", [(6, 40, 500), (16, 128, 1024)], ids=["in the cache", "past it"])
def test_a_padded_sample_has_the_bits_of_the_sample_alone(shape: tuple[int, ...]) -> None:
    x = fill(shape, F32, 8)
    lengths = np.random.default_rng(1).integers(2, shape[2] + 1, shape[0])
    mask = cnorm.length_mask(lengths, shape[2])
    y = F.instance_norm(x, where=mask[:, None])
    z = F.layer_norm(x.transpose(0, 2, 1), shape[1:2], where=mask[..., None])
    for i, n in enumerate(lengths):
        alone = x[i : i + 1, :, :n]
        assert np.array_equal(y[i : i + 1, :, :n], F.instance_norm(alone))
        assert np.array_equal(z[i : i + 1, :n], F.layer_norm(alone.transpose(0, 2, 1), shape[1:2]))
        assert (y[i, :, n:] == 0).all()
        assert (z[i, n:] == 0).all()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["lengths", "elements", "positions of each sample", "rows"])
def test_past_the_cache_in_place_and_threads(kind: str) -> None:
    """Results too large for the cache are stored in another way; in place they are not."""
    for dtype, offset in ((np.float32, 0), (np.float32, 1), (np.float16, 0), (np.float64, 0)):
        x = fill((32, 64, 1003 if offset else 1024), np.dtype(dtype), 10)
        mask = masks(x.shape)[kind]
        for name in ("batch_norm", "instance_norm"):
            call = NORMS[name][0]
            y = np.full(x.shape, 7, dtype)
            call(x, mask, out=y)
            with cnorm.threads(3):
                assert np.array_equal(call(x, mask), y)
            again = x.copy()
            assert call(again, mask, out=again) is again
            assert np.array_equal(again, y)


def test_out_may_overlap_input_and_mask() -> None:
    for name, (call, *_) in NORMS.items():
        memory = np.zeros(2 * 4 * 6 * 50, np.float32)
        x = memory[: 4 * 6 * 50].reshape(4, 6, 50)
        x[...] = fill(x.shape, F32, 11)
        mask = np.random.default_rng(2).random(x.shape) < 0.7
        wanted = call(x.copy(), mask.copy())
        bits = memory.view(bool)[4 * (4 * 6 * 50 + 30) :][: mask.size].reshape(mask.shape)
        bits[...] = mask
        out = memory[30 : 30 + x.size].reshape(x.shape)
        for target in (out, memory[-x.size :].reshape(x.shape)):
            x[...], bits[...] = fill(x.shape, F32, 11), mask
            assert np.array_equal(call(x, bits, out=target), wanted), name


@pytest.mark.parametrize("hidden", range(3))
def test_a_hidden_column_stays_in_a_transposed_out(hidden: int) -> None:
    x, mask = fill((40, 3), F32, 3), (np.arange(3) != hidden)[None]
    memory = np.full(3 * 40 * 40, 7, np.float32)
    y = cnorm.standardize(x, 0, where=mask, out=memory[: x.size].reshape(3, 40).T)
    assert np.array_equal(y, cnorm.standardize(x, 0, where=mask))
    assert (memory[x.size :] == 7).all()


def bits() -> dict[str, str]:
    return {
        f"{name} {kind} {dtype} {shape}": processes.digest(call(x, mask))
        for shape in (SHAPE, (3, 6, 4500))
        for dtype, x in ((dtype, fill(shape, dtype, 1)) for dtype in DTYPES)
        for kind, mask in masks(shape).items()
        for name, (call, *_) in NORMS.items()
    }


@pytest.mark.thorough
def test_instruction_sets_agree() -> None:
    found = processes.bits_of_all_sets(bits)
    assert len(found) == 2 * len(DTYPES) * len(masks(SHAPE)) * len(NORMS)
    assert [case for case, digests in found.items() if len(digests) > 1] == []
