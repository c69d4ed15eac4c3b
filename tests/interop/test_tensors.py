"""torch's tensors in place of arrays: the bits of the same call on arrays, as tensors on the same memory."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from processes import run
from reference import BFLOAT16, DTYPES
from strategies import fill

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


def tensor(a: Any) -> Any:
    """An array as a tensor on the same memory, by torch's own way; what is none as it is."""
    if not isinstance(a, np.ndarray):
        return a
    if a.dtype == BFLOAT16:
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def array(t: Any) -> Any:
    """And back; of a tuple, each."""
    if isinstance(t, tuple):
        return tuple(map(array, t))
    t = t.detach().as_subclass(torch.Tensor)
    if t.dtype is torch.bfloat16:
        return t.view(torch.int16).numpy().view(BFLOAT16)
    return t.numpy()


def same(ours: Any, expected: Any) -> None:
    """In bits, dtype, shape and strides."""
    assert isinstance(ours, tuple) == isinstance(expected, tuple)
    pairs = zip(ours, expected, strict=True) if isinstance(ours, tuple) else [(ours, expected)]
    for a, b in pairs:
        b = np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
        assert a.size == 0 or a.strides == b.strides


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


class TestMemory:
    """Nothing is copied, and all lives as long as it is needed."""

    def test_out_is_returned(self) -> None:
        t, out, h = torch.randn(4, 6), torch.empty(4, 6), torch.empty(4, 6)
        assert F.layer_norm(t, (6,), out=out) is out
        y = F.layer_norm(t, (6,), residual=t, out=out, residual_out=h)
        assert y[0] is out
        assert y[1] is h
        assert torch.equal(h, t + t)
        assert F.layer_norm(t, (6,), out=t) is t
        assert torch.equal(t, F.layer_norm(h / 2, (6,)))

    def test_an_array_as_out_of_a_tensor(self) -> None:
        t, out = torch.randn(4, 6), np.empty((4, 6), np.float32)
        y = F.layer_norm(t, (6,), out=out)
        assert type(y) is torch.Tensor
        assert y.data_ptr() == out.ctypes.data
        same(array(F.layer_norm(t, (6,))), out)
        before = out[::-1, ::-1].copy()
        with pytest.raises(TypeError, match="out"):  # torch has no negative strides
            F.layer_norm(t, (6,), out=out[::-1, ::-1])
        assert np.array_equal(out[::-1, ::-1], before)

    def test_results_outlive_all_else(self) -> None:
        t = torch.randn(300, 1000)
        y, mean, var = cnorm.standardize(t, 1, return_moments=True)
        expected = y.clone(), mean.clone(), var.clone()
        view = y[5:, 3:]
        del y
        gc.collect()
        junk = [np.full((300, 1000), 7, np.float32) for _ in range(4)]
        assert torch.equal(view, expected[0][5:, 3:])
        assert torch.equal(mean, expected[1])
        assert torch.equal(var, expected[2])
        view.add_(1)  # and may be written to
        view.resize_(2, 2)
        del junk

    def test_nothing_is_left(self) -> None:
        """Neither the tensors of a call nor the arrays behind its results."""
        t, w = torch.randn(4, 6), torch.nn.Parameter(torch.ones(6), requires_grad=False)
        before = [sys.getrefcount(value) for value in (t, w, None, F32)]
        for _ in range(2000):
            F.layer_norm(t, (6,), w, w)
            cnorm.moments(t)
            with pytest.raises(ValueError, match="weight"):
                F.layer_norm(t, (6,), w[:3])
        after = [sys.getrefcount(value) for value in (t, w, None, F32)]
        assert all(abs(a - b) < 100 for a, b in zip(after, before, strict=True))
        watched = weakref.ref(t)
        y = F.layer_norm(t, (6,))
        del t
        assert watched() is None
        assert y.shape == (4, 6)

    def test_no_memory_grows(self) -> None:
        resource = pytest.importorskip("resource")
        t = torch.randn(64, 4096)  # a result is 1 MiB
        for _ in range(50):
            F.layer_norm(t, (4096,))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(400):
            F.layer_norm(t, (4096,))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024

    def test_freed_in_another_thread(self) -> None:
        results = [F.layer_norm(torch.randn(4, 6), (6,)) for _ in range(100)]
        thread = threading.Thread(target=results.clear)
        thread.start()
        thread.join()
        assert results == []

    def test_alive_at_exit(self) -> None:
        done = run(
            "import torch, cnorm.functional as F\n"
            "y = F.layer_norm(torch.randn(4, 6), (6,))\ntorch.kept = [y]\nimport sys; sys.kept = y"
        )
        assert done.returncode == 0, done.stderr

    def test_running_statistics_move(self) -> None:
        mean, var = torch.zeros(4), torch.nn.Parameter(torch.ones(4), requires_grad=False)
        t = torch.randn(3, 4, 5)
        expected = [mean.clone(), var.detach().clone()]
        torch.nn.functional.batch_norm(t, *expected, training=True)
        F.batch_norm(t, mean, var, training=True)
        assert torch.allclose(mean, expected[0], atol=1e-6)
        assert torch.allclose(var, expected[1], atol=1e-6)
        F.batch_norm(t.numpy(), mean, var, training=True)  # of an array, too
        assert not torch.allclose(mean, expected[0], atol=1e-6)


