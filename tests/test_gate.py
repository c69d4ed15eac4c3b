"""rms_norm with a gate and groups: the formula, the two steps, layouts, memory, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array, wide
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.nn as nn
from cnorm._accept.options import as_activation
from cnorm._native import norms
from cnorm._norms import rows

SHAPE = (3, 5, 24)
ACTIVATIONS: dict[Any, Any] = {
    "silu": lambda v: v / (1 + np.exp(-v)),
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "relu": lambda v: np.maximum(v, 0),
    ("leaky_relu", 0.2): lambda v: np.where(v > 0, v, v * 0.2),
    None: lambda v: v,
}
BOUND = {2: 3e-2, 4: 1e-5, 8: 1e-12}
W = np.linspace(0.5, 2, 24).astype(np.float32)
BOTH = (True, False)


def formula(x: Array, g: Array, w: Array, activation: Any, before: bool, size: int | None) -> Array:
    act = ACTIVATIONS[activation](wide(g))
    h = wide(x) if before else wide(x) * act
    groups = h.reshape(*x.shape[:-1], -1, size or x.shape[-1])
    y = groups / np.sqrt((groups**2).mean(-1, keepdims=True) + np.longdouble(1e-3))
    y = y.reshape(x.shape) * w
    return np.asarray(y * act if before else y)


@sweep(dtype=DTYPES, activation=ACTIVATIONS, before=BOTH, size=(None, 6, 24, 1))
def test_formula(dtype: Any, activation: Any, before: bool, size: int | None) -> None:
    x, g = fill(SHAPE, dtype, 1), fill(SHAPE, dtype, 2)
    how: dict[str, Any] = {
        "gate": g, "gate_activation": activation, "norm_before_gate": before, "group_size": size,
    }  # fmt: skip
    y = F.rms_norm(x, (24,), W, 1e-3, **how)
    bound = BOUND[x.dtype.itemsize]
    assert y.dtype == x.dtype
    assert np.allclose(wide(y), formula(x, g, W, activation, before, size), rtol=bound, atol=bound)
    assert np.array_equal(rows.rms_norm(x, (24,), W, 1e-3, **how), y)  # the short way has the same bits
    for place in (x, g):
        copy = place.copy()
        call = how | {"gate": copy} if place is g else how
        assert F.rms_norm(x if place is g else copy, (24,), W, 1e-3, out=copy, **call) is copy
        assert np.array_equal(copy, y)
    z, h = F.rms_norm(x, (24,), W, 1e-3, residual=x, **how)
    assert np.array_equal(h, x + x)
    assert np.array_equal(z, F.rms_norm(h, (24,), W, 1e-3, **how))


@sweep(dtype=DTYPES, before=BOTH, size=(None, 6))
def test_layouts(dtype: Any, before: bool, size: int | None) -> None:
    x, g = fill(SHAPE, dtype, 3), fill(SHAPE, dtype, 4)
    how: dict[str, Any] = {"norm_before_gate": before, "group_size": size}
    y = F.rms_norm(x, (24,), W, gate=g, **how)
    for change in (
        np.asfortranarray,
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: a[::-1].copy()[::-1],
        lambda a: a.astype(a.dtype.newbyteorder("S")) if a.dtype.name != "bfloat16" else a,
    ):
        for a, b in ((change(x), g), (x, change(g)), (change(x), change(g))):
            assert np.allclose(wide(F.rms_norm(a, (24,), W, gate=b, **how)), wide(y), rtol=1e-2, atol=1e-3)
        out = change(np.zeros_like(x))
        assert F.rms_norm(x.astype(out.dtype), (24,), W, gate=g, out=out, **how) is out
        assert np.allclose(wide(out), wide(y), rtol=1e-2, atol=1e-3)
    first = F.rms_norm(np.moveaxis(x, -1, 0), (24,), W, gate=np.moveaxis(g, -1, 0), axis=0, **how)
    assert np.allclose(wide(np.moveaxis(first, 0, -1)), wide(y), rtol=1e-2, atol=1e-3)


@sweep(before=BOTH, size=(None, 100), threads=(1, 2))
def test_blocks(before: bool, size: int | None, threads: int) -> None:
    """Many rows give the bits of one."""
    x, g = fill((3000, 300), np.float32, 5), fill((3000, 300), np.float32, 6)
    how: dict[str, Any] = {"norm_before_gate": before, "group_size": size}
    with cnorm.threads(threads):
        y = F.rms_norm(x, (300,), gate=g, **how)
    for i in (0, 436, 437, 1500, 2999):
        assert np.array_equal(F.rms_norm(x[i], (300,), gate=g[i], **how), y[i])


def test_groups_alone() -> None:
    x = fill(SHAPE, np.float32, 7)
    y = F.rms_norm(x, (24,), W, 1e-5, group_size=8)
    alone = F.rms_norm(x.reshape(3, 5, 3, 8), (8,), None, 1e-5) * W.reshape(3, 8)
    assert np.array_equal(y, alone.reshape(SHAPE))


@sweep(dtype=DTYPES, before=BOTH, size=(None, 6, 24, 1), weight=BOTH, residual=BOTH)
def test_one_row(dtype: Any, before: bool, size: int | None, weight: bool, residual: bool) -> None:
    """Of one dimension, by the short way and with care: the bits it has in a batch."""
    x, g = fill((1, 24), dtype, 1), fill((1, 24), dtype, 2)
    how: dict[str, Any] = {"norm_before_gate": before, "group_size": size}
    wanted = F.rms_norm(x, (24,), W if weight else None, 1e-3, gate=g, **how)
    if residual:
        how["residual"] = np.zeros(24, x.dtype)
    for norm in (F.rms_norm, rows.rms_norm):
        for row in (x[0], np.repeat(x[0], 2)[::2]):
            y = norm(row, (24,), W if weight else None, 1e-3, gate=g[0], **how)
            assert np.array_equal(y[0] if residual else y, wanted[0])


def test_two_steps() -> None:
    """float32: the bits of the norm times the activation, and of the norm of the product."""
    x, g = fill(SHAPE, np.float32, 8), fill(SHAPE, np.float32, 9)
    one = np.ones((), np.float32)
    silu = F.batch_norm(g.reshape(-1, 1), one.reshape(1) * 0, one.reshape(1), eps=0.0, activation="silu")
    silu = silu.reshape(SHAPE)
    assert np.array_equal(F.rms_norm(x, (24,), W, gate=g), F.rms_norm(x, (24,), W) * silu)
    y = F.rms_norm(x, (24,), W, gate=g, norm_before_gate=False)
    assert np.array_equal(y, F.rms_norm(x * silu, (24,), W))


def test_transformers_lines() -> None:
    """Qwen3-Next (norm first) and Mamba-2 (gate first) as transformers writes them."""
    torch = pytest.importorskip("torch")
    silu = torch.nn.functional.silu
    x, g = fill((2, 7, 64), np.float32, 10), fill((2, 7, 64), np.float32, 11)
    t, z, w = torch.from_numpy(x), torch.from_numpy(g), torch.linspace(0.5, 2, 64)
    qwen = w * (t * torch.rsqrt(t.pow(2).mean(-1, keepdim=True) + 1e-6)) * silu(z)
    assert np.allclose(F.rms_norm(x, (64,), w, 1e-6, gate=g), qwen, rtol=1e-5, atol=1e-6)
    h = t * silu(z)
    groups = h.view(2, 7, 4, 16)
    groups = groups * torch.rsqrt(groups.pow(2).mean(-1, keepdim=True) + 1e-6)
    mamba = w * groups.view(2, 7, 64)
    y = F.rms_norm(x, (64,), w, 1e-6, gate=g, norm_before_gate=False, group_size=16)
    assert np.allclose(y, mamba, rtol=1e-5, atol=1e-6)


def test_masked_array_and_empty() -> None:
    x = np.ma.masked_less(fill(SHAPE, np.float32, 12), -1)
    g = fill(SHAPE, np.float32, 13)
    for before in BOTH:
        for size in (None, 6):
            y = F.rms_norm(x, (24,), gate=g, norm_before_gate=before, group_size=size)
            assert np.array_equal(y.mask, x.mask)
            assert np.isfinite(y.compressed()).all()
            empty = np.empty((0, 24))
            assert F.rms_norm(empty, (24,), gate=empty, norm_before_gate=before, group_size=size).shape == (
                0,
                24,
            )


def test_layer_passes_it_on() -> None:
    x, g = fill(SHAPE, np.float32, 14), fill(SHAPE, np.float32, 15)
    assert np.array_equal(nn.RMSNorm(24)(x, gate=g), F.rms_norm(x, (24,), gate=g))


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"gate": np.ones((3, 5, 23), np.float32)}, ValueError, "gate"),
    ({"gate": np.ones(24, np.float32)}, ValueError, "gate"),
    ({"gate": np.ones(SHAPE)}, TypeError, "gate"),
    ({"gate": np.ones(SHAPE, int)}, TypeError, "gate"),
    ({"gate_activation": "swish"}, ValueError, "gate_activation"),
    ({"gate_activation": 1}, TypeError, "gate_activation"),
    ({"norm_before_gate": 1}, TypeError, "norm_before_gate"),
    ({"group_size": 5}, ValueError, "group_size"),
    ({"group_size": 0}, ValueError, "group_size"),
    ({"group_size": 6.0}, TypeError, "group_size"),
    ({"group_size": 6, "normalized_shape": (5, 24)}, ValueError, "group_size"),
]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(("change", "error", "name"), REFUSED)
def test_refused(change: dict[str, Any], error: type[Exception], name: str, there: bool) -> None:
    out, x = np.full(SHAPE, 7, np.float32), np.ones(SHAPE, np.float32)
    call: dict[str, Any] = {"normalized_shape": (24,), "gate": x if there else None, **change}
    with pytest.raises(error, match=f"^{name}:"):
        F.rms_norm(x, out=out, **call)
    assert (out == 7).all()


@pytest.mark.thorough
@sweep(dtype=DTYPES, activation=("silu", "relu"), before=BOTH, size=(None, 512), threads=(1, 2))
def test_block_by_block(dtype: Any, activation: str, before: bool, size: int | None, threads: int) -> None:
    """More rows than a block has, beyond caches: the bits of a norm and a gate of all rows, in place, too."""
    x, g = fill((700, 2048), dtype, 1), fill((700, 2048), dtype, 2)
    weight = np.linspace(0.5, 2, 2048).astype(np.float32)
    curve = as_activation(activation, "gate_activation")
    assert curve is not None
    h, z = np.empty_like(x), np.empty_like(x)
    with cnorm.threads(threads):
        if not before:
            norms.gate(x, g, h, curve)
        F.rms_norm(x if before else h, (2048,), weight, 1e-3, group_size=size, out=z)
        if before:
            norms.gate(z, g, z, curve)
        how: dict[str, Any] = {"gate": g, "gate_activation": activation, "norm_before_gate": before}
        y = F.rms_norm(x, (2048,), weight, 1e-3, group_size=size, **how)
        assert y.tobytes() == z.tobytes()
        assert F.rms_norm(x, (2048,), weight, 1e-3, group_size=size, out=x, **how) is x
    assert x.tobytes() == z.tobytes()
