"""Lazy layers: state before the first call, what a failing first call leaves, copies, loading."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn

SHAPES = {
    "BatchNorm1d": (5, 6),
    "BatchNorm2d": (2, 6, 3, 3),
    "BatchNorm3d": (2, 6, 3, 2, 2),
    "InstanceNorm1d": (2, 6, 3),
    "InstanceNorm2d": (2, 6, 3, 3),
    "InstanceNorm3d": (2, 6, 3, 2, 2),
}
KEYS = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"affine": False},
    {"track_running_stats": False},
    {"bias": False},
    {"affine": False, "track_running_stats": False},
]


def lazy(name: str, **options: Any) -> Any:
    return getattr(nn, "Lazy" + name)(**options)


def sample(name: str) -> Any:
    return np.random.default_rng(0).normal(size=SHAPES[name]).astype(np.float32)


@pytest.mark.parametrize("name", SHAPES)
def test_becomes_the_layer(name: str) -> None:
    layer, x = lazy(name), sample(name)
    assert list(layer.state_dict()) == KEYS
    assert layer.has_uninitialized_params()
    y = layer(x)
    plain = getattr(nn, name)(6, affine=True, track_running_stats=True)
    assert type(layer) is getattr(nn, name)
    assert np.array_equal(y, plain(x))
    assert repr(layer) == repr(plain)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        k: v.shape for k, v in plain.state_dict().items()
    }


@pytest.mark.parametrize(
    ("name", "x", "out"),
    [
        ("BatchNorm1d", np.ones((1, 4)), None),  # one value per channel
        ("BatchNorm1d", np.ones((3, 4), int), None),
        ("BatchNorm2d", np.ones((3, 4)), None),
        ("BatchNorm2d", np.ones((2, 4, 3, 3)), np.empty((2, 4, 3, 2))),
        ("InstanceNorm1d", np.ones((2, 4, 1)), None),
    ],
)
def test_a_failing_first_call_leaves_it_lazy(name: str, x: Any, out: Any) -> None:
    layer = lazy(name)
    text = repr(layer)
    with pytest.raises((ValueError, TypeError)):
        layer(x, out=out)
    assert type(layer) is getattr(nn, "Lazy" + name)
    assert repr(layer) == text
    assert layer.has_uninitialized_params()
    layer(sample(name))
    assert layer.num_features == 6


def test_a_failing_first_call_keeps_what_was_loaded() -> None:
    source = nn.BatchNorm1d(3)
    source(np.random.default_rng(0).normal(size=(5, 3)))
    layer = lazy("BatchNorm1d")
    layer.load_state_dict(source.state_dict())
    with pytest.raises(ValueError, match="more than 1 value"):
        layer(np.ones((1, 3)))
    assert type(layer) is nn.LazyBatchNorm1d
    for key, value in layer.state_dict().items():
        assert np.array_equal(value, source.state_dict()[key])


@pytest.mark.parametrize("name", SHAPES)
def test_copies_before_the_first_call(name: str) -> None:
    layer, x = lazy(name), sample(name)
    for twin in (copy.copy(layer), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == repr(layer)
        twin(x)
        assert twin.num_features == 6
    assert layer.has_uninitialized_params()


def test_loading_uninitialized_state() -> None:
    layer = lazy("BatchNorm1d")
    assert repr(layer.load_state_dict(lazy("BatchNorm1d").state_dict())).startswith("<All keys")
    assert layer.has_uninitialized_params()
    full = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="uninitialized"):
        full.load_state_dict(layer.state_dict())


def test_loading_keeps_the_dtype_of_the_layer() -> None:
    layer = lazy("BatchNorm1d", dtype=np.float64)
    layer.load_state_dict(nn.BatchNorm1d(3).state_dict())
    assert layer.weight.dtype == layer.running_var.dtype == np.float64
    assert layer.num_batches_tracked.dtype == np.int64


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", SHAPES)
def test_repr_and_warnings_are_torchs(name: str, options: dict[str, Any]) -> None:
    """A layer with nothing to allocate keeps num_features 0, and warns where torch does."""
    torch = pytest.importorskip("torch")
    ours, theirs = lazy(name, **options), getattr(torch.nn, "Lazy" + name)(**options)
    x = sample(name)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    with warnings.catch_warnings(record=True) as mine:
        warnings.simplefilter("always")
        y = ours(x)
    with warnings.catch_warnings(record=True) as other:
        warnings.simplefilter("always")
        expected = theirs(torch.from_numpy(x)).detach().numpy()
    assert repr(ours) == repr(theirs)
    assert bool(mine) is bool([w for w in other if "num_features" in str(w.message)])
    np.testing.assert_allclose(y, expected, rtol=2e-5, atol=2e-5)


def test_uninitialized_tensors_of_torch() -> None:
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = torch.nn.LazyBatchNorm1d().state_dict()
    layer = lazy("BatchNorm1d")
    assert repr(layer.load_state_dict(state)).startswith("<All keys")
    assert layer.has_uninitialized_params()
    with pytest.raises(ValueError, match="uninitialized"):
        nn.BatchNorm1d(3).load_state_dict(state)
