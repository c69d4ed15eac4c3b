"""RMSNorm classes of models: told by what they compute, accelerated, and left alone where they differ."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import cnorm.nn as nn

torch = pytest.importorskip("torch")

from cnorm.interop._models import offset_of  # noqa: E402
from cnorm.interop.torch import accelerate, from_torch, restore  # noqa: E402


class LlamaRMSNorm(torch.nn.Module):  # type: ignore[misc, unused-ignore]
    """As transformers has it, or nearly, by what is overridden."""

    offset = 0.0

    def __init__(self, n: int = 6, eps: float = 1e-3) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.rand(n) + 0.5)
        self.variance_epsilon = eps

    def scaled(self, x: Any) -> Any:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)

    def forward(self, hidden_states: Any) -> Any:
        return (self.weight + self.offset) * self.scaled(hidden_states.float()).to(hidden_states.dtype)


class GemmaRMSNorm(LlamaRMSNorm):
    offset = 1.0


class CenteredNorm(LlamaRMSNorm):
    """LayerNorm."""

    def scaled(self, x: Any) -> Any:
        return super().scaled(x - x.mean(-1, keepdim=True))


class NormWithoutEps(LlamaRMSNorm):
    def scaled(self, x: Any) -> Any:
        return x / x.pow(2).mean(-1, keepdim=True).sqrt()


class NormAcrossRows(LlamaRMSNorm):
    def scaled(self, x: Any) -> Any:
        return x * torch.rsqrt(x.pow(2).mean((-1, -2), keepdim=True) + self.variance_epsilon)


class InPlaceNorm(LlamaRMSNorm):
    def scaled(self, x: Any) -> Any:
        return x.mul_(torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


class GatedNorm(LlamaRMSNorm):
    def forward(self, hidden_states: Any, gate: Any = None) -> Any:
        return super().forward(hidden_states)


class FailingNorm(LlamaRMSNorm):
    def forward(self, hidden_states: Any) -> Any:
        raise KeyError("not on this device")


class Layer(LlamaRMSNorm):
    """The name of no norm; its forward is not tried."""

    def forward(self, hidden_states: Any) -> Any:
        raise AssertionError("tried")


class NormByRank(LlamaRMSNorm):
    def forward(self, hidden_states: Any) -> Any:
        return hidden_states if hidden_states.dim() == 2 else super().forward(hidden_states)


class NormBySize(LlamaRMSNorm):
    """The first dimension is taken for a batch."""

    def scaled(self, x: Any) -> Any:
        return super().scaled(x) if len(x) == 1 else super().scaled(x - x.mean(-1, keepdim=True))


class ClippedNorm(LlamaRMSNorm):
    def forward(self, hidden_states: Any) -> Any:
        return super().forward(hidden_states.clamp(-100, 100))


class NormOfZeroIsOne(LlamaRMSNorm):
    def scaled(self, x: Any) -> Any:
        return torch.where((x == 0).all(-1, keepdim=True), torch.ones_like(x), super().scaled(x))


class CountingNorm(LlamaRMSNorm):
    calls = 0

    def forward(self, hidden_states: Any) -> Any:
        self.calls += 1
        return super().forward(hidden_states)


class ConfiguredNorm(LlamaRMSNorm):
    """What a configuration says may change without notice."""

    def __init__(self) -> None:
        super().__init__()
        self.config = {"offset": 0.0}

    def forward(self, hidden_states: Any) -> Any:
        return self.config["offset"] + super().forward(hidden_states)


class SwitchedNorm(LlamaRMSNorm):
    """Depends on attributes, one of the class until it is set."""

    centered = False

    def __init__(self, n: int = 6, eps: float = 1e-3) -> None:
        super().__init__(n, eps)
        self.added = 0.0

    def scaled(self, x: Any) -> Any:
        return super().scaled(x - x.mean(-1, keepdim=True) if self.centered else x)

    def forward(self, hidden_states: Any) -> Any:
        return (self.weight + self.added) * self.scaled(hidden_states)


class MatricesNorm(LlamaRMSNorm):
    def forward(self, hidden_states: Any) -> Any:
        batch, rows, _ = hidden_states.shape
        return super().forward(hidden_states.reshape(batch * rows, -1)).reshape(batch, rows, -1)


class AlwaysFloatNorm(LlamaRMSNorm):
    def forward(self, hidden_states: Any) -> Any:
        return super().forward(hidden_states.float()).float()


RMS = {LlamaRMSNorm: 0.0, GemmaRMSNorm: 1.0}
OTHERS = [CenteredNorm, NormWithoutEps, NormAcrossRows, InPlaceNorm, GatedNorm, FailingNorm, Layer]
OTHERS += [NormByRank, NormBySize, ClippedNorm, NormOfZeroIsOne, CountingNorm, ConfiguredNorm]


@pytest.mark.parametrize("kind", RMS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_results(kind: Any, dtype: Any, computed: list[bool]) -> None:
    layer = kind().to(dtype).eval()
    x = (5 + torch.randn(2, 3, 6)).to(dtype)
    ours = accelerate(copy.deepcopy(layer))
    assert isinstance(ours, kind)
    with torch.inference_mode():
        expected = layer(x)
        tolerance = 8 * torch.finfo(dtype).eps
        for other in (ours, copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
            for y in (other(x), other(hidden_states=x)):
                assert torch.allclose(y, expected, rtol=tolerance, atol=tolerance)
                assert y.dtype is expected.dtype
        assert computed == [True] * 6
        ours.variance_epsilon = layer.variance_epsilon = 10.0
        assert torch.allclose(ours(x), layer(x), rtol=tolerance, atol=tolerance)
    assert torch.equal(restore(ours)(x), layer(x))
    assert type(ours) is kind


@pytest.mark.parametrize("kind", RMS)
def test_from_torch(kind: Any) -> None:
    layer = kind().eval()
    x = torch.randn(4, 6)
    for module in (layer, accelerate(copy.deepcopy(layer))):
        ours = from_torch(module)
        assert (type(ours), ours.weight_offset, ours.eps) == (nn.RMSNorm, RMS[kind], 1e-3)
        np.testing.assert_allclose(ours(x.numpy()), layer(x).detach(), rtol=1e-5)


@pytest.mark.parametrize("kind", OTHERS)
def test_what_computes_something_else_is_left_alone(kind: Any) -> None:
    assert offset_of(kind()) is None
    assert type(accelerate(kind())) is kind
    with pytest.raises(TypeError, match="module: expected a normalization layer"):
        from_torch(kind())


def test_attributes_set_later_are_seen(computed: list[bool]) -> None:
    x = 5 + torch.randn(2, 3, 6)
    for name, value, ours in [("added", 1.0, True), ("added", 0.5, False), ("centered", True, False)]:
        layer = SwitchedNorm().eval()
        fast = accelerate(copy.deepcopy(layer))
        with torch.inference_mode():
            assert torch.allclose(fast(x), layer(x), atol=1e-5)
            assert computed.pop()
            for module in (layer, fast):
                setattr(module, name, value)
            for _ in range(2):
                assert torch.allclose(fast(x), layer(x), atol=1e-5)
                assert computed.pop() is ours
            for module in (layer, fast):
                delattr(module, name) if name == "centered" else setattr(module, name, 0.0)
            assert torch.allclose(fast(x), layer(x), atol=1e-5)
            fast.hooked = [1]  # of a kind that may change without notice
            computed.clear()
            assert torch.allclose(fast(x), layer(x), atol=1e-5)
            assert computed == [False]
    assert from_torch(SwitchedNorm()).weight_offset == 0


def test_ranks_and_dtypes_that_were_not_tried_are_torchs(computed: list[bool]) -> None:
    fast = accelerate(MatricesNorm().eval())
    with torch.inference_mode():
        assert fast(torch.randn(2, 3, 6)).shape == (2, 3, 6)
        with pytest.raises(ValueError, match="unpack"):
            fast(torch.randn(3, 6))
    assert computed == [True, False]
    computed.clear()
    half = accelerate(AlwaysFloatNorm().half().eval())
    deep = accelerate(LlamaRMSNorm().eval())
    with torch.inference_mode():
        assert half(torch.randn(2, 6).half()).dtype is torch.float32
        assert deep(torch.randn(1, 1, 1, 1, 2, 6)).shape == (1, 1, 1, 1, 2, 6)
    assert computed == [False, False]


def test_trials_leave_no_trace() -> None:
    layer = CountingNorm().eval()
    state = torch.get_rng_state()
    accelerate(layer)
    layer(torch.randn(2, 6, generator=torch.Generator()))
    assert layer.calls == 1
    assert torch.equal(torch.get_rng_state(), state)


def test_more_parameters_or_none() -> None:
    for name in ("weight", "bias"):
        layer = LlamaRMSNorm()
        layer.register_parameter(name, None if name == "weight" else torch.nn.Parameter(torch.ones(6)))
        assert offset_of(layer) is None
    assert offset_of(LlamaRMSNorm(0)) is None


def test_what_promotes_its_result_is_torchs(computed: list[bool]) -> None:
    """A wide weight makes a narrow input wide."""
    layer = accelerate(LlamaRMSNorm().eval())
    with torch.inference_mode():
        assert layer(torch.randn(2, 6).half()).dtype is torch.float32
    assert computed == [False]
    layer(torch.randn(2, 6)).sum().backward()
    assert layer.weight.grad is not None
    assert computed == [False, False]
