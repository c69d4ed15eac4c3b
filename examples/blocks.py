"""The two usual blocks: convolution, BatchNorm, relu; and linear layer, LayerNorm, relu."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import picture
from numpy.lib.stride_tricks import sliding_window_view

import cnorm.functional as F
import cnorm.nn as nn

rng = np.random.default_rng(0)


def conv(x: Any, weight: Any, bias: Any) -> Any:
    """(N, C, H, W) with (O, C, 3, 3), padded by 1."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3))
    y = np.tensordot(windows, weight, axes=([1, 4, 5], [1, 2, 3])) + bias
    return y.transpose(0, 3, 1, 2)  # a channels-last view, which the norms take as it is


def relu(x: Any) -> Any:
    return np.maximum(x, 0, out=x)


# Convolution, BatchNorm, relu. A bias in front of a BatchNorm in training is subtracted again.
x = rng.normal(size=(8, 3, 32, 32)).astype(np.float32)
weight = rng.normal(size=(16, 3, 3, 3)).astype(np.float32)
bias = rng.normal(size=16).astype(np.float32)
norm = nn.BatchNorm2d(16)
normalized = norm(conv(x, weight, bias))
assert np.allclose(normalized, nn.BatchNorm2d(16)(conv(x, weight, 0)), atol=1e-5), "the bias has no effect"
y = relu(normalized)
print(f"conv   -> BatchNorm -> relu: {y.shape}, {np.mean(y > 0):.0%} of the outputs are positive")
assert 0.4 < np.mean(y > 0) < 0.6, "about half of what is centred passes a relu"

norm.eval()  # deployed, BatchNorm goes into the convolution before it
before = norm(conv(x, weight, bias))
folded = F.fold_batch_norm(
    weight, bias, norm.running_mean, norm.running_var, norm.weight, norm.bias, norm.eps
)
after = conv(x, *folded)
print(f"folded into the convolution, the result moves by {np.abs(after - before).max():.1e}")
assert np.allclose(after, before, atol=1e-4), "the folded convolution does the work of both"

# Linear layer, LayerNorm, relu.
x = rng.normal(size=(32, 128)).astype(np.float32)
weight = rng.normal(size=(64, 128)).astype(np.float32)
h = x @ weight.T
y = relu(F.layer_norm(h, (64,), out=h))  # in place
print(f"linear -> LayerNorm -> relu: {y.shape}, {np.mean(y > 0):.0%} of the outputs are positive")
assert y is h, "out= saved an array"
assert 0.4 < np.mean(y > 0) < 0.6, "about half of them again"

picture(None)
