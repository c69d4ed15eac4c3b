"""torch's layers as ours, and torch models whose norms cnorm computes: results, layouts, fallbacks."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn

torch = pytest.importorskip("torch")
_accelerated = pytest.importorskip("cnorm.interop._accelerated")
_operators = pytest.importorskip("cnorm.interop._operators")

from bench.torch_models import models  # noqa: E402
from cnorm.interop import _sizes  # noqa: E402
from cnorm.interop.torch import accelerate, from_torch, restore  # noqa: E402

tn = torch.nn
LAYERS = {
    "LayerNorm": (tn.LayerNorm(6, eps=1e-3), (2, 8, 4, 6)),
    "LayerNorm, no bias": (tn.LayerNorm((4, 6), bias=False), (2, 8, 4, 6)),
    "RMSNorm": (tn.RMSNorm(6), (2, 8, 4, 6)),
    "GroupNorm": (tn.GroupNorm(2, 8), (2, 8, 4, 6)),
    "GroupNorm, plain": (tn.GroupNorm(4, 8, affine=False), (2, 8, 4)),
    "BatchNorm1d": (tn.BatchNorm1d(8, momentum=None), (2, 8)),
    "BatchNorm2d": (tn.BatchNorm2d(8), (2, 8, 4, 6)),
    "BatchNorm2d, batch statistics": (tn.BatchNorm2d(8, track_running_stats=False), (2, 8, 4, 6)),
    "BatchNorm3d": (tn.BatchNorm3d(8, affine=False), (2, 8, 3, 4, 6)),
    "SyncBatchNorm": (tn.SyncBatchNorm(8), (2, 8, 4)),
    "InstanceNorm1d": (tn.InstanceNorm1d(8, affine=True), (2, 8, 4)),
    "InstanceNorm2d": (tn.InstanceNorm2d(8), (2, 8, 4, 6)),
    "InstanceNorm2d, one sample": (tn.InstanceNorm2d(8), (8, 4, 6)),
    "InstanceNorm3d": (tn.InstanceNorm3d(8, track_running_stats=True), (2, 8, 3, 4, 6)),
    "LocalResponseNorm": (tn.LocalResponseNorm(3, alpha=0.1), (2, 8, 4, 6)),
    "CrossMapLRN2d": (tn.modules.normalization.CrossMapLRN2d(3, alpha=0.1), (2, 8, 4, 6)),
}
by_layer = pytest.mark.parametrize("name", LAYERS)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}


def example(name: str, dtype: Any = torch.float32) -> tuple[Any, Any]:
    """A layer with parameters and statistics of its own, and an input."""
    torch.manual_seed(0)
    layer, shape = LAYERS[name]
    layer = copy.deepcopy(layer).eval()
    for tensor in layer.state_dict().values():
        if tensor.dtype.is_floating_point:
            tensor.uniform_(0.5, 1.5)
    return layer.to(dtype), torch.randn(shape).to(dtype)


@by_layer
def test_from_torch(name: str) -> None:
    layer, x = example(name)
    ours = from_torch(layer)
    assert type(ours) is getattr(nn, type(layer).__name__)
    with torch.no_grad():
        np.testing.assert_allclose(ours(x.numpy()), layer(x), atol=2e-6)
        if "BatchNorm" in name:
            np.testing.assert_allclose(ours.train()(x.numpy()), layer.train()(x), atol=2e-6)
    for key, value in layer.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value, rtol=1e-6)


def test_from_torch_copies() -> None:
    layer, _ = example("BatchNorm2d", torch.float16)
    ours = from_torch(layer.train())
    assert ours.training
    assert ours.weight.dtype == np.float16
    with torch.no_grad():
        layer.weight.fill_(7)
    layer.running_mean.fill_(7)
    assert not (ours.weight == 7).any()
    assert not (ours.running_mean == 7).any()


def test_from_torch_takes_lazy_frozen_and_accelerated_layers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lazy = from_torch(tn.LazyBatchNorm1d(eps=0.1))
    assert type(lazy) is nn.LazyBatchNorm1d
    assert lazy(np.ones((3, 5), np.float32)).shape == (3, 5)

    class FrozenBatchNorm2d(tn.Module):
        eps = 0.5

    frozen = FrozenBatchNorm2d()
    for i, key in enumerate(("weight", "bias", "running_mean", "running_var")):
        frozen.register_buffer(key, torch.full((3,), i + 1.0))
    ours = from_torch(frozen)
    x = np.ones((1, 3, 2, 2), np.float32)
    np.testing.assert_allclose(ours(x), (x - 3) / np.sqrt(4.5) + 2, rtol=1e-6)
    assert type(from_torch(accelerate(tn.LayerNorm(3)))) is nn.LayerNorm


class Own(tn.LayerNorm):
    """A subclass that computes something else."""

    def forward(self, input: Any) -> Any:
        return super().forward(input) + 1


class Named(tn.LayerNorm):
    """A subclass that computes the same."""


def test_other_modules() -> None:
    for module in (tn.Linear(2, 2), Own(3), None):
        with pytest.raises(TypeError, match="module: expected a normalization layer"):
            from_torch(module)
    for function in (accelerate, restore):
        with pytest.raises(TypeError, match="model: expected a torch"):
            function([])
    assert type(from_torch(Named(3))) is nn.LayerNorm
    model = accelerate(tn.Sequential(Own(3), Named(3), tn.Linear(2, 2)))
    assert [type(m) for m in model] == [Own, Named, tn.Linear]


@by_layer
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_accelerated_layers(name: str, dtype: Any, computed: list[bool]) -> None:
    layer, x = example(name, dtype)
    with torch.no_grad():
        try:
            expected = layer(x)
        except (RuntimeError, NotImplementedError):
            pytest.skip("torch cannot either")
        ours = accelerate(copy.deepcopy(layer))
        y = ours(x)
        assert torch.allclose(y, expected, TOLERANCE[dtype], TOLERANCE[dtype])
        assert (y.dtype, y.stride()) == (x.dtype, expected.stride())
        assert computed == [True]
        y.add_(1)  # a tensor like any other


@by_layer
def test_layouts(name: str, computed: list[bool]) -> None:
    """A result has torch's strides, whatever the input's."""
    layer, x = example(name)
    ours = accelerate(copy.deepcopy(layer))
    inputs = [torch.stack([x, x], -1)[..., 0], torch.cat([x, x], 0)[::2], x.expand(3, *x.shape)[1]]
    dense = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
    if dense is not None:
        inputs += [x.to(memory_format=dense), x[:, :, ::2].to(memory_format=dense)]
    if x.dim() == 4 and x.shape[1] == 8:
        inputs.append(x.permute(0, 2, 1, 3).contiguous().permute(0, 2, 1, 3))
    with torch.no_grad():
        for t in inputs:
            try:
                expected = layer(t)
            except (RuntimeError, ValueError) as error:
                with pytest.raises(type(error)):
                    ours(t)
                continue
            y = ours(t)
            assert y.stride() == expected.stride(), t.stride()
            assert torch.allclose(y, expected, atol=2e-6)
    assert any(computed)


def test_no_copy(computed: list[bool]) -> None:
    """The layer holds the parameters' memory, and sees what becomes of it."""
    layer, x = example("LayerNorm")
    ours = accelerate(layer)
    with torch.inference_mode():
        ours(x)
        held = ours.__dict__[_accelerated.HELD].layer
        assert held.weight.ctypes.data == layer.weight.data_ptr()
        layer.weight.data.mul_(2)
        first = ours(x)
        layer.weight.data = layer.weight.data * 2
        second = ours(x)
        layer.eps = 10.0
        third = ours(x)
        assert torch.allclose(third, restore(copy.deepcopy(layer))(x), atol=1e-6)
    assert torch.allclose(second - layer.bias, 2 * (first - layer.bias), atol=1e-6)
    assert computed == [True] * 4


