"""RMSNorm of tokens: the length without the mean, as in Llama, Gemma and their kin."""

from __future__ import annotations

import numpy as np
from _picture import picture

import cnorm.functional as F
import cnorm.nn as nn

rng = np.random.default_rng(0)
batch, length, width = 4, 5, 64
tokens = rng.normal(3, 2, (batch, length, width)).astype(np.float32)

layer = nn.RMSNorm(width, eps=1e-6)
y = layer(tokens)
print(f"RMSNorm   {y.shape}: first token, mean square {(y[0, 0] ** 2).mean():.4f}, mean {y[0, 0].mean():.2f}")
assert np.abs((y**2).mean(axis=-1) - 1).max() < 1e-5, "each token has mean square 1"
assert np.abs(y.mean(axis=-1)).min() > 0.1, "its mean stays: nothing is subtracted"

louder = layer(tokens * 1000)
print(f"loudness  a thousand times the input changes the result by {np.abs(louder - y).max():.1e}")
assert np.abs(louder - y).max() < 1e-6, "the scale of a token is ignored"

weight = rng.normal(0, 0.1, width).astype(np.float32)
gemma = F.rms_norm(tokens, (width,), weight, 1e-6, weight_offset=1)
off = np.abs(gemma - y * (1 + weight)).max()
print(f"Gemma     weights are added to 1: {off:.1e} from y * (1 + weight)")
assert np.allclose(gemma, y * (1 + weight), atol=1e-5), "weight_offset=1 is Gemma's 1 + weight"

step = rng.normal(size=tokens.shape).astype(np.float32)
y, stream = F.rms_norm(tokens, (width,), weight, 1e-6, residual=step)
print(f"residual  {y.shape} and the stream it is the norm of, in one pass")
assert np.array_equal(stream, tokens + step), "residual= is added first, and the sum handed on"
assert np.array_equal(y, F.rms_norm(stream, (width,), weight, 1e-6)), "with the bits of the two steps"

picture(None)
