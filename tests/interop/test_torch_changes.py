"""Changes of an accelerated layer after its first call are seen: attributes, memory, fusing, any shape."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweep import sweep

torch = pytest.importorskip("torch")

from cnorm.interop.torch import accelerate, restore  # noqa: E402

tn = torch.nn
LAYERS = {
    "LayerNorm": (lambda: tn.LayerNorm(6, eps=1e-3), (2, 8, 4, 6)),
    "LayerNorm, two axes": (lambda: tn.LayerNorm((4, 6)), (2, 8, 4, 6)),
    "RMSNorm": (lambda: tn.RMSNorm(6), (2, 8, 4, 6)),
    "RMSNorm, plain": (lambda: tn.RMSNorm((4, 6), elementwise_affine=False), (2, 8, 4, 6)),
    "GroupNorm": (lambda: tn.GroupNorm(2, 8), (2, 8, 4, 6)),
    "GroupNorm, plain": (lambda: tn.GroupNorm(4, 8, affine=False), (2, 8, 4)),
    "BatchNorm1d": (lambda: tn.BatchNorm1d(8), (3, 8)),
    "BatchNorm2d": (lambda: tn.BatchNorm2d(8), (2, 8, 4, 6)),
    "BatchNorm2d, batch statistics": (lambda: tn.BatchNorm2d(8, track_running_stats=False), (2, 8, 4, 6)),
    "InstanceNorm1d": (lambda: tn.InstanceNorm1d(8, affine=True), (2, 8, 4)),
    "InstanceNorm2d": (lambda: tn.InstanceNorm2d(8, track_running_stats=True), (2, 8, 4, 6)),
    "LocalResponseNorm": (lambda: tn.LocalResponseNorm(3, alpha=0.1), (2, 8, 4, 6)),
    "CrossMapLRN2d": (lambda: tn.modules.normalization.CrossMapLRN2d(3, alpha=0.1), (2, 8, 4, 6)),
}
WARNED = pytest.mark.filterwarnings("ignore:input.*num_features")  # of InstanceNorm
by_layer = pytest.mark.parametrize("name", LAYERS)
OTHERS: dict[str, list[Any]] = {
    "eps": [0.5, 2],
    "num_groups": [1, 4, 3],
    "num_channels": [5],
    "num_features": [5],
    "normalized_shape": [(6,), (4, 6), (8, 4, 6), (5,), torch.Size([6])],
    "elementwise_affine": [True, False],
    "affine": [True, False],
    "track_running_stats": [True, False],
    "momentum": [0.3, None],
    "size": [5, 2],
    "alpha": [0.5],
    "beta": [0.1],
    "k": [3.0],
}


def pair(name: str) -> tuple[Any, Any, Any]:
    """A layer of torch's, the same accelerated, and an input; both have been called."""
    torch.manual_seed(0)
    make, shape = LAYERS[name]
    layer, x = make().eval(), torch.randn(shape)
    for tensor in layer.state_dict().values():
        if tensor.dtype.is_floating_point:
            tensor.uniform_(0.5, 1.5)
    ours = accelerate(copy.deepcopy(layer))
    with torch.inference_mode():
        ours(x)
    return layer, ours, x


def outcome(layer: Any, x: Any) -> Any:
    with torch.no_grad():
        try:
            return layer(x)
        except Exception as error:  # whatever torch has for it
            return type(error)


def agree(layer: Any, ours: Any, x: Any) -> None:
    wanted, found = outcome(layer, x), outcome(ours, x)
    if isinstance(wanted, type):
        assert found is wanted
    else:
        torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-5, equal_nan=True)


@WARNED
@by_layer
def test_changed_attributes_are_seen(name: str, computed: list[bool]) -> None:
    layer, _, _ = pair(name)
    changed = 0
    for attribute, values in OTHERS.items():
        for value in values if attribute in layer.__dict__ else []:
            layer, ours, x = pair(name)
            for module in (layer, ours):
                setattr(module, attribute, value)
            agree(layer, ours, x)
            vars(ours)[attribute] = vars(layer)[attribute] = vars(pair(name)[0])[attribute]
            agree(layer, ours, x)
            changed += 1
    assert changed
    assert sum(computed) > changed  # and most of it is ours again


