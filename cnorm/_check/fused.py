"""What a call does around a norm: sums, activations, signed bytes, by formula from the norm's own result."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import cnorm.functional as F
from cnorm._check.formulas import Array, wide
from cnorm._check.operations import Operation


def gelu(y: Array) -> Array:
    """y times the normal distribution, without cancellation in the tail."""
    tail = [math.erfc(-t / math.sqrt(2)) for t in y.ravel().tolist()]
    return np.asarray(y * 0.5 * np.reshape(tail, y.shape))


def gelu_tanh(y: Array) -> Array:
    """Its approximation."""
    return np.asarray(0.5 * y * (1 + np.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3))))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda y: np.maximum(y, 0),
    "silu": lambda y: y / (1 + np.exp(-y)),
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "leaky_relu": lambda y: np.where(y > 0, y, y * 0.01),
    "relu6": lambda y: np.minimum(np.maximum(y, 0), 6),
    "hardswish": lambda y: y * np.minimum(np.maximum(y + 3, 0), 6) / 6,
    "sigmoid": lambda y: 1 / (1 + np.exp(-y)),
    "tanh": np.tanh,
}


def activated(name: str) -> Operation:
    """rms_norm of x + x, and an activation of it; the sum is a result."""

    def expected(x: Array) -> tuple[Array, Array]:
        h = x + x
        return ACTIVATIONS[name](wide(F.rms_norm(h, h.shape[-1:]))), h

    return Operation(
        f"rms_norm {name}",
        lambda x: F.rms_norm(x, x.shape[-1:], residual=x, activation=name),
        expected,
        lambda *_: {},
    )


def quantized(y: Array) -> tuple[Array, Array]:
    """Whole numbers -128 ... 127 and the scale of each row."""
    y = y.astype(np.float64 if y.dtype.itemsize == 8 else np.float32)
    scale = np.abs(y).max(-1, keepdims=True) / y.dtype.type(127)
    scale[scale == 0] = 1
    q = y / scale
    return np.where(np.isnan(q), 0, np.clip(np.rint(q), -128, 127)), scale


def signed_bytes(name: str) -> Operation:
    """The bytes and scales less those of the norm's own result, which must be 0.

    That result may differ in its last bit by layout, and a byte then by 1.
    """
    norm, fused = getattr(F, name), getattr(F, f"{name}_int8")

    def call(x: Array) -> tuple[Array, Array]:
        q, scale = fused(x, x.shape[-1:])
        wanted, wanted_scale = quantized(norm(x, x.shape[-1:]))
        same = (scale == wanted_scale) | (np.isnan(scale) & np.isnan(wanted_scale))
        return q - wanted, (~same).astype(wanted.dtype)

    def expected(x: Array) -> tuple[Array, Array]:
        return np.zeros(x.shape), np.zeros((*x.shape[:-1], 1))

    return Operation(f"{name}_int8", call, expected, lambda *_: {})


FUSED = (*map(activated, ACTIVATIONS), signed_bytes("layer_norm"), signed_bytes("rms_norm"))
