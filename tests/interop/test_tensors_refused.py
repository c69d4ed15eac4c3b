"""Tensors that are no arrays: with gradients, of other devices, without memory of their own."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import fill

import cnorm
import cnorm.functional as F
from cnorm import nn

pytest.importorskip("ml_dtypes")
torch = pytest.importorskip("torch")

F32 = np.dtype(np.float32)


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
