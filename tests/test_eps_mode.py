"""eps_mode=: where eps stands, in every norm that has it; running statistics; squares beyond the range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import DTYPES
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.nn as nn
from cnorm._check.formulas import divisor, wide

MODES = ("inside", "outside", "max")
SHAPE = (3, 4, 5, 6)
Norm = Callable[..., Any]


def by_axes(x: Any, axes: tuple[int, ...], eps: float, mode: str, *, centered: bool = True) -> Any:
    x = wide(x)
    d = x - x.mean(axes, keepdims=True) if centered else x
    return d / divisor((d**2).mean(axes, keepdims=True), eps, mode)


def grouped(x: Any, eps: float, mode: str) -> Any:
    return by_axes(np.reshape(x, (3, 2, -1)), (2,), eps, mode).reshape(SHAPE)


LABELS = np.array([1, 0, 1, 0], np.int32)


def by_label(x: Any, eps: float, mode: str) -> Any:
    y = wide(x).copy()
    for g in (0, 1):
        y[:, g == LABELS] = by_axes(wide(x)[:, g == LABELS], (1,), eps, mode)
    return y


NORMS: dict[str, tuple[Norm, Norm]] = {
    "standardize": (
        lambda x, eps, **k: cnorm.standardize(x, (1, 3), eps=eps, **k),
        lambda x, *how: by_axes(x, (1, 3), *how),
    ),
    "layer_norm": (
        lambda x, eps, **k: F.layer_norm(x, (6,), None, None, eps, **k),
        lambda x, *how: by_axes(x, (3,), *how),
    ),
    "rms_norm": (
        lambda x, eps, **k: F.rms_norm(x, (5, 6), None, eps, **k),
        lambda x, *how: by_axes(x, (2, 3), *how, centered=False),
    ),
    "group_norm": (lambda x, eps, **k: F.group_norm(x, 2, None, None, eps, **k), grouped),
    "group_standardize": (
        lambda x, eps, **k: cnorm.group_standardize(x, LABELS, None, None, eps, axis=1, **k),
        lambda x, *how: by_label(x, *how),
    ),
    "segment_standardize": (
        lambda x, eps, **k: cnorm.segment_standardize(x, [0, 2, 4], None, None, eps, axis=(1, 2), **k),
        lambda x, *how: np.concatenate([by_axes(x[:, i : i + 2], (1, 2), *how) for i in (0, 2)], 1),
    ),
    "instance_norm": (
        lambda x, eps, **k: F.instance_norm(x, eps=eps, **k),
        lambda x, *how: by_axes(x, (2, 3), *how),
    ),
}


@pytest.mark.parametrize("name", NORMS)
@sweep(dtype=DTYPES, mode=MODES, eps=(1e-3, 0.7, 3.0), layout=("plain", "columns", "odd"))
def test_formula(name: str, dtype: Any, mode: str, eps: float, layout: str) -> None:
    x = fill(SHAPE, dtype, 4)
    if layout == "columns":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    if layout == "odd":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    norm, formula = NORMS[name]
    out = np.empty_like(x)
    assert norm(x, eps, eps_mode=mode, out=out) is out
    bound = {2: 1e-2, 4: 1e-5, 8: 1e-13}[x.dtype.itemsize]
    assert np.allclose(wide(out), formula(x, eps, mode), rtol=bound, atol=bound)
    if mode == "inside":
        assert np.array_equal(out, norm(x, eps))


@pytest.mark.parametrize("name", [name for name in NORMS if name != "rms_norm"])
@sweep(mode=MODES, dtype=DTYPES)
def test_with_a_mask(name: str, mode: str, dtype: Any) -> None:
    """A mask that hides whole samples: the others are as without it."""
    x = fill(SHAPE, dtype, 5)
    where = np.array([True, False, True])[:, None, None, None]
    y, plain = NORMS[name][0](x, 0.5, eps_mode=mode, where=where), NORMS[name][0](x, 0.5, eps_mode=mode)
    assert np.array_equal(y[[0, 2]], plain[[0, 2]])
    assert (y[1] == 0).all()


@sweep(mode=MODES, dtype=DTYPES, care=(False, True))
def test_running_statistics(mode: str, dtype: Any, care: bool) -> None:
    x, own = fill(SHAPE, dtype, 6), np.float64 if np.dtype(dtype).itemsize == 8 else np.float32
    mean, var = np.linspace(-1, 1, 4).astype(own), np.linspace(0, 2, 4).astype(own)
    given = np.asfortranarray(x) if care else x
    y = F.instance_norm(given, mean, var, use_input_stats=False, eps=0.5, eps_mode=mode)
    expected = (wide(x) - mean[:, None, None]) / divisor(wide(var), 0.5, mode)[:, None, None]
    bound = {2: 1e-2, 4: 1e-5, 8: 1e-13}[x.dtype.itemsize]
    assert np.allclose(wide(y), expected, rtol=bound, atol=bound)


@sweep(
    mode=("outside", "max"),
    power=(-1000, -520, -450, -300, 0, 300, 520, 1000),
    eps=(0.0, 1e-300, 1e-30, 1e300),
)
def test_squares_beyond_the_range(mode: str, power: int, eps: float) -> None:
    """float64: small deviations do not vanish beside a small eps."""
    x = np.ldexp(np.random.default_rng(1).normal(size=(2, 50)), power)
    y = F.layer_norm(x, (50,), eps=eps, eps_mode=mode)
    assert np.allclose(wide(y), by_axes(x, (1,), eps, mode), rtol=1e-12, atol=1e-307)


def test_no_spread() -> None:
    """Equal elements give 0 with any eps, NaN stays."""
    for mode in MODES:
        for eps in (0.0, 1e-5):
            assert (cnorm.standardize(np.full(7, 3.0), eps=eps, eps_mode=mode) == 0).all()
        assert np.isnan(cnorm.standardize(np.array([1.0, np.nan]), eps_mode=mode)).all()


def test_layers_pass_it_on() -> None:
    x = fill(SHAPE, np.float32, 7)
    layers: list[tuple[Any, Norm]] = [
        (nn.LayerNorm(6), lambda **k: F.layer_norm(x, (6,), **k)),
        (nn.GroupNorm(2, 4), lambda **k: F.group_norm(x, 2, **k)),
        (nn.InstanceNorm2d(4), lambda **k: F.instance_norm(x, **k)),
        (nn.RMSNorm(6), lambda **k: F.rms_norm(x, (6,), **k)),
    ]
    for layer, norm in layers:
        assert np.array_equal(layer(x, eps_mode="outside"), norm(eps_mode="outside"))


def test_refused() -> None:
    x, out = np.ones((2, 3)), np.full((2, 3), 7.0)
    with pytest.raises(ValueError, match=r"^eps_mode: expected one of 'inside', 'outside', 'max', got 'in'"):
        cnorm.group_standardize(x, np.zeros(len(x), int), out=out, eps_mode="in")
    with pytest.raises(ValueError, match=r"^eps_mode: expected one of 'inside', 'outside', 'max', got 'in'"):
        cnorm.rolling_standardize(x, 2, out=out, eps_mode="in")
    with pytest.raises(ValueError, match=r"^eps_mode: expected one of 'inside', 'outside', 'max', got 'in'"):
        cnorm.standardize(x, out=out, eps_mode="in")
    with pytest.raises(TypeError, match=r"^eps_mode: expected a str, got int"):
        F.layer_norm(x, (3,), out=out, eps_mode=0)  # type: ignore[arg-type]
    assert (out == 7).all()
