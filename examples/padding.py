"""Why padding hurts: a sentence's result depends on its batch mates unless where= hides the padding."""

from __future__ import annotations

from typing import Any

import numpy as np
from _picture import picture

import cnorm
import cnorm.functional as F

CHANNELS, SHORT = 4, 6
rng = np.random.default_rng(0)
sentence = rng.normal(3, 1, (CHANNELS, SHORT)).astype(np.float32)


def in_batch(length: int, filler: float = 0.0) -> tuple[Any, Any]:
    """The sentence beside one of `length`, both padded to that; and the mask."""
    x = np.full((2, CHANNELS, length), filler, np.float32)
    x[0, :, :SHORT] = sentence
    x[1] = rng.normal(3, 1, (CHANNELS, length))
    return x, cnorm.length_mask([SHORT, length], length)[:, None]


alone = F.instance_norm(sentence[None])[0]
print("longest  error of the short sentence, padding counted / hidden")
for length in (6, 8, 12, 24, 48):
    x, mask = in_batch(length)
    counted = F.instance_norm(x)[0, :, :SHORT]
    hidden = F.instance_norm(x, where=mask)[0, :, :SHORT]
    print(f"{length:7}  {np.abs(counted - alone).max():8.3f} / {np.abs(hidden - alone).max():.1e}")
    assert np.array_equal(hidden, alone), "with where= every bit is that of the sentence alone"
    assert length == SHORT or np.abs(counted - alone).max() > 0.5, "without, the error is large"

x, mask = in_batch(12, filler=np.nan)
y = F.instance_norm(x, where=mask)
assert np.isfinite(y).all(), "padding may hold anything, NaN too"
assert not y[0, :, SHORT:].any(), "it comes out as 0"
assert np.isnan(F.instance_norm(x)[0]).all(), "where it counts, one NaN spoils the sentence"
print("padding of NaN: hidden, it changes nothing")

picture(None)
