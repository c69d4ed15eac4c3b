"""torch's tensors in place of arrays: the bits of the same call on arrays, as tensors."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from processes import run
from reference import BFLOAT16, DTYPES
from strategies import fill
from tensors import array, same, tensor

import cnorm
import cnorm.functional as F
from bench import calls
from bench.calls_table import CALLS
from cnorm import nn
from cnorm._accept import tensors as careful

pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

F32 = np.dtype(np.float32)
TAKEN = (*F.__all__, "moments", "standardize")
EXPRESSIONS = [expression for name in TAKEN for expression in CALLS[name]]


class WithoutTable(torch.Tensor):  # type: ignore[misc, name-defined]
    """As of a torch that has no exchange of tensors in C."""

    __dlpack_c_exchange_api__ = None


KINDS: dict[str, Callable[[Any], Any]] = {
    "Tensor": lambda t: t,
    "Parameter": lambda t: torch.nn.Parameter(t, requires_grad=False),
    "subclass": lambda t: t.as_subclass(WithoutTable),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_function(expression: str, kind: str) -> None:
    """All of functional, moments and standardize; what is written to holds the same afterwards."""
    arrays = calls.arrays()
    copies = {name: value.copy() for name, value in arrays.items()}
    tensors = {name: KINDS[kind](tensor(a)) for name, a in copies.items()}
    names = {"cnorm": cnorm, "F": F}
    expected = eval(expression, {**names, **arrays})
    same(array(eval(expression, {**names, **tensors})), expected)
    for name, value in arrays.items():
        assert value.tobytes() == copies[name].tobytes(), name


@pytest.mark.parametrize("expression", [e for e in EXPRESSIONS if "(x, " in e or "(maps, " in e])
def test_the_first_argument_decides(expression: str) -> None:
    """A tensor among arrays gives a tensor, an array among tensors an array."""
    arrays = calls.arrays()
    first = "x" if "(x, " in expression else "maps"
    names = {"cnorm": cnorm, "F": F}
    expected = eval(expression, {**names, **calls.arrays()})
    mixed = {**names, **arrays, first: tensor(arrays[first])}
    same(array(eval(expression, mixed)), expected)
    arrays = calls.arrays()
    given = arrays[first].copy()
    mixed = {**names, **{name: tensor(a) for name, a in arrays.items()}, first: given}
    y = eval(expression, mixed)
    if "out=" in expression:
        assert type(y) is torch.Tensor  # the one that was given
        y = array(y)
    for part in y if isinstance(y, tuple) else (y,):
        assert not isinstance(part, torch.Tensor)
    same(y, expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(4, 6), (0, 6), (3, 1, 6), (6,)], ids=str)
def test_dtypes_and_sizes(dtype: Any, shape: tuple[int, ...]) -> None:
    x = fill(shape, dtype, 1)
    for _ in range(2):  # bfloat16 is known once one was seen
        same(array(F.layer_norm(tensor(x), (6,))), F.layer_norm(x, (6,)))
        same(array(cnorm.standardize(tensor(x), 0)), cnorm.standardize(x, 0))
        same(array(cnorm.moments(tensor(x), -1)), cnorm.moments(x, -1))
    assert F.layer_norm(tensor(x), tensor(x).shape[-1:]).shape == shape  # torch.Size


def test_without_dimensions() -> None:
    same(array(cnorm.moments(torch.tensor(3.0))), (np.float32(3), np.float32(0)))
    same(array(cnorm.standardize(torch.tensor(3.0))), np.float32(0))
    assert cnorm.moments(torch.arange(5))[0].dtype is torch.float64
    assert cnorm.moments(torch.tensor([True, False]))[0] == 0.5


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda t: t.transpose(0, 2),
    "sliced": lambda t: t[:, 1::2, ::3],
    "broadcast": lambda t: t[:, :1].expand(-1, 6, -1),
    "permuted": lambda t: t.permute(2, 0, 1),
    "offset": lambda t: t[1:, 2:],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(layout: str) -> None:
    t = LAYOUTS[layout](torch.randn(5, 6, 7))
    x = t.numpy()
    n = x.shape[-1]
    same(array(F.layer_norm(t, (n,))), F.layer_norm(x, (n,)))
    same(array(cnorm.standardize(t, 0)), cnorm.standardize(x, 0))
    y = F.group_norm(torch.randn(2, 4, 5, 5).to(memory_format=torch.channels_last), 2)
    assert y.is_contiguous(memory_format=torch.channels_last)


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "LayerNorm": (nn.LayerNorm(6), (4, 6)),
    "RMSNorm": (nn.RMSNorm(6), (4, 6)),
    "GroupNorm": (nn.GroupNorm(2, 4), (3, 4, 5)),
    "BatchNorm1d": (nn.BatchNorm1d(4), (3, 4, 5)),
    "BatchNorm2d": (nn.BatchNorm2d(4), (3, 4, 5, 5)),
    "SyncBatchNorm": (nn.SyncBatchNorm(4), (3, 4, 5)),
    "FrozenBatchNorm2d": (nn.FrozenBatchNorm2d(4), (3, 4, 5, 5)),
    "InstanceNorm1d": (nn.InstanceNorm1d(4, affine=True, track_running_stats=True), (3, 4, 5)),
    "InstanceNorm1d, one": (nn.InstanceNorm1d(4), (4, 5)),
    "LocalResponseNorm": (nn.LocalResponseNorm(3), (3, 4, 5)),
    "CrossMapLRN2d": (nn.CrossMapLRN2d(3), (3, 4, 5, 5)),
    "SwitchNorm2d": (nn.SwitchNorm2d(4), (3, 4, 5, 5)),
    "GlobalResponseNorm": (nn.GlobalResponseNorm(4), (3, 5, 5, 4)),
    "LazyBatchNorm1d": (nn.LazyBatchNorm1d(), (3, 4, 5)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    """In training and evaluation, with `out`, as on arrays."""
    layer, shape = LAYERS[name]
    ours, theirs = pickle.loads(pickle.dumps(layer)), pickle.loads(pickle.dumps(layer))
    x = fill(shape, F32, 1)
    for mode in (True, False):
        ours.train(mode), theirs.train(mode)
        same(array(ours(tensor(x))), theirs(x))
        out = torch.empty(shape)
        assert ours(tensor(x), out=out) is out
        same(array(out), theirs(x))
        into = np.empty_like(x)
        assert type(ours(tensor(x), out=into)) is torch.Tensor
        same(into, theirs(x))
    for key, value in theirs.state_dict().items():
        assert np.array_equal(ours.state_dict()[key], value)
    mask = torch.ones(shape, dtype=torch.bool)
    if name.startswith(("LayerNorm", "BatchNorm", "GroupNorm", "Instance")):
        same(array(ours.train()(tensor(x), where=mask)), theirs.train()(x, where=mask.numpy()))


def test_a_torch_without_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results come by torch's own functions then."""
    x = fill((4, 6), BFLOAT16, 2)
    y = careful.tensor_of(x)
    assert y.dtype is torch.bfloat16
    same(array(y), x)
    assert np.shares_memory(array(y), x)
    assert np.shares_memory(careful.array_of(tensor(x), "x", True), x)


