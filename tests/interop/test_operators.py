"""torch.ops.cnorm: values, gradients, what tracers see, and accelerated models compiled in one graph."""

from __future__ import annotations

import copy
import inspect
from functools import partial
from typing import Any

import pytest

torch = pytest.importorskip("torch")
bridge = pytest.importorskip("cnorm.interop.torch")

tn, TF = torch.nn, torch.nn.functional
F32, F64 = torch.float32, torch.float64


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Compiled code of other tests is not met again."""
    torch._dynamo.reset()


def values(*shape: int, dtype: Any = F64, grad: bool = True) -> Any:
    random = torch.Generator().manual_seed(sum(shape))
    return (torch.rand(shape, generator=random, dtype=F64) * 2 - 0.7).to(dtype).requires_grad_(grad)


def cases(dtype: Any = F64, grad: bool = True) -> dict[str, tuple[str, tuple[Any, ...], Any]]:
    """An operator, its arguments, and torch's function of the same."""

    def given(*shape: int) -> Any:
        return values(*shape, dtype=dtype, grad=grad)

    x, maps, c = given(2, 3, 8), given(2, 4, 3, 5), given(4)
    moved = x.detach().transpose(0, 1).requires_grad_(grad)
    last = maps.detach().contiguous(memory_format=torch.channels_last).requires_grad_(grad)
    instance = lambda x, w=None, b=None, eps=1e-5: TF.instance_norm(x, None, None, w, b, eps=eps)  # noqa: E731
    return {
        "layer": ("layer_norm", (x, [8], given(8), given(8), 1e-3), TF.layer_norm),
        "layer, bare": ("layer_norm", (x, [3, 8]), TF.layer_norm),
        "layer, transposed": ("layer_norm", (moved, [8], None, given(8)), TF.layer_norm),
        "rms": ("rms_norm", (x, [8], given(8)), TF.rms_norm),
        "rms, two axes": ("rms_norm", (x, [3, 8], given(3, 8), 1e-3), TF.rms_norm),
        "rms, transposed": ("rms_norm", (moved, [8]), TF.rms_norm),
        "group": ("group_norm", (maps, 2, c, given(4), 1e-3), TF.group_norm),
        "group, bare": ("group_norm", (maps, 4), TF.group_norm),
        "group, channels-last": ("group_norm", (last, 2, c), TF.group_norm),
        "instance": ("instance_norm", (maps, c, given(4), 1e-3), instance),
        "instance, channels-last": ("instance_norm", (last,), instance),
    }


every = pytest.mark.parametrize("name", cases())


@every
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_values_and_strides_are_torchs(name: str, dtype: str) -> None:
    kind, arguments, theirs = cases(getattr(torch, dtype), grad=False)[name]
    y, expected = getattr(bridge.ops(), kind)(*arguments), theirs(*arguments)
    tolerance = {"float64": 1e-12, "float32": 1e-5}.get(dtype, 3e-2)
    torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance, check_stride=True)