class Doubled(tn.Module):
    def forward(self, weight: Any) -> Any:
        return 2 * weight


def test_parameters_that_come_and_go(computed: list[bool]) -> None:
    layer, x = example("LayerNorm")
    ours = accelerate(layer)
    with torch.no_grad():
        full = ours(x)
        bias = layer.bias
        layer.bias = None
        assert torch.allclose(ours(x), full - bias, atol=1e-6)
        layer.bias = bias
        assert torch.equal(ours(x), full)
        assert all(computed)
        torch.nn.utils.parametrize.register_parametrization(ours, "weight", Doubled())
        first = ours(x)
        ours.parametrizations.weight.original.zero_()
        assert torch.allclose(first - bias, 2 * (full - bias), atol=1e-6)
        assert torch.equal(ours(x), bias.expand(x.shape))
        assert computed[-2:] == [False, False]


def test_changed_sixteen_bit_parameters_are_seen(computed: list[bool]) -> None:
    layer, x = example("LayerNorm", torch.bfloat16)
    ours = accelerate(layer)
    with torch.no_grad():
        first = ours(x)
        layer.weight.zero_()
        layer.bias.zero_()
        assert first.any()
        assert not ours(x).any()
    assert computed == [True, True]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own calls
def test_what_stays_torchs(computed: list[bool]) -> None:
    layer, x = example("BatchNorm2d")
    ours = accelerate(layer)
    ours(x)  # parameters need gradients
    with torch.no_grad():
        ours.train()(x)
        ours.eval()
        ours(x[:0])
        with torch.autocast("cpu", torch.bfloat16):
            ours(x)
        torch.func.vmap(ours)(x[None])
        with torch.autograd.forward_ad.dual_level():
            dual = torch.autograd.forward_ad.make_dual(x, x)
            assert torch.autograd.forward_ad.unpack_dual(ours(dual)).tangent is not None
        with pytest.raises(RuntimeError):
            ours(x.to(torch.complex64))
        with pytest.raises((RuntimeError, ValueError)):
            ours(x[:, :3])
    assert not any(computed)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    ours(x)
    assert computed[-1]
    ours(x.clone().requires_grad_()).sum().backward()
    assert not computed[-1]


