"""Batch norms: counting, failing calls, SyncBatchNorm and FrozenBatchNorm2d, the affine form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm.nn as nn


def snapshot(layer: Any) -> dict[str, Any]:
    return {k: np.copy(v) for k, v in layer.state_dict().items()}


def test_cumulative_average_is_the_mean_of_the_batches() -> None:
    rng = np.random.default_rng(0)
    batches = [rng.normal(i, 1 + i, (8, 3)) for i in range(4)]
    layer = nn.BatchNorm1d(3, momentum=None, dtype=np.float64)
    for x in batches:
        layer(x)
    assert layer.num_batches_tracked == 4
    np.testing.assert_allclose(layer.running_mean, np.mean([x.mean(0) for x in batches], 0), rtol=1e-12)
    variances = [x.var(0, ddof=1) for x in batches]
    np.testing.assert_allclose(layer.running_var, np.mean(variances, 0), rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_failing_calls_change_nothing(momentum: float | None) -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    layer = nn.BatchNorm1d(3, momentum=momentum)
    layer(x)
    before = snapshot(layer)
    read_only = np.empty_like(x)
    read_only.flags.writeable = False
    calls: list[tuple[Any, Any]] = [
        (x[0], None),
        (x[:1], None),
        (x[:, :2], None),
        (x.astype(int), None),
        (x, np.empty((4, 2))),
        (x, np.empty((4, 3), np.float32)),
        (x, read_only),
        (x, [0.0]),
    ]
    for bad, out in calls:
        with pytest.raises((ValueError, TypeError)):
            layer(bad, out=out)
    with pytest.raises(TypeError):
        layer(x, nonsense=1)
    assert all(np.array_equal(v, before[k]) for k, v in snapshot(layer).items())


def test_evaluation_counts_nothing() -> None:
    layer = nn.BatchNorm1d(3).eval()
    before = snapshot(layer)
    layer(np.ones((1, 3)))
    assert all(np.array_equal(v, before[k]) for k, v in snapshot(layer).items())


def test_affine_form_without_variance_or_eps() -> None:
    """The channel is 0, as in a call."""
    layer = nn.BatchNorm1d(2, eps=0.0).eval()
    layer.running_var[...] = 0, 4  # type: ignore[index]
    scale, shift = layer.to_affine()
    assert np.array_equal(scale, [0, 0.5])
    assert np.array_equal(shift, [0, 0])
    x = np.array([[3.0, 1.0], [5.0, 2.0]])
    np.testing.assert_allclose(layer(x), x * scale + shift, atol=1e-12)


@pytest.mark.parametrize("bad", [-1, 2.5, "3"])
@pytest.mark.parametrize("name", ["BatchNorm2d", "SyncBatchNorm", "FrozenBatchNorm2d", "InstanceNorm1d"])
def test_a_wrong_number_of_features_is_named(name: str, bad: Any) -> None:
    options = {"track_running_stats": True} if name == "InstanceNorm1d" else {}
    with pytest.raises((ValueError, TypeError), match="num_features"):
        getattr(nn, name)(bad, **options)


def test_frozen_never_changes() -> None:
    layer = nn.FrozenBatchNorm2d(3, eps=1e-3)
    rng = np.random.default_rng(0)
    for value in layer.state_dict().values():
        value[...] = rng.uniform(1, 2, 3)
    before = snapshot(layer)
    x = rng.normal(size=(2, 3, 4, 4))
    y = layer.train()(x)
    scale = before["weight"].astype(float) / np.sqrt(before["running_var"].astype(float) + 1e-3)
    shift = before["bias"] - before["running_mean"] * scale
    np.testing.assert_allclose(y, x * scale[:, None, None] + shift[:, None, None], rtol=1e-6, atol=1e-6)
    assert layer.num_features == 3
    assert all(np.array_equal(v, before[k]) for k, v in snapshot(layer).items())


@sweep(
    training=[True, False],
    shape=[(4, 3), (4, 3, 5), (2, 3, 2, 2), (2, 3, 2, 2, 2), (3,), (2, 0), (2, 0, 3), (0, 3)],
)
def test_sync_batch_norm_in_one_process(shape: tuple[int, ...], training: bool) -> None:
    torch = pytest.importorskip("torch")
    channels = shape[1] if len(shape) > 1 else 3
    ours = nn.SyncBatchNorm(channels).train(training)
    theirs = torch.nn.SyncBatchNorm(channels).train(training)
    assert repr(ours) == repr(theirs)
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    try:
        expected = theirs(torch.from_numpy(x)).detach().numpy()
    except Exception:
        with pytest.raises(ValueError, match="input"):
            ours(x)
    else:
        np.testing.assert_allclose(ours(x), expected, rtol=2e-5, atol=2e-5)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ["BatchNorm2d", "InstanceNorm2d"])
def test_statistics_in_other_dtypes(name: str, dtype: str) -> None:
    """Parameters and input of one dtype: three steps, two of them training."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    options = {"affine": True, "track_running_stats": True}
    ours = getattr(nn, name)(6, dtype=dtype, **options)
    theirs = getattr(torch.nn, name)(6, dtype=getattr(torch, dtype), **options)
    unit = {"float16": 2e-3, "bfloat16": 2e-2, "float64": 1e-12}[dtype]
    rng = np.random.default_rng(0)
    for mode in (True, True, False):
        ours.train(mode), theirs.train(mode)
        tensor = torch.from_numpy(rng.normal(1, 2, (5, 6, 4, 3))).to(getattr(torch, dtype))
        y = ours(tensor)
        assert y.dtype is tensor.dtype
        expected = theirs(tensor).detach().double().numpy()
        np.testing.assert_allclose(y.double().numpy(), expected, rtol=unit, atol=unit)
        for key, value in theirs.state_dict().items():
            mine = ours.state_dict()[key]
            assert mine.dtype.name == str(value.dtype).removeprefix("torch.")
            np.testing.assert_allclose(mine.astype(float), value.double().numpy(), rtol=unit, atol=unit)


@pytest.mark.parametrize("momentum", [None, 0.1])
def test_a_batch_that_shows_nothing_is_not_counted(momentum: float | None) -> None:
    """The cumulative average is of the batches that moved it."""
    x = np.random.default_rng(0).normal(5, 1, (8, 3, 4))
    layer, other = nn.BatchNorm1d(3, momentum=momentum), nn.BatchNorm1d(3, momentum=momentum)
    layer(x, where=np.zeros((8, 1, 1), bool))
    assert layer.num_batches_tracked == 0
    layer(x)
    other(x, where=None)
    assert other.num_batches_tracked == 1
    for key, value in other.state_dict().items():
        assert np.array_equal(value, layer.state_dict()[key])