def test_all_else_gives_arrays() -> None:
    t = torch.rand(8, 8, 3)
    for y in (
        cnorm.image_normalize(t.numpy(), (0.4, 0.5, 0.6), (0.2, 0.2, 0.2)),
        cnorm.rolling_moments(t[0], 2)[0],
        cnorm.stats.nanmean(t, 0),
        cnorm.preprocessing.zscore(t),
    ):
        assert isinstance(y, np.ndarray)


def test_functions_are_functions() -> None:
    for name in F.__all__:
        function = getattr(F, name)
        assert pickle.loads(pickle.dumps(function)) is function
        assert f"cnorm.functional.{name}" in repr(function)

    class Held:
        norm = F.layer_norm

    with pytest.raises(TypeError):
        Held().norm((6,))  # bound, as a function is
    assert Held.norm is F.layer_norm
    assert F.layer_norm.__call__(np.ones((2, 6)), (6,)).shape == (2, 6)  # type: ignore[operator]


def test_torch_is_never_imported() -> None:
    """Arrays, lists and objects of other libraries are taken without a look at torch; it may come later."""
    done = run(
        "import sys, types\nimport numpy as np, cnorm, cnorm.functional as F\nfrom cnorm import *\n"
        "x = np.ones((2, 3))\nF.layer_norm(x, (3,)); F.layer_norm(x.tolist(), (3,)); moments(memoryview(x))\n"
        "assert 'torch' not in sys.modules\n"
        "sys.modules['torch'] = types.ModuleType('torch')  # half imported\n"
        "F.layer_norm(x.tolist(), (3,))\ndel sys.modules['torch']\n"
        "import torch\nassert type(F.layer_norm(torch.ones(2, 3), (3,))) is torch.Tensor\n"
    )
    assert done.returncode == 0, done.stderr
