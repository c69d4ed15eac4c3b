"""transformers' models with cnorm's norms: the same logits, gradients and graphs as with their own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")
kernels = pytest.importorskip("kernels")
transformers = pytest.importorskip("transformers")
bridge = pytest.importorskip("cnorm.interop.transformers")

SIZES = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 2}
HEADS = {**SIZES, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
LINEAR = {f"linear_{what}_head_dim": 8 for what in ("key", "value")}
LINEAR |= {"linear_num_key_heads": 2, "linear_num_value_heads": 4}
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16}
EXPERTS |= {"shared_expert_intermediate_size": 16}
# Configurations, and how many norms of a model are cnorm's.
MODELS: dict[str, tuple[dict[str, Any], int]] = {
    "Llama": (HEADS, 5),
    "Qwen3": ({**HEADS, "head_dim": 8}, 9),
    "Gemma": ({**HEADS, "head_dim": 8}, 5),
    "Mamba2": ({**SIZES, "num_heads": 8, "head_dim": 8, "state_size": 8, "n_groups": 2, "chunk_size": 4}, 5),
    "Qwen3Next": (
        {
            **HEADS,
            **LINEAR,
            **EXPERTS,
            "head_dim": 8,
            "num_hidden_layers": 4,
            "shared_expert_intermediate_size": 16,
        },
        14,
    ),
}


def made(name: str) -> Any:
    """A model with weights of norms that are not all alike."""
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**MODELS[name][0])
    model = getattr(transformers, f"{name}ForCausalLM")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(torch.rand_like(parameter) * 0.2)
    return model


def replaced(model: Any) -> int:
    return sum("forward" in module.__dict__ for module in model.modules())


TOKENS = torch.arange(1, 13).reshape(2, 6)


@pytest.mark.parametrize("name", MODELS)
def test_logits(name: str) -> None:
    """Within the rounding of float32, and the tokens that follow from them."""
    model = made(name)
    ours = bridge.kernelize(copy.deepcopy(model))
    assert replaced(ours) >= MODELS[name][1]
    with torch.inference_mode():
        torch.testing.assert_close(ours(TOKENS).logits, model(TOKENS).logits, rtol=1e-4, atol=1e-5)
        given = {"max_new_tokens": 3, "do_sample": False, "pad_token_id": 0}
        assert torch.equal(ours.generate(TOKENS, **given), model.generate(TOKENS, **given))


@pytest.mark.parametrize("name", ["Llama", "Qwen3Next"])
def test_gradients(name: str) -> None:
    model = made(name)
    ours = bridge.kernelize(copy.deepcopy(model))
    for each in (model, ours):
        each(TOKENS).logits.square().sum().backward()
    for (key, a), b in zip(ours.named_parameters(), model.parameters(), strict=True):
        if b.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-4, msg=key)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_few_bits(dtype: str) -> None:
    """A wider weight makes a wider result, as in the model's own."""
    kind = getattr(torch, dtype)
    norm = made("Llama").model.norm
    ours = bridge.kernelize(copy.deepcopy(norm))
    assert replaced(ours) == 1
    for weight in (torch.float32, kind):
        x = torch.randn(3, 32).to(kind)
        with torch.inference_mode():
            y, expected = ours.to(weight)(x), norm.to(weight)(x)
        assert y.dtype is expected.dtype
        torch.testing.assert_close(y, expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("gate", [True, False])
def test_the_norm_of_mamba(gate: bool) -> None:
    """Groups, with a gate and without, and what is computed where a gradient is wanted."""
    norm = made("Mamba2").backbone.layers[0].mixer.norm
    ours = bridge.kernelize(copy.deepcopy(norm))
    assert replaced(ours) == 1
    width = norm.weight.shape[0]
    x, z = torch.randn(2, 3, width), torch.randn(2, 3, width)
    given = (x, z) if gate else (x,)
    expected = norm(*given)
    with torch.inference_mode():
        torch.testing.assert_close(ours(*given), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours(*given), expected, rtol=1e-5, atol=1e-5)
    assert ours(*given).requires_grad


def test_compiled_in_one_graph() -> None:
    model = bridge.kernelize(made("Llama"))
    torch._dynamo.reset()
    layer = torch.compile(model.model.norm, backend="aot_eager", fullgraph=True)
    x = torch.randn(2, 32)
    torch.testing.assert_close(layer(x), model.model.norm(x))


def test_the_mapping_alone() -> None:
    """As kernels takes it, of modules that say what they are."""

    class Norm(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.eps = torch.nn.Parameter(torch.rand(8)), 1e-3

        def forward(self, x: Any) -> Any:
            return torch.nn.functional.rms_norm(x, (8,), self.weight, self.eps)

    kernels.replace_kernel_forward_from_hub(Norm, "RMSNorm")
    model = Norm()
    with kernels.use_kernel_mapping(bridge.mapping(), inherit_mapping=False):
        ours = kernels.kernelize(copy.deepcopy(model), mode=kernels.Mode.INFERENCE, device="cpu")
    assert replaced(ours) == 1
    x = torch.randn(3, 8)
    torch.testing.assert_close(ours(x), model(x))
    other = copy.deepcopy(ours)
    other.weight.data.zero_()
    assert not other(x).any()


def test_what_is_no_such_norm_stays() -> None:
    class NormOfItsOwn(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.weight, self.eps = torch.nn.Parameter(torch.ones(8)), 1e-6

        def forward(self, hidden_states: Any, gate: Any) -> Any:
            return hidden_states * self.weight * gate.tanh()

    model = torch.nn.Sequential(NormOfItsOwn(), torch.nn.LayerNorm(8))
    assert replaced(bridge.kernelize(model)) == 0
    with pytest.raises(TypeError, match="model"):
        bridge.kernelize(lambda x: x)
