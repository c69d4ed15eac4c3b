"""Which norm to choose: what each one ignores, and what it needs, found by trying."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import picture

import cnorm.functional as F

N, C, H, W = 4, 8, 6, 6
rng = np.random.default_rng(0)
x = rng.normal(1, 2, (N, C, H, W))
BATCH, LAYER, CHANNEL, GROUP, INSTANCE, RMS = (
    "BatchNorm",
    "LayerNorm (C,H,W)",
    "LayerNorm axis=1",
    "GroupNorm, 4",
    "InstanceNorm",
    "RMSNorm axis=1",
)
NORMS: dict[str, Any] = {
    BATCH: lambda x: F.batch_norm(x, None, None, training=True, eps=1e-12),
    LAYER: lambda x: F.layer_norm(x, (C, H, W), eps=0),
    CHANNEL: lambda x: F.layer_norm(x, (C,), eps=0, axis=1),
    GROUP: lambda x: F.group_norm(x, 4, eps=0),
    INSTANCE: lambda x: F.instance_norm(x, eps=0),
    RMS: lambda x: F.rms_norm(x, (C,), eps=0, axis=1),
}
per_sample, per_channel = rng.uniform(0.5, 2, (N, 1, 1, 1)), rng.uniform(0.5, 2, (1, C, 1, 1))


def same(a: Any, b: Any) -> bool:
    return bool(np.allclose(a, b, atol=1e-9))


def needs_batch(norm: Any) -> bool:
    return not same(norm(x[:1]), norm(x)[:1])


QUESTIONS: dict[str, Any] = {
    "needs the batch": needs_batch,
    "ignores contrast": lambda norm: same(norm(x * per_sample), norm(x)),
    "brightness": lambda norm: same(norm(x + per_sample), norm(x)),
    "channel scale": lambda norm: same(norm(x * per_channel), norm(x)),
}
answers = {name: [bool(ask(norm)) for ask in QUESTIONS.values()] for name, norm in NORMS.items()}
print(f"{'':18}" + "".join(f"{question:>18}" for question in QUESTIONS))
for name, row in answers.items():
    print(f"{name:18}" + "".join(f"{'yes' if answer else '-':>18}" for answer in row))
assert answers == {
    BATCH: [True, False, False, True],
    LAYER: [False, True, True, False],
    CHANNEL: [False, True, True, False],
    GROUP: [False, True, True, False],
    INSTANCE: [False, True, True, True],
    RMS: [False, True, False, False],
}, "a norm behaves unlike its description"
print("""
pictures, large batches         BatchNorm: free in use, folded into the convolution
pictures, small batches         GroupNorm: the same in training and in use
style, where contrast is noise  InstanceNorm
sequences, transformers         LayerNorm over the embedding; RMSNorm where its mean does not matter
no idea                         SwitchNorm: it learns the mixture""")

picture(None)
