"""Instance norms: one sample without a batch axis, its out=, the warning about channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn

SAMPLES = {"InstanceNorm1d": (3, 5), "InstanceNorm2d": (3, 4, 5), "InstanceNorm3d": (3, 4, 5, 2)}


@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("name", SAMPLES)
def test_one_sample_is_a_batch_of_one(name: str, track: bool) -> None:
    x = np.random.default_rng(0).normal(1, 2, SAMPLES[name]).astype(np.float32)
    single = getattr(nn, name)(3, affine=True, track_running_stats=track)
    batch = getattr(nn, name)(3, affine=True, track_running_stats=track)
    for mode in (True, False):
        y = single.train(mode)(x)
        assert y.shape == x.shape
        assert np.array_equal(y, batch.train(mode)(x[None])[0])
    for key, value in batch.state_dict().items():
        assert np.array_equal(single.state_dict()[key], value)
    out = np.empty_like(x)
    assert single(x, out=out) is out
    assert np.array_equal(out, y)


@pytest.mark.parametrize("out", [[[0.0]], np.empty((3, 4)), np.empty((3, 5), np.float32)])
def test_a_wrong_out_changes_nothing(out: Any) -> None:
    layer = nn.InstanceNorm1d(3, track_running_stats=True)
    with pytest.raises((ValueError, TypeError), match="out"):
        layer(np.random.default_rng(0).normal(size=(3, 5)), out=out)
    assert not layer.running_mean.any()  # type: ignore[union-attr]


def test_other_channels_without_parameters_warn() -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 5))
    with pytest.warns(UserWarning, match="num_features"):
        y = nn.InstanceNorm1d(3)(x)
    np.testing.assert_allclose(y.mean(2), 0, atol=1e-12)
    with pytest.raises(ValueError, match="num_features"):
        nn.InstanceNorm1d(3, affine=True)(x)
