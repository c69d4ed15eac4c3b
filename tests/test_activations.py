"""Activations: their accuracy, and torch's values at the ends of the line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from curves import ACTIVATIONS, CURVES, alone
from reference import DTYPES
from sweep import sweep

# Errors in units of the last place, against values in long arithmetic, that docs/fusions.md states.
BOUNDS = {
    ("silu", 4): 2.5, ("gelu", 4): 5, ("gelu_tanh", 4): 2.5,
    ("silu", 8): 2.5, ("gelu", 8): 7, ("gelu_tanh", 8): 2.5,
}  # fmt: skip
RANGES = ((-1e-3, 1e-3), (-1, 1), (-5, 5), (-13, -5), (-22, -13), (-87, 87))


def exact(mp: Any, x: float, activation: str) -> Any:
    v = mp.mpf(x)
    if activation == "silu":
        return v / (1 + mp.exp(-v))
    if activation == "gelu":
        return v * mp.erfc(-v / mp.sqrt(2)) / 2
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


@pytest.mark.parametrize("activation", ACTIVATIONS)
@sweep(dtype=DTYPES)
def test_special_values_are_torchs(dtype: Any, activation: str) -> None:
    """NaN and infinities, and the sign of zero."""
    torch = pytest.importorskip("torch")
    x = np.array([-np.inf, -0.0, 0.0, np.inf, np.nan] * 9).astype(dtype)
    t = torch.from_numpy(x.astype(np.float64))
    functions = {
        "relu": torch.relu,
        "silu": torch.nn.functional.silu,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda v: torch.nn.functional.gelu(v, approximate="tanh"),
    }
    expected, y = functions[activation](t).numpy(), alone(x, activation).astype(np.float64)
    assert np.array_equal(y, expected, equal_nan=True)
    negative_zero = (x == 0) & np.signbit(x)
    assert np.signbit(y[negative_zero]).all()


@pytest.mark.parametrize("activation", CURVES)
def test_close_to_torch(activation: str) -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-30, 30, 10001)
    functional = torch.nn.functional
    t = torch.from_numpy(x)
    if activation == "silu":
        expected = functional.silu(t)
    else:
        expected = functional.gelu(t, approximate="tanh" if activation == "gelu_tanh" else "none")
    assert np.allclose(alone(x, activation), expected.numpy(), rtol=1e-12, atol=1e-15)
    assert np.allclose(alone(x.astype(np.float32), activation), expected.numpy(), rtol=2e-6, atol=1e-7)
