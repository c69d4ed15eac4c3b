"""Mode, state_dict, loading all or nothing, arguments of constructors: without torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn
from cnorm.nn._module import Module

Array = np.ndarray[Any, Any]


def state(layer: Any) -> dict[str, Array]:
    return {k: np.copy(v) for k, v in layer.state_dict().items()}


def assert_state(layer: Any, expected: dict[str, Array]) -> None:
    now = layer.state_dict()
    assert list(now) == list(expected)
    assert all(np.array_equal(now[k], expected[k]) for k in expected)


def test_modes() -> None:
    layer = nn.LayerNorm(3)
    assert layer.training
    assert layer.eval() is layer
    assert not layer.training
    assert layer.train() is layer
    assert layer.training
    with pytest.raises(ValueError, match="mode"):
        layer.train("yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "strict", "error", "message"),
    [
        ({"weight": None}, True, ValueError, "missing keys"),
        ({"extra": np.ones(3)}, True, ValueError, "unexpected keys"),
        ({"bias": np.ones(4)}, True, ValueError, "bias: expected shape"),
        ({"bias": np.ones((3, 1))}, False, ValueError, "bias: expected shape"),
        ({"running_var": np.array(["a", "b", "c"])}, True, TypeError, "running_var"),
    ],
)
def test_nothing_is_loaded_after_an_error(
    change: dict[str, Any], strict: bool, error: type[Exception], message: str
) -> None:
    layer = nn.BatchNorm2d(3)
    before = state(layer)
    new = {k: v + 7 for k, v in before.items()} | change
    new = {k: v for k, v in new.items() if v is not None}
    with pytest.raises(error, match=message):
        layer.load_state_dict(new, strict)
    assert_state(layer, before)


def test_load() -> None:
    layer = nn.BatchNorm1d(3)
    new = {k: v + 7 for k, v in state(layer).items()}
    weight = layer.weight
    assert repr(layer.load_state_dict(new)) == "<All keys matched successfully>"
    assert_state(layer, new)
    assert layer.weight is weight, "values are copied into the arrays there are"
    found = layer.load_state_dict({"bias": np.zeros(3), "other": np.ones(1)}, strict=False)
    assert found.missing_keys == ["weight", "running_mean", "running_var"]
    assert found.unexpected_keys == ["other"]
    assert "IncompatibleKeys" in repr(found)
    with pytest.raises(TypeError, match="state_dict"):
        layer.load_state_dict([1, 2])  # type: ignore[arg-type]


def test_old_checkpoints_lack_the_number_of_batches() -> None:
    layer = nn.BatchNorm2d(3)
    old = state(layer)
    del old["num_batches_tracked"]
    layer.load_state_dict(old)


def test_reset() -> None:
    layer = nn.BatchNorm1d(3)
    fresh = state(layer)
    layer(np.random.default_rng(0).normal(size=(8, 3)))
    layer.weight[...] = 5  # type: ignore[index]
    layer.reset_running_stats()
    assert layer.weight[0] == 5  # type: ignore[index]
    layer.reset_parameters()
    assert_state(layer, fresh)


def test_lazy_layers_load_before_the_first_call() -> None:
    source = nn.BatchNorm1d(3)
    source.weight[...] = 4  # type: ignore[index]
    lazy = nn.LazyBatchNorm1d()
    assert "Uninitialized" in repr(lazy.state_dict()["weight"])
    lazy.load_state_dict(source.state_dict())
    assert not lazy.has_uninitialized_params()
    lazy(np.ones((2, 3)))
    assert type(lazy) is nn.BatchNorm1d
    assert lazy.num_features == 3
    assert np.array_equal(lazy.weight, source.weight)  # type: ignore[arg-type]


def test_affine_form_of_evaluation() -> None:
    rng = np.random.default_rng(0)
    layer = nn.BatchNorm2d(3)
    for value in layer.state_dict().values():
        value[...] = rng.uniform(1, 2, value.shape)
    x = rng.normal(size=(2, 3, 4, 4))
    scale, shift = layer.eval().to_affine()
    assert scale.dtype == shift.dtype == np.float64
    np.testing.assert_allclose(layer(x), x * scale[:, None, None] + shift[:, None, None], atol=1e-12)
    scale, shift = nn.BatchNorm2d(3, affine=False).to_affine()
    np.testing.assert_allclose(scale, 1, atol=1e-5)
    assert not shift.any()
    with pytest.raises(ValueError, match="running"):
        nn.BatchNorm2d(3, track_running_stats=False).to_affine()


def test_frozen() -> None:
    layer = nn.FrozenBatchNorm2d(3)
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var"]
    layer.load_state_dict(nn.BatchNorm2d(3).state_dict())  # num_batches_tracked is passed over
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    np.testing.assert_allclose(layer(x), x / np.sqrt(1 + 1e-5), atol=1e-12)
    assert repr(layer) == "FrozenBatchNorm2d(3, eps=1e-05)"
    with pytest.raises(ValueError, match="4D"):
        layer(x[0])


def test_sync_batch_norm_is_batch_norm() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3, 5))
    sync, plain = nn.SyncBatchNorm(3), nn.BatchNorm1d(3)
    assert np.array_equal(sync(x), plain(x))
    assert_state(sync, state(plain))
    with pytest.raises(ValueError, match="2D"):
        sync(np.ones(3))


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_devices(device: str) -> None:
    nn.LayerNorm(3, device="cpu")
    with pytest.raises(ValueError, match="device"):
        nn.LayerNorm(3, device=device)
    with pytest.raises(TypeError, match="dtype"):
        nn.LayerNorm(3, dtype=np.int32)


def test_base_has_no_forward() -> None:
    with pytest.raises(TypeError, match="forward"):
        Module()(np.ones(3))
    assert repr(Module()) == "Module()"


def test_a_call_is_forward() -> None:
    """Also in subclasses, whatever class in between defines it."""
    x = np.ones((2, 3), np.float32)

    class Forward(nn.LayerNorm):
        def forward(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return super().forward(input, out=out, **fused) + 1

    class Mixin:
        def forward(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return np.asarray(super().forward(input, out=out, **fused) + 2)  # type: ignore[misc]

    class Mixed(Mixin, Forward):
        pass

    class Own(nn.LayerNorm):
        def __call__(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return self.forward(input, out=out, **fused) + 4

    class OwnBelow(Own):
        def forward(self, input: Any, out: Any = None, **fused: Any) -> Array:
            return super().forward(input, out=out, **fused) + 8

    kinds: dict[type[nn.LayerNorm], int] = {nn.LayerNorm: 0, Forward: 1, Mixed: 3, Own: 4, OwnBelow: 12}
    for kind, more in kinds.items():
        assert np.all(kind(3)(x) == more)
    assert nn.LayerNorm.__call__ is nn.LayerNorm.forward


@pytest.mark.parametrize(
    "layer",
    [
        nn.LayerNorm(4),
        nn.RMSNorm(4),
        nn.GroupNorm(2, 4),
        nn.BatchNorm1d(4).eval(),
        nn.InstanceNorm1d(4, affine=True),
        nn.FrozenBatchNorm2d(4),
    ],
    ids=repr,
)
def test_keywords_reach_the_function(layer: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 4)[: 4 if "2d" in repr(layer) else 3])
    out = np.empty_like(x)
    assert layer(x, out) is out
    assert layer(x, out=out) is out
    with pytest.raises(TypeError, match="sideways"):
        layer(x, sideways=1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("SwitchNorm1d", (6, 4)), ("SwitchNorm2d", (3, 4, 5, 6)), ("SwitchNorm3d", (3, 4, 2, 3, 4))],
)
@pytest.mark.parametrize("options", [{}, {"using_moving_average": False, "momentum": 0.5}])
def test_switchnorm(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    """Names, shapes and order of the reference implementation; two steps and evaluation."""
    layer = getattr(nn, name)(4, **options)
    running = (1, 4) if name == "SwitchNorm1d" else (1, 4, 1)
    affine = (1, 4) + (1,) * (len(shape) - 2)
    logits = (2,) if name == "SwitchNorm1d" else (3,)
    assert {k: v.shape for k, v in layer.state_dict().items()} == {
        "weight": affine,
        "bias": affine,
        "mean_weight": logits,
        "var_weight": logits,
        "running_mean": running,
        "running_var": running,
    }
    assert list(layer.state_dict())[:4] == ["weight", "bias", "mean_weight", "var_weight"]
    rng = np.random.default_rng(0)
    for _ in range(2):
        y = layer(rng.normal(3, 2, shape))
        assert y.shape == shape
    assert layer.running_mean.any()
    assert layer.eval()(rng.normal(3, 2, shape)).shape == shape
    layer.reset_parameters()
    assert not layer.running_mean.any()
    assert layer.weight.all()
    assert repr(layer).startswith(name + "(4")
    with pytest.raises(ValueError, match="input"):
        layer(np.ones((*shape, 2)))


def test_switchnorm_without_batch_statistics() -> None:
    layer = nn.SwitchNorm2d(4, using_bn=False, last_gamma=True)
    assert list(layer.state_dict()) == ["weight", "bias", "mean_weight", "var_weight"]
    assert layer.mean_weight.shape == (2,)
    assert not layer(np.random.default_rng(0).normal(size=(2, 4, 3, 3))).any()
    assert nn.SwitchNorm3d(4).momentum == nn.SwitchNorm1d(4).momentum == 0.997
    assert nn.SwitchNorm2d(4).momentum == 0.9