@every
def test_gradients(name: str) -> None:
    """Against differences, and against torch's; second derivatives, too."""
    kind, arguments, theirs = cases()[name]
    operator = getattr(bridge.ops(), kind)
    wanted = [a for a in arguments if isinstance(a, torch.Tensor)]

    def called(*tensors: Any, function: Any = operator) -> Any:
        left = iter(tensors)
        return function(*(next(left) if isinstance(a, torch.Tensor) else a for a in arguments))

    assert torch.autograd.gradcheck(called, wanted)
    assert torch.autograd.gradgradcheck(called, wanted)
    upstream = torch.randn_like(called(*wanted))
    ours = torch.autograd.grad(called(*wanted), wanted, upstream)
    expected = torch.autograd.grad(called(*wanted, function=theirs), wanted, upstream)
    for a, b in zip(ours, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@every
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradients_in_few_bits(name: str, dtype: str) -> None:
    """In the dtypes of what they belong to, as close as torch's."""
    kind, arguments, theirs = cases(getattr(torch, dtype))[name]
    wanted = [a for a in arguments if isinstance(a, torch.Tensor)]
    y = getattr(bridge.ops(), kind)(*arguments)
    ours = torch.autograd.grad(y.sum(), wanted)
    expected = torch.autograd.grad(theirs(*arguments).sum(), wanted)
    for a, b, value in zip(ours, expected, wanted, strict=True):
        assert a.dtype is value.dtype
        tolerance = 1e-4 if dtype == "float32" else 1e-1
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@every
@pytest.mark.parametrize("grad", [False, True])
def test_torchs_own_check(name: str, grad: bool) -> None:
    kind, arguments, _ = cases(grad=grad)[name]
    done = torch.library.opcheck(getattr(bridge.ops(), kind).default, arguments)
    assert set(done.values()) == {"SUCCESS"}
    assert len(done) == 4


def test_asked_for_again() -> None:
    assert bridge.ops() is bridge.ops() is torch.ops.cnorm
    told = " ".join((inspect.getdoc(bridge.ops) or "").split())
    for name in ("layer_norm", "rms_norm", "group_norm", "instance_norm"):
        schema = getattr(torch.ops.cnorm, name).default._schema
        assert f"{schema.name}(" in told
        assert all(f"{a.name}" in told for a in schema.arguments)


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(TypeError, match="input: "):
        bridge.ops().layer_norm(torch.ones(2, 3, dtype=torch.int32), [3])
    with pytest.raises(ValueError, match="normalized_shape"):
        bridge.ops().layer_norm(torch.ones(2, 3), [4])
    with pytest.raises(NotImplementedError):
        bridge.ops().layer_norm(torch.ones(2, 3).to_sparse(), [3])
    assert bridge.ops().layer_norm(torch.ones(2, 3, device="meta"), [3]).shape == (2, 3)


def test_transforms() -> None:
    """vmap goes over rows; modes of torch see the operator."""
    x = values(4, 3, 8, grad=False)
    each = torch.vmap(lambda row: bridge.ops().layer_norm(row, [8]))(x)
    torch.testing.assert_close(each, TF.layer_norm(x, [8]))
    made = torch.fx.experimental.proxy_tensor.make_fx(lambda t: bridge.ops().rms_norm(t, [8]))(x)
    assert "cnorm.rms_norm" in made.code
    torch.testing.assert_close(made(x), TF.rms_norm(x, [8]))


class Attention(tn.Module):  # type: ignore[misc, name-defined]
    """One layer of BERT: attention and two products, a LayerNorm after each."""

    def __init__(self, size: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = tn.Linear(size, 3 * size), tn.Linear(size, size)
        self.up, self.down = tn.Linear(size, 2 * size), tn.Linear(2 * size, size)
        self.first, self.second = tn.LayerNorm(size), tn.LayerNorm(size, eps=1e-12)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = TF.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.first(x + self.out(mixed))
        return self.second(x + self.down(TF.gelu(self.up(x))))


class Block(tn.Module):  # type: ignore[misc, name-defined]
    """One block of a ResNet with a norm of any kind."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.one, self.two = (tn.Conv2d(8, 8, 3, padding=1, bias=False) for _ in range(2))
        self.first, self.second = norm(), norm()

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.first(self.one(x)))
        return torch.relu(x + self.second(self.two(y))).flatten(2).mean(-1)


batch, IMAGE = partial(tn.BatchNorm2d, 8), (2, 3, 9, 9)
MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "BERT": (lambda: tn.Sequential(tn.Linear(16, 32), Attention(), Attention(), tn.RMSNorm(32)), (2, 7, 16)),
    "ResNet": (
        lambda: tn.Sequential(tn.Conv2d(3, 8, 3), Block(batch), tn.Linear(8, 5), tn.LayerNorm(5)),
        IMAGE,
    ),
    "GroupNorm": (lambda: Block(lambda: tn.GroupNorm(2, 8)), (2, 8, 9, 9)),
    "InstanceNorm": (lambda: Block(lambda: tn.InstanceNorm2d(8, affine=True)), (2, 8, 9, 9)),
}


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("name", MODELS)
def test_accelerated_models_compile(name: str, backend: str) -> None:
    """In one graph, which holds the operators of its layers, with torch's results."""
    make, shape = MODELS[name]
    bridge.ops()
    torch.manual_seed(0)
    model, x = make().eval(), torch.randn(shape)
    ours = bridge.accelerate(copy.deepcopy(model))
    seen: list[str] = []

    def watching(graph: Any, inputs: Any) -> Any:
        seen.append(graph.code)
        return torch._dynamo.lookup_backend(backend)(graph, inputs)

    with torch.inference_mode():
        y = torch.compile(ours, backend=watching, fullgraph=True)(x)
        torch.testing.assert_close(y, model(x), rtol=1e-4, atol=1e-5)
    layers = [type(layer)._operator for layer in ours.modules() if isinstance(layer, bridge.Accelerated)]
    found = " ".join(seen)
    for operator in ("layer_norm", "rms_norm", "group_norm", "instance_norm"):
        assert found.count(f"torch.ops.cnorm.{operator}") == layers.count(operator)


def test_training_stays_torchs() -> None:
    bridge.ops()
    model = bridge.accelerate(tn.Sequential(tn.Linear(6, 6), tn.LayerNorm(6)).eval())
    x = torch.randn(4, 6)
    torch.compile(model, backend="aot_eager", fullgraph=True)(x).sum().backward()
    assert model[0].weight.grad is not None


def test_export() -> None:
    bridge.ops()
    x = torch.randn(4, 6)
    model = tn.Sequential(tn.Linear(6, 6), tn.RMSNorm(6)).eval().requires_grad_(False)
    expected = model(x)
    made = torch.export.export(bridge.accelerate(model), (x,), dynamic_shapes=[{0: torch.export.Dim("rows")}])
    assert "cnorm.rms_norm" in str(made.graph)
    torch.testing.assert_close(made.module()(x), expected)
    assert made.module()(torch.randn(7, 6)).shape == (7, 6)
