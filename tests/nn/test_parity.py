"""Layers against torch.nn, live: results, state after each call, repr, state_dict, refusals."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm.nn as nn

ml_dtypes, torch = pytest.importorskip("ml_dtypes"), pytest.importorskip("torch")

Array = np.ndarray[Any, Any]

# name, arguments, keywords, input shape
LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("BatchNorm1d", (6,), {}, (5, 6)),
    ("BatchNorm1d", (6,), {"momentum": None}, (5, 6, 7)),
    ("BatchNorm2d", (6,), {}, (5, 6, 4, 3)),
    ("BatchNorm2d", (6,), {"bias": False, "momentum": 0.3}, (5, 6, 4, 3)),
    ("BatchNorm2d", (6,), {"affine": False}, (5, 6, 4, 3)),
    ("BatchNorm2d", (6,), {"track_running_stats": False, "eps": 1e-3}, (5, 6, 4, 3)),
    ("BatchNorm3d", (6,), {"momentum": 0.0}, (2, 6, 4, 3, 2)),
    ("InstanceNorm1d", (6,), {}, (5, 6, 7)),
    ("InstanceNorm1d", (6,), {"affine": True}, (6, 7)),
    ("InstanceNorm2d", (6,), {"affine": True, "track_running_stats": True}, (5, 6, 4, 3)),
    ("InstanceNorm2d", (6,), {"track_running_stats": True, "momentum": None}, (6, 4, 3)),
    ("InstanceNorm3d", (6,), {"affine": True, "bias": False}, (2, 6, 4, 3, 2)),
    ("LayerNorm", (7,), {}, (5, 6, 7)),
    ("LayerNorm", ((6, 7),), {"bias": False}, (5, 6, 7)),
    ("LayerNorm", ([7],), {"elementwise_affine": False, "eps": 1e-3}, (5, 7)),
    ("RMSNorm", (7,), {}, (5, 6, 7)),
    ("RMSNorm", ((6, 7),), {"eps": 1e-2}, (5, 6, 7)),
    ("RMSNorm", (7,), {"elementwise_affine": False}, (5, 7)),
    ("GroupNorm", (3, 6), {}, (5, 6, 4, 3)),
    ("GroupNorm", (1, 6), {"affine": False}, (5, 6)),
    ("GroupNorm", (6, 6), {"bias": False}, (5, 6, 4)),
    ("LocalResponseNorm", (4,), {"alpha": 0.1}, (5, 6, 4, 3)),
    ("LocalResponseNorm", (5,), {"beta": 0.5, "k": 2.0}, (5, 6, 4)),
    ("CrossMapLRN2d", (4,), {"alpha": 0.1}, (5, 6, 4, 3)),
    ("CrossMapLRN2d", (3,), {"alpha": 0.5, "beta": 1.0}, (5, 6, 4, 3)),
    ("LazyBatchNorm1d", (), {}, (5, 6)),
    ("LazyBatchNorm2d", (), {"affine": False}, (5, 6, 4, 3)),
    ("LazyBatchNorm3d", (), {"bias": False}, (2, 6, 4, 3, 2)),
    ("LazyInstanceNorm1d", (), {}, (5, 6, 7)),
    ("LazyInstanceNorm2d", (), {"affine": False}, (5, 6, 4, 3)),
    ("LazyInstanceNorm3d", (), {"track_running_stats": False}, (2, 6, 4, 3, 2)),
]
IDS = [f"{name}{i}" for i, (name, *_) in enumerate(LAYERS)]
by_layer = pytest.mark.parametrize(("name", "args", "kwargs", "shape"), LAYERS, ids=IDS)


def pair(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Our layer and torch's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that its lazy layers are experimental
        return getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)


def randomize(ours: Any, theirs: Any, seed: int = 0) -> None:
    """The same random parameters in both."""
    rng = np.random.default_rng(seed)
    for key in ("weight", "bias"):
        current = getattr(ours, key, None)
        if isinstance(current, np.ndarray):
            current[...] = rng.normal(size=current.shape)
            with torch.no_grad():
                getattr(theirs, key).copy_(torch.from_numpy(current))


def sample(shape: tuple[int, ...], seed: int, layout: str = "contiguous") -> Array:
    x = np.random.default_rng(seed).normal(1.0, 2.0, shape).astype(np.float32)
    if layout == "channels_last" and x.ndim > 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    if layout == "sliced":
        return np.repeat(x, 2, axis=-1)[..., ::2]
    return x


def assert_same_state(ours: Any, theirs: Any) -> None:
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    for key, value in other.items():
        assert mine[key].shape == tuple(value.shape)
        assert str(mine[key].dtype) == str(value.dtype).removeprefix("torch.")
        np.testing.assert_allclose(mine[key], value.numpy(), rtol=2e-5, atol=2e-6, err_msg=key)


@by_layer
def test_repr_and_initial_state(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours, theirs = pair(name, args, kwargs)
    assert repr(ours) == repr(theirs)
    assert ours.training is theirs.training is True
    if not name.startswith("Lazy"):
        assert_same_state(ours, theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@by_layer
@sweep(layout=["contiguous", "channels_last", "sliced"])
def test_steps(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...], layout: str
) -> None:
    """Three training calls, then evaluation: results, repr and every buffer after each."""
    ours, theirs = pair(name, args, kwargs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(5):
            x = sample(shape, step, layout)
            if step == 1:
                randomize(ours, theirs)
            if step == 3:
                ours.eval(), theirs.eval()
            y = ours(x)
            with torch.inference_mode():
                expected = theirs(torch.from_numpy(np.ascontiguousarray(x))).numpy()
            assert y.dtype == x.dtype
            np.testing.assert_allclose(y, expected, rtol=2e-5, atol=2e-5)
            assert repr(ours) == repr(theirs)
            assert_same_state(ours, theirs)


@by_layer
@sweep(dtype=[np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_dtypes(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...], dtype: Any
) -> None:
    """Parameters stay float32: what torch does in float64, rounded to the dtype of the input."""
    ours, theirs = pair(name, args, kwargs)
    x = sample(shape, 0).astype(dtype)
    y = ours(x)
    assert y.dtype == x.dtype
    with torch.inference_mode():
        expected = theirs.double()(torch.from_numpy(x.astype(np.float64))).numpy()
    unit = {2: 2e-2 if dtype is ml_dtypes.bfloat16 else 2e-3, 8: 1e-6}[x.itemsize]
    np.testing.assert_allclose(y.astype(np.float64), expected, rtol=unit, atol=unit)


@by_layer
def test_out_copies_and_pickles(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours = getattr(nn, name)(*args, **kwargs)
    x = sample(shape, 0)
    ours(x)
    ours.eval()
    y = ours(x)
    for twin in (copy.copy(ours), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert repr(twin) == repr(ours)
        assert np.array_equal(twin(x), y)
    out = np.empty_like(x)
    assert ours(x, out=out) is out
    assert np.array_equal(out, y)


@by_layer
def test_loads_a_torch_state_dict(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...]
) -> None:
    ours, theirs = pair(name, args, kwargs)
    x = sample(shape, 3)
    theirs(torch.from_numpy(x))
    result = ours.load_state_dict(theirs.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    theirs.eval(), ours.eval()
    with torch.inference_mode():
        np.testing.assert_allclose(ours(x), theirs(torch.from_numpy(x)).numpy(), rtol=2e-5, atol=2e-5)


# layer, arguments, shape of an input: accepted or refused by both alike
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("BatchNorm1d", (4,), {}, (4,)),
    ("BatchNorm1d", (4,), {}, (1, 4)),
    ("BatchNorm1d", (4,), {}, (2, 3)),
    ("BatchNorm1d", (4,), {}, (0, 4)),
    ("BatchNorm1d", (4,), {}, (2, 4, 3, 3)),
    ("BatchNorm2d", (4,), {}, (2, 4, 3)),
    ("BatchNorm2d", (4,), {}, (1, 4, 1, 1)),
    ("BatchNorm2d", (4,), {"eps": 0.0}, (2, 4, 3, 3)),
    ("BatchNorm2d", (4,), {"eps": -1.0}, (2, 4, 3, 3)),
    ("BatchNorm3d", (4,), {}, (2, 4, 3, 3)),
    ("InstanceNorm1d", (4,), {}, (2, 4, 1)),
    ("InstanceNorm1d", (4,), {}, (2, 4, 0)),
    ("InstanceNorm1d", (4,), {"affine": True}, (2, 5, 3)),
    ("InstanceNorm1d", (4,), {}, (2, 5, 3)),
    ("InstanceNorm1d", (4,), {}, (3,)),
    ("InstanceNorm2d", (4,), {}, (3, 3)),
    ("InstanceNorm2d", (4,), {"track_running_stats": True}, (2, 5, 3, 3)),
    ("LayerNorm", (4,), {}, (2, 5)),
    ("LayerNorm", (4,), {}, ()),
    ("LayerNorm", ((2, 4),), {}, (4,)),
    ("LayerNorm", (4,), {}, (0, 4)),
    ("RMSNorm", (4,), {}, (2, 5)),
    ("GroupNorm", (2, 4), {}, (4,)),
    ("GroupNorm", (2, 4), {}, (2, 6, 3)),
    ("GroupNorm", (4, 4), {}, (1, 4, 1)),
    ("GroupNorm", (4, 4), {}, (2, 4, 1)),
    ("GroupNorm", (-1, 4), {}, (2, 4, 1)),
    ("LocalResponseNorm", (2,), {}, (2, 4)),
    ("LocalResponseNorm", (0,), {}, (2, 4, 3)),
    ("CrossMapLRN2d", (2,), {}, (2, 4, 3)),
    ("LazyBatchNorm1d", (), {}, (4,)),
    ("LazyBatchNorm2d", (), {}, (2, 4, 3)),
]


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), CALLS, ids=[f"{c[0]}{c[3]}" for c in CALLS])
@pytest.mark.filterwarnings("ignore")
@sweep(training=[True, False])
def test_calls_are_refused_alike(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: tuple[int, ...], training: bool
) -> None:
    ours, theirs = pair(name, args, kwargs)
    ours.train(training), theirs.train(training)
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    before = {k: np.copy(v) for k, v in ours.state_dict().items()}
    try:
        theirs(torch.from_numpy(x.copy()))
    except Exception:
        with pytest.raises((ValueError, TypeError)):
            ours(x)
        after = ours.state_dict()
        assert all(np.array_equal(before[k], after[k]) for k in before if before[k].dtype != object)
    else:
        assert ours(x).shape == shape


BAD_CONSTRUCTORS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("BatchNorm2d", (-1,), {}),
    ("BatchNorm2d", (2.5,), {}),
    ("GroupNorm", (3, 4), {}),
    ("GroupNorm", (0, 4), {}),
    ("LayerNorm", (2.5,), {}),
    ("LayerNorm", (3,), {"device": "cuda:99"}),
    ("RMSNorm", (3,), {"dtype": "no such dtype"}),
]


@pytest.mark.parametrize(("name", "args", "kwargs"), BAD_CONSTRUCTORS)
def test_constructors_are_refused_alike(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        getattr(nn, name)(*args, **kwargs)
    with pytest.raises(Exception):  # noqa: B017  torch's types vary; that it raises is the point
        getattr(torch.nn, name)(*args, **kwargs)