class TestRefused:
    """What has gradients, another device, or no memory of its own; nothing has changed then."""

    def test_gradients(self) -> None:
        t = torch.randn(4, 6, requires_grad=True)
        for call in (
            lambda: F.layer_norm(t, (6,)),
            lambda: cnorm.moments(t),
            lambda: cnorm.standardize(x=t),
            lambda: nn.LayerNorm(6)(t),
            lambda: nn.InstanceNorm1d(4)(t),
            lambda: F.layer_norm(input=t * 2, normalized_shape=(6,)),
        ):
            with pytest.raises(TypeError, match=r"^(input|x): .*detach\(\)"):
                call()
        weight = torch.nn.Parameter(torch.ones(6))
        with pytest.raises(TypeError, match=r"^weight: .*detach\(\)"):
            F.layer_norm(t.detach(), (6,), weight)
        with pytest.raises(TypeError, match=r"^out: .*detach\(\)"):
            F.layer_norm(t.detach().numpy(), (6,), out=t)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                y = F.layer_norm(t, (6,), weight)
            assert not y.requires_grad
        assert torch.equal(F.layer_norm(t.detach(), (6,)), y)

    def test_an_array_takes_the_values_of_parameters(self) -> None:
        weight = torch.nn.Parameter(torch.full((6,), 2.0))
        x = fill((4, 6), F32, 3)
        assert np.array_equal(F.layer_norm(x, (6,), weight), F.layer_norm(x, (6,), np.full(6, 2, np.float32)))

    def test_devices_and_layouts(self) -> None:
        t = torch.randn(3, 3)
        for bad, why in (
            (t.to("meta"), "CPU"),
            (t.to_sparse(), "Sparse"),
            (torch._neg_view(t), "resolve_neg"),
            (torch._efficientzerotensor(3, 3), "memory"),
        ):
            for name, call in (
                ("input", lambda bad=bad: F.layer_norm(bad, (3,))),
                ("x", lambda bad=bad: cnorm.moments(bad)),
                ("out", lambda bad=bad: F.layer_norm(t, (3,), out=bad)),
                ("weight", lambda bad=bad: F.layer_norm(t, (3,), bad)),
            ):
                with pytest.raises(TypeError, match=f"^{name}: .*{why}"):
                    call()

    def test_inside_of_transforms(self) -> None:
        t = torch.randn(2, 3)
        for transform in (torch.vmap, torch.func.grad):
            with pytest.raises(TypeError, match=r"^input: "):
                transform(lambda row: F.layer_norm(row, (3,)))(t)
        with torch._subclasses.fake_tensor.FakeTensorMode():
            fake = torch.empty(2, 3)
        with pytest.raises(TypeError, match=r"^input: "):
            F.layer_norm(fake, (3,))

    def test_dtypes_as_of_arrays(self) -> None:
        for dtype in ("int32", "bool", "complex64", "float8_e5m2"):
            t = torch.ones(2, 3).to(getattr(torch, dtype))
            with pytest.raises(TypeError, match=r"^input: "):
                F.layer_norm(t, (3,))
        with pytest.raises(TypeError, match=r"^weight: "):
            F.layer_norm(torch.ones(2, 3), (3,), torch.ones(3, dtype=torch.int32))

    def test_a_wrong_out(self) -> None:
        t = torch.randn(4, 6)
        for out in (
            torch.zeros(4, 5),
            torch.zeros(4, 6, dtype=torch.float64),
            torch.zeros(4, 1).expand(4, 6),
        ):
            with pytest.raises((TypeError, ValueError), match="out: "):
                F.layer_norm(t, (6,), out=out)
            assert not out.any()

    def test_names_of_arguments(self) -> None:
        with pytest.raises(TypeError, match="layer_norm"):
            F.layer_norm(torch.ones(2, 3))
        with pytest.raises(TypeError, match="unexpected"):
            F.layer_norm(torch.ones(2, 3), (3,), nothing=torch.ones(3))


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
