"""residual= and activation=: the bits of the two steps, what is refused, shared memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from curves import ACTIVATIONS, alone
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import BFLOAT16, DTYPES, Array
from strategies import Placed, fill, layouts, placed
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.nn as nn

F32 = np.dtype(np.float32)
SHAPE = (3, 4, 6, 5)
ROWS = {"layer_norm": F.layer_norm, "rms_norm": F.rms_norm}


def ones(n: int) -> Array:
    return np.ones(n, np.float32)


def total(x: Array, r: Array) -> Array:
    """The sum, laid out as x."""
    with np.errstate(all="ignore"):
        return np.add(x, r, out=np.empty_like(x))


def training(x: Array, **more: Any) -> Array:
    return F.batch_norm(x, None, None, ones(4), ones(4), training=True, **more)


NORMS: dict[str, Callable[..., Any]] = {
    "batch_norm": lambda x, **k: F.batch_norm(x, ones(4), ones(4), ones(4), -ones(4), **k),
    "batch_norm training": training,
    "group_norm": lambda x, **k: F.group_norm(x, 2, ones(4), **k),
    "instance_norm": lambda x, **k: F.instance_norm(x, bias=ones(4), **k),
    "instance_norm running": lambda x, **k: F.instance_norm(x, ones(4), ones(4), use_input_stats=False, **k),
    "layer_norm": lambda x, **k: F.layer_norm(x, x.shape[-1:], **k),
    "layer_norm of two": lambda x, **k: F.layer_norm(x, x.shape[2:], np.ones(x.shape[2:]), **k),
    "layer_norm of channels": lambda x, **k: F.layer_norm(x, (4,), ones(4), axis=1, **k),
    "rms_norm": lambda x, **k: F.rms_norm(x, x.shape[-1:], ones(x.shape[-1]), weight_offset=1.0, **k),
}
WITH_RESIDUAL = [name for name in NORMS if name.startswith(("layer", "rms"))]


@pytest.mark.parametrize("name", NORMS)
@sweep(dtype=DTYPES, layout=LAYOUTS, activation=ACTIVATIONS)
def test_an_activation_equals_two_steps(dtype: Any, name: str, layout: str, activation: str) -> None:
    x = LAYOUTS[layout](fill(SHAPE, dtype, 1))
    before = x.copy()
    y = NORMS[name](x, activation=activation)
    assert np.array_equal(y, alone(NORMS[name](x), activation))
    assert (y.dtype, y.strides) == (x.dtype, np.empty_like(x).strides)
    assert np.array_equal(x, before)


@pytest.mark.parametrize("name", WITH_RESIDUAL)
@sweep(dtype=DTYPES, layout=LAYOUTS)
def test_a_residual_equals_two_steps(dtype: Any, name: str, layout: str) -> None:
    x, r = LAYOUTS[layout](fill(SHAPE, dtype, 1)), LAYOUTS[layout](fill(SHAPE, dtype, 2))
    for other in (r, np.ascontiguousarray(r)):
        for activation in (None, "silu"):
            y, h = NORMS[name](x, residual=other, activation=activation)
            assert np.array_equal(h, total(x, r))
            assert np.array_equal(y, NORMS[name](total(x, r), activation=activation))
            assert h.strides == y.strides


# Rows in a cache and past it, columns, groups of two phases, narrow columns.
LARGE = {"rows": (2100, 768), "long": (2, 600000), "columns": (3000, 70), "narrow": (90000, 6)}


@pytest.mark.parametrize("shape", LARGE)
@sweep(axis=[0, 1], activation=[None, "relu", "gelu"])
def test_large_arrays_and_threads(shape: str, axis: int, activation: Any) -> None:
    x, r = fill(LARGE[shape], F32, 3), fill(LARGE[shape], F32, 4)
    sizes, expected = (LARGE[shape][axis],), total(x, r)
    plain = F.layer_norm(expected, sizes, axis=axis)
    for n in (1, 3):
        with cnorm.threads(n):
            y, h = F.layer_norm(x, sizes, axis=axis, residual=r, activation=activation)
        assert np.array_equal(h, expected)
        assert np.array_equal(y, plain if activation is None else alone(plain, activation))


@pytest.mark.parametrize("dtype", [F32, BFLOAT16], ids=str)
def test_past_the_cache(dtype: Any) -> None:
    """h and y beyond any cache are rows of a part within it."""
    part, rows = fill((1000, 1000), dtype, 5), 40 * 2**20 // (1000 * dtype.itemsize) // 1000
    x = np.tile(part, (rows, 1))
    y, h = F.rms_norm(x, (1000,), residual=x, activation="silu")
    z, s = F.rms_norm(part, (1000,), residual=part, activation="silu")
    for start in (0, len(x) // 2000 * 1000, len(x) - 1000):
        assert np.array_equal(h[start : start + 1000], s)
        assert np.array_equal(y[start : start + 1000], z)


MASKS = {
    "lengths": cnorm.length_mask([6, 0, 3], 6)[:, None, :, None],
    "samples": np.array([True, False, True])[:, None, None, None],
    "elements": np.random.default_rng(6).random(SHAPE) < 0.5,
}


@pytest.mark.parametrize("name", [name for name in NORMS if not name.startswith("rms")])
@sweep(mask=MASKS, activation=ACTIVATIONS)
def test_with_a_mask(name: str, mask: str, activation: str) -> None:
    x, r, where = fill(SHAPE, F32, 7), fill(SHAPE, F32, 8), MASKS[mask]
    y = NORMS[name](x, where=where, activation=activation)
    shown = np.broadcast_to(where, x.shape)
    assert np.array_equal(y, np.where(shown, alone(NORMS[name](x, where=where), activation), 0))
    if name in WITH_RESIDUAL:
        y, h = NORMS[name](x, where=where, activation=activation, residual=r)
        assert np.array_equal(h, x + r)
        assert np.array_equal(y, NORMS[name](x + r, where=where, activation=activation))


def test_training_moves_the_statistics_of_the_norm() -> None:
    x = fill(SHAPE, F32, 9)
    plain, fused = [np.zeros(4), np.ones(4)], [np.zeros(4), np.ones(4)]
    F.batch_norm(x, *plain, training=True)
    F.batch_norm(x, *fused, training=True, activation="silu")
    assert np.array_equal(plain, fused)


@given(st.data())
def test_odd_arrays(data: st.DataObject) -> None:
    """Input and residual laid out in any two ways, misaligned, swapped, repeated."""
    x = data.draw(placed(min_dims=1, min_side=1)).array
    native = x.dtype.newbyteorder("=")
    r = data.draw(placed(shape=x.shape, dtype=st.just(native))).array
    y, h = F.layer_norm(x, x.shape[-1:], residual=r, activation="gelu")
    assert np.array_equal(h, total(x, r))
    assert np.array_equal(y, F.layer_norm(total(x, r), x.shape[-1:], activation="gelu"))
    assert h.dtype == y.dtype == x.dtype


@given(st.data())
def test_outs_of_any_layout(data: st.DataObject) -> None:
    """The order of sums is that of h in memory."""
    x, r = fill((3, 7, 4), F32, 10), fill((3, 7, 4), F32, 11)
    out, h = (Placed(np.zeros((3, 7, 4), np.float32), data.draw(layouts(3, plain=True))).array for _ in "yh")
    got = F.rms_norm(x, (4,), residual=r, out=out, residual_out=h)
    assert got[0] is out
    assert got[1] is h
    assert np.array_equal(h, x + r)
    assert np.array_equal(out, F.rms_norm(h, (4,)))


@pytest.mark.parametrize("name", ROWS)
@sweep(
    shift=[None, -5, -1, 0, 1, 7],
    written=["out", "residual_out"],
    read=["input", "residual", "weight"],
)
def test_overlap(name: str, shift: int | None, written: str, read: str) -> None:
    """What is written lies over what is read, at any distance; shift None: backwards."""
    shape = (4, 6)
    call = {"input": fill(shape, F32, 12), "residual": fill(shape, F32, 13), "weight": fill((6,), F32, 14)}
    expected = ROWS[name](normalized_shape=(6,), **call)
    buffer = np.zeros(64, np.float32)
    n, start = call[read].size, 16
    piece = buffer[start : start + n].reshape(call[read].shape)
    piece[...] = call[read]
    at = start + (shift or 0)
    target = buffer[at : at + 24].reshape(shape)
    if shift is None:
        target = target[::-1, ::-1]
    y, h = ROWS[name](normalized_shape=(6,), **{**call, read: piece, written: target})
    assert np.array_equal(y, expected[0])
    assert np.array_equal(h, expected[1])
    assert (h if written == "residual_out" else y) is target


@sweep(name=[*ROWS], n=[33, 100, 768, 3000], rows=[1, 3, 40], dtype=["float32", "float64"], seed=range(3))
def test_residuals_of_any_size_in_place(name: str, n: int, rows: int, dtype: str, seed: int) -> None:
    """Rows that are taken once more are added once, though h is written over what it is made of."""
    rng = np.random.default_rng(seed)
    x, r = rng.standard_normal((2, rows, n)).astype(dtype)
    size = rng.choice([1, 1, 1e-30, 1e30, np.nan, np.inf], (rows, 1)).astype(dtype)
    x, r = x * size, r * np.where(np.isfinite(size), size, 1)
    h = x + r
    expected = ROWS[name](h, (n,))
    a, b = x.copy(), r.copy()
    for over, other in ((a, b), (b, a)):
        a[:], b[:] = x, r
        got = ROWS[name](a, (n,), residual=b, residual_out=over, out=other)
        np.testing.assert_array_equal(got[0], expected)
        np.testing.assert_array_equal(got[1], h)
    got = ROWS[name](x, (n,), residual=r)
    np.testing.assert_array_equal(got[0], expected)


@pytest.mark.parametrize("name", ROWS)
def test_residual_stream_in_place(name: str) -> None:
    """As transformers keep it: h written over the input, or over the residual, y over the other."""
    x, r = fill((300, 96), F32, 15), fill((300, 96), F32, 16)
    expected = ROWS[name](x, (96,), residual=r)
    for over_x in (True, False):
        a, b = x.copy(), r.copy()
        y, h = ROWS[name](a, (96,), residual=b, residual_out=a if over_x else b, out=b if over_x else a)
        assert np.array_equal(y, expected[0])
        assert np.array_equal(h, expected[1])
    y, h = ROWS[name](x, (96,), residual=x)
    assert np.array_equal(h, x + x)


def test_both_results_in_halves_of_one_array() -> None:
    x, r = fill((5, 8), F32, 17), fill((5, 8), F32, 18)
    both = np.zeros((5, 16), np.float32)
    F.layer_norm(x, (8,), residual=r, out=both[:, :8], residual_out=both[:, 8:])
    assert np.array_equal(both, np.hstack(F.layer_norm(x, (8,), residual=r)))


@pytest.mark.parametrize("name", ROWS)
def test_empty_arrays(name: str) -> None:
    x = np.zeros((0, 3), np.float32)
    y, h = ROWS[name](x, (3,), residual=x, activation="gelu")
    assert y.shape == h.shape == (0, 3)


X = fill((2, 3), F32, 19)
REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"residual": np.ones(3, np.float32)}, ValueError, "residual"),
    ({"residual": np.ones((3, 2), np.float32)}, ValueError, "residual"),
    ({"residual": np.ones((2, 3))}, TypeError, "residual"),
    ({"residual": np.ones((2, 3), np.int64)}, TypeError, "residual"),
    ({"residual": "x"}, TypeError, "residual"),
    ({"residual_out": np.ones((2, 3), np.float32)}, ValueError, "residual_out"),
    ({"residual": X, "residual_out": np.ones((2, 3))}, TypeError, "residual_out"),
    ({"residual": X, "residual_out": np.ones((3, 2), np.float32)}, ValueError, "residual_out"),
    ({"residual": X, "residual_out": [1.0]}, TypeError, "residual_out"),
    ({"residual": X, "residual_out": np.broadcast_to(F32.type(1), (2, 3))}, ValueError, "residual_out"),
    ({"residual": X, "out": np.ones((2, 3))}, TypeError, "out"),
    ({"residual": X, "weight": np.ones(4)}, ValueError, "weight"),
    ({"residual": X, "activation": "Tanh"}, ValueError, "activation"),
]


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("change", "error", "argument"), REFUSED)
def test_refused(name: str, change: dict[str, Any], error: type[Exception], argument: str) -> None:
    """Nothing is written then: not h either."""
    h = np.full((2, 3), 7, np.float32)
    call = {"residual_out": h, **change} if "residual" in change else change
    with pytest.raises(error, match=rf"^{argument}:"):
        ROWS[name](X, (3,), **call)
    assert (h == 7).all()


def test_one_array_for_both_results_is_refused() -> None:
    h = np.full((2, 3), 7, np.float32)
    with pytest.raises(ValueError, match=r"^residual_out:"):
        F.layer_norm(X, (3,), residual=X, out=h, residual_out=h)
    assert (h == 7).all()


LAYERS = {
    "LayerNorm": (nn.LayerNorm(5), SHAPE),
    "RMSNorm": (nn.RMSNorm(5), SHAPE),
    "GroupNorm": (nn.GroupNorm(2, 4), SHAPE),
    "BatchNorm2d": (nn.BatchNorm2d(4), SHAPE),
    "InstanceNorm2d": (nn.InstanceNorm2d(4), SHAPE),
    "InstanceNorm2d alone": (nn.InstanceNorm2d(4), SHAPE[1:]),
    "FrozenBatchNorm2d": (nn.FrozenBatchNorm2d(4), SHAPE),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_pass_them_on(name: str) -> None:
    layer, shape = LAYERS[name]
    x, r = fill(shape, F32, 21), fill(shape, F32, 22)
    out = np.empty_like(x)
    assert np.array_equal(layer(x, activation="silu"), alone(layer(x), "silu"))
    assert layer(x, out=out, activation="relu") is out
    if name in ("LayerNorm", "RMSNorm"):
        y, h = layer(x, residual=r)
        assert np.array_equal(h, x + r)
        assert np.array_equal(y, layer(x + r))