MEMORY = {
    "expanded": lambda t: t[:1].expand(t.shape),
    "shortened": lambda t: t[: max(1, len(t) // 2)],
    "one": lambda t: t.flatten()[:1],
    "turned": lambda t: t.t(),
    "flat": lambda t: t.flatten(),
    "a column": lambda t: t[..., None],
    "read otherwise": lambda t: t.view(torch.int32),
    "apart": lambda t: torch.stack([t, -t], -1)[..., 0],
    "doubled": lambda t: 2 * t,
}


@by_layer
@sweep(change=MEMORY)
def test_changed_memory_is_seen(name: str, change: str) -> None:
    """Of the same address, too."""
    for tensor in ("weight", "bias", "running_mean", "running_var"):
        layer, ours, x = pair(name)
        if getattr(layer, tensor, None) is None:
            continue
        for module in (layer, ours):
            parameter = getattr(module, tensor)
            try:
                parameter.data = MEMORY[change](parameter.data)
            except RuntimeError:
                pytest.skip("of no such tensor")
        agree(layer, ours, x)


def test_a_squared_weight_that_is_turned() -> None:
    layer, ours, _ = pair("RMSNorm")
    x = torch.randn(2, 6, 6)
    for module in (layer, ours):
        module.normalized_shape = (6, 6)
        module.weight = tn.Parameter(torch.arange(36.0).reshape(6, 6))
    agree(layer, ours, x)
    for module in (layer, ours):
        module.weight.data = module.weight.data.t()
    agree(layer, ours, x)
    for module in (layer, ours):
        module.weight.data = module.weight.data.t().reshape(4, 9)
    agree(layer, ours, x)


def test_shared_memory() -> None:
    layer, ours, x = pair("GroupNorm")
    ours.share_memory()
    ours.weight.data.mul_(3)
    layer.weight.data.mul_(3)
    agree(layer, ours, x)


@st.composite
def calls(draw: Any) -> tuple[str, list[tuple[str, Any]], tuple[int, ...], Any]:
    """A layer, changes one after the other, and an input of some shape and dtype."""
    name = draw(st.sampled_from(sorted(LAYERS)))
    names = sorted(OTHERS.keys() & LAYERS[name][0]().__dict__.keys())
    one = st.sampled_from(names).flatmap(lambda n: st.tuples(st.just(n), st.sampled_from(OTHERS[n])))
    shape = list(LAYERS[name][1])
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(shape) - 1))
        shape[at : at + 1] = draw(st.sampled_from([[], [1], [0], [shape[at], 3], [5]]))
    return (
        name,
        draw(st.lists(one, max_size=3)),
        tuple(shape),
        draw(st.sampled_from([torch.float32, torch.float64])),
    )


@WARNED
def test_any_call_gives_what_torch_does(computed: list[bool]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(call=calls())
    def run(call: Any) -> None:
        name, changes, shape, dtype = call
        layer, ours, _ = pair(name)
        layer, ours, x = layer.to(dtype), ours.to(dtype), torch.randn(shape, dtype=dtype)
        for attribute, value in [("training", False), *changes]:
            for module in (layer, ours):
                setattr(module, attribute, value)
            agree(layer, ours, x)

    run()
    assert any(computed)


def test_a_changed_dtype_is_seen() -> None:
    layer = accelerate(tn.GroupNorm(2, 8).eval())
    with torch.inference_mode():
        layer(torch.randn(2, 8, 4))
        layer.double()
        assert layer(torch.randn(2, 8, 4).double()).dtype is torch.float64


SEQUENCES = [
    lambda: tn.Sequential(tn.Conv2d(3, 4, 3), tn.BatchNorm2d(4), tn.ReLU()),
    lambda: tn.Sequential(tn.Conv1d(3, 4, 3), tn.BatchNorm1d(4)),
    lambda: tn.Sequential(tn.Linear(3, 4), tn.BatchNorm1d(4)),
    lambda: tn.Sequential(tn.ConvTranspose2d(3, 4, 3), tn.BatchNorm2d(4)),
    lambda: tn.Sequential(tn.BatchNorm2d(3), tn.ReLU()),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", SEQUENCES)
@pytest.mark.parametrize("training", [False, True])
def test_fusing(make: Any, training: bool) -> None:
    fuse = torch.ao.quantization.fuse_modules_qat if training else torch.ao.quantization.fuse_modules
    plain = make().train(training)
    if not training:
        for buffer in plain.buffers():
            if buffer.dtype.is_floating_point:
                buffer.uniform_(0.5, 1.5)
    ours = accelerate(copy.deepcopy(plain))
    names = [[str(i) for i in range(len(plain))]]
    try:
        fused = fuse(plain, names)
    except Exception as error:
        with pytest.raises(type(error)):
            fuse(ours, names)
        return
    faster = fuse(ours, names)
    assert str(faster).replace("Cnorm", "") == str(fused)
    sizes = {"Conv1d": (2, 3, 5), "Linear": (2, 3)}
    x = torch.randn(sizes.get(type(plain[0]).__name__, (2, 3, 5, 5)))
    with torch.no_grad():
        torch.testing.assert_close(faster(x), fused(x), rtol=1e-5, atol=1e-5)


def test_classes_are_equal_to_those_they_stand_for() -> None:
    """As tables by exact class want it."""
    layer = accelerate(tn.LayerNorm(3))
    assert type(layer) is not tn.LayerNorm
    assert type(layer) == tn.LayerNorm  # noqa: E721
    assert tn.LayerNorm == type(layer)  # noqa: E721
    assert type(layer) != tn.RMSNorm  # noqa: E721
    assert type(layer) != type(accelerate(tn.RMSNorm(3)))  # noqa: E721
    assert {tn.LayerNorm: 1}[type(layer)] == 1
    assert type(layer) in (tn.LayerNorm,)
    assert len({type(layer), tn.LayerNorm, type(accelerate(tn.LayerNorm(5)))}) == 1

    class Below(type(layer)):  # type: ignore[misc]
        """As parametrizations make them."""

    assert Below != tn.LayerNorm
    assert Below != type(layer)  # noqa: E721
    assert len({Below, tn.LayerNorm}) == 2
    restored = restore(layer)
    assert type(restored) is tn.LayerNorm


@by_layer
def test_copies_after_a_call(name: str, computed: list[bool]) -> None:
    layer, ours, x = pair(name)
    del computed[:]
    copies = [copy.copy(ours), copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))]
    for other in copies:
        assert type(other) is type(ours)
        agree(layer, other, x)
        changed = copy.deepcopy(layer)
        for module in (changed, other):
            if "eps" in module.__dict__:
                module.eps = 0.25
        agree(changed, other, x)
    assert all(computed)
    assert len(computed) == 6
