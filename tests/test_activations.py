"""Activations: their accuracy, and torch's values at the ends of the line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from curves import ACTIVATIONS, BENDS, CURVES, alone
from reference import DTYPES
from sweep import sweep

import cnorm.functional as F

# Errors in units of the last place, against values in long arithmetic, that docs/fusions.md states.
BOUNDS = {
    ("silu", 4): 2.5, ("gelu", 4): 5, ("gelu_tanh", 4): 2.5,
    ("silu", 8): 2.5, ("gelu", 8): 7, ("gelu_tanh", 8): 2.5,
    ("sigmoid", 4): 2.5, ("tanh", 4): 2.5, ("sigmoid", 8): 2.5, ("tanh", 8): 2.5,
}  # fmt: skip
RANGES = ((-1e-3, 1e-3), (-1, 1), (-5, 5), (-13, -5), (-22, -13), (-87, 87))


def exact(mp: Any, x: float, activation: str) -> Any:
    v = mp.mpf(x)
    if activation == "silu":
        return v / (1 + mp.exp(-v))
    if activation == "gelu":
        return v * mp.erfc(-v / mp.sqrt(2)) / 2
    if activation == "sigmoid":
        return 1 / (1 + mp.exp(-v))
    if activation == "tanh":
        return mp.tanh(v)
    return v / (1 + mp.exp(-2 * mp.sqrt(2 / mp.pi) * (v + mp.mpf("0.044715") * v**3)))


@pytest.mark.parametrize("activation", CURVES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_accuracy(dtype: Any, activation: str) -> None:
    mp = pytest.importorskip("mpmath").mp
    rng, floor, worst = np.random.default_rng(23), float(np.finfo(dtype).smallest_normal) * 32, 0.0
    for low, high in RANGES:
        x = rng.uniform(low, high, 400).astype(dtype)
        for value, y in zip(x, alone(x, activation), strict=True):
            with mp.workdps(40):
                expected = exact(mp, float(value), activation)
                unit = float(np.spacing(dtype(max(abs(float(expected)), floor))))
                error = float(abs(mp.mpf(float(y)) - expected)) / unit
            if y != 0 or abs(float(expected)) > floor:
                worst = max(worst, error)
    assert worst <= BOUNDS[activation, np.dtype(dtype).itemsize]


def of_torch(activation: Any) -> Any:
    torch = pytest.importorskip("torch")
    if isinstance(activation, tuple):
        return lambda v: torch.nn.functional.leaky_relu(v, activation[1])
    if activation == "gelu_tanh":
        return lambda v: torch.nn.functional.gelu(v, approximate="tanh")
    return getattr(torch.nn.functional, activation)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@sweep(dtype=DTYPES)
def test_special_values_are_torchs(dtype: Any, activation: str) -> None:
    """NaN and infinities, and the sign of zero."""
    torch = pytest.importorskip("torch")
    x = np.array([-np.inf, -0.0, 0.0, np.inf, np.nan] * 9).astype(dtype)
    t = torch.from_numpy(x.astype(np.float64))
    expected, y = of_torch(activation)(t).numpy(), alone(x, activation).astype(np.float64)
    assert np.array_equal(y, expected, equal_nan=True)
    negative_zero = (x == 0) & np.signbit(x)
    assert (np.signbit(y[negative_zero]) == (activation != "sigmoid")).all()


@pytest.mark.parametrize("activation", CURVES)
def test_close_to_torch(activation: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-30, 30, 10001)
    expected = of_torch(activation)(torch.from_numpy(x))
    assert np.allclose(alone(x, activation), expected.numpy(), rtol=1e-12, atol=1e-15)
    assert np.allclose(alone(x.astype(np.float32), activation), expected.numpy(), rtol=2e-6, atol=1e-7)


SLOPES = (("leaky_relu", 0.2), ("leaky_relu", 0.0), ("leaky_relu", 1.5), ("leaky_relu", -0.5))


@sweep(dtype=DTYPES, activation=(*BENDS, *SLOPES))
def test_bends_are_torchs(dtype: Any, activation: Any) -> None:
    """To the last bit, but for hardswish, which torch divides by 6; ends of rows, too."""
    torch = pytest.importorskip("torch")
    x = np.linspace(-9, 9, 1003).astype(dtype)
    t = torch.from_numpy(x.astype(np.float64 if x.dtype.itemsize == 8 else np.float32))
    expected = of_torch(activation)(t).numpy().astype(dtype)
    if activation == "hardswish":
        unit = np.abs(np.spacing(expected)).astype(np.float64)
        assert (np.abs(alone(x, activation).astype(np.float64) - expected) <= 2 * unit).all()
    else:
        assert np.array_equal(alone(x, activation), expected)


@sweep(slope=SLOPES, layout=("rows", "columns"))
def test_slopes_of_every_norm(slope: Any, layout: str) -> None:
    x = np.random.default_rng(5).normal(size=(3, 4, 7, 9)).astype(np.float32)
    if layout == "columns":
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    w, one = np.linspace(0.5, 1, 4, dtype=np.float32), np.ones(4, np.float32)
    norms = (
        lambda **k: F.batch_norm(x, one * 0, one, w, w, **k),
        lambda **k: F.instance_norm(x, None, None, w, **k),
        lambda **k: F.group_norm(x, 2, None, w, **k),
        lambda **k: F.layer_norm(x, (9,), **k),
        lambda **k: F.rms_norm(x, (4,), w, axis=1, **k),
    )
    for norm in norms:
        y = norm()
        assert np.array_equal(norm(activation=slope), np.where(y > 0, y, y * np.float32(slope[1])))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (("leaky_relu",), ValueError),
        (("leaky_relu", 0.1, 2), ValueError),
        (("relu", 0.1), ValueError),
        (("leaky_relu", float("nan")), ValueError),
        (("leaky_relu", "0.1"), TypeError),
        (("leaky_relu", None), TypeError),
    ],
)
def test_wrong_slopes(wrong: Any, error: type[Exception]) -> None:
    x, out = np.ones((2, 4), np.float32), np.full((2, 4), 7, np.float32)
    with pytest.raises(error, match="activation"):
        F.layer_norm(x, (4,), out=out, activation=wrong)
    assert (out == 7).all()