def test_gradients_are_torchs(computed: list[bool]) -> None:
    layer, x = example("LayerNorm")
    ours = accelerate(copy.deepcopy(layer))
    for model in (layer, ours):
        (model(x) ** 2).sum().backward()
    assert torch.equal(layer.weight.grad, ours.weight.grad)
    assert computed == [False]


@pytest.mark.parametrize("name", ["LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm2d", "InstanceNorm2d"])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_bits_are_those_of_the_layer(name: str, rows: int, computed: list[bool]) -> None:
    """Rows are fetched early in an accelerated one: that is not seen in the result."""
    shape = {"LayerNorm": (rows, 768), "RMSNorm": (rows, 768)}.get(name, (2, 8, rows, 5))
    arguments = {"GroupNorm": (2, 8), "BatchNorm2d": (8,), "InstanceNorm2d": (8,)}.get(name, (768,))
    layer = getattr(tn, name)(*arguments).eval()
    x = torch.randn(shape) + 3
    expected = from_torch(layer)(x)
    with torch.inference_mode():
        assert torch.equal(accelerate(layer)(x), expected)
    assert computed == [True]


@pytest.mark.filterwarnings("ignore")
def test_tracers_see_torchs_operators(computed: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_operators, "_LIBRARY", {})  # as before anybody asks for ours
    layer, x = example("LayerNorm")
    ours = accelerate(tn.Sequential(layer))
    with torch.no_grad():
        expected = restore(copy.deepcopy(ours))(x)
        made = [
            torch.jit.trace(ours, x, check_trace=False),
            torch.export.export(ours, (x,)).module(),
            torch.fx.experimental.proxy_tensor.make_fx(ours)(x),
            torch.compile(ours, backend="eager", fullgraph=True),
            torch.jit.script(ours),
        ]
        assert not any(computed)
        for model in made:
            assert torch.equal(model(x), expected)


def test_a_model_stays_what_it_was() -> None:
    model = tn.Sequential(tn.Linear(6, 6), tn.LayerNorm(6), tn.BatchNorm1d(4)).eval()
    keys, text = list(model.state_dict()), repr(model)
    layer = model[1]
    assert accelerate(accelerate(model)) is model
    assert model[1] is layer
    assert isinstance(layer, tn.LayerNorm)
    assert list(model.state_dict()) == keys
    x = torch.randn(2, 4, 6)
    with torch.inference_mode():
        expected = model(x)
        for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            assert type(other[1]) is type(layer)
            assert torch.equal(other(x), expected)
    assert restore(model) is model
    assert repr(model) == text
    assert type(layer) is tn.LayerNorm
    assert not any("cnorm" in key for module in model for key in module.__dict__)


@pytest.mark.parametrize("name", list(models(small=True)))
def test_models(name: str, computed: list[bool]) -> None:
    model, x = models(small=True)[name]
    with torch.inference_mode():
        expected = model(x)
        y = accelerate(model)(x)
        assert torch.allclose(y, expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert all(computed)
    assert len(computed) > 2
    assert torch.equal(restore(model)(x), expected)


@pytest.mark.parametrize("name", ["Bert", "Llama"])
def test_transformers(name: str, computed: list[bool]) -> None:
    """LayerNorm is torch's class there, RMSNorm the model's own."""
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=100,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,  # of Llama
        intermediate_size=96,
    )
    model = getattr(transformers, f"{name}Model")(config).eval()
    tokens = torch.randint(0, 100, (2, 9))
    with torch.inference_mode():
        expected = model(tokens).last_hidden_state
        y = accelerate(model)(tokens).last_hidden_state
    assert torch.allclose(y, expected, atol=1e-5)
    assert computed == [True] * 5


def test_small_inputs_are_torchs() -> None:
    """The rule of sizes itself, without the fixture."""
    layer, wide = (accelerate(tn.LayerNorm(64).eval().to(dtype)) for dtype in (torch.float32, torch.float64))
    with torch.no_grad():
        assert _accelerated.normalized(wide, torch.randn(2, 64).double()) is None
        assert _accelerated.normalized(wide, torch.randn(32768, 64).double()) is not None
        assert _accelerated.normalized(layer, torch.randn(2, 64)) is not None
        assert _accelerated.normalized(layer, torch.randn(64, 2).t()) is None
        permuted = torch.randn(64, 32768).t()
        assert _accelerated.normalized(layer, permuted).is_contiguous()
    assert _sizes.smallest("SyncBatchNorm", False) == {"float32": 1, "float64": 1}
    assert _sizes.smallest("RMSNorm", True) == {}
