"""layer_norm and rms_norm over any axes without a copy; weight_offset=: Llama's and Gemma's arithmetic."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import reference as R
from memory import peak_of
from reference import BFLOAT16, Array
from strategies import fill
from sweep import sweep

import cnorm.functional as F

SHAPE = (3, 4, 5, 6)
CHOICES = [axes for n in (1, 2, 3, 4) for axes in itertools.permutations(range(4), n)]


def parameters(axes: tuple[int, ...]) -> tuple[tuple[int, ...], Array, Array]:
    shape = tuple(SHAPE[a] for a in axes)
    return shape, fill(shape, np.dtype(np.float32), 1), fill(shape, np.dtype(np.float32), 2)


@sweep(axes=CHOICES)
def test_axes_in_any_order(axes: tuple[int, ...]) -> None:
    x = fill(SHAPE, np.dtype(np.float32), 0)
    shape, w, b = parameters(axes)
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(x, axes, last)
    for ours, expected in (
        (F.layer_norm(x, shape, w, b, axis=axes), R.layer_norm(moved, shape, w, b)),
        (F.rms_norm(x, shape, w, 1e-6, axis=axes), R.rms_norm(moved, shape, w, 1e-6)),
    ):
        assert ours.shape == x.shape
        np.testing.assert_allclose(np.moveaxis(ours, axes, last), expected, rtol=2e-6, atol=2e-6)


def test_negative_and_single_axes() -> None:
    x = fill(SHAPE, np.dtype(np.float32), 0)
    _, w, b = parameters((1,))
    expected = F.layer_norm(x, (4,), w, b, axis=(1,))
    assert np.array_equal(F.layer_norm(x, (4,), w, b, axis=-3), expected)
    assert np.array_equal(F.layer_norm(x, (4,), w, b, axis=1), expected)
    trailing = F.layer_norm(x, (6,), axis=-1)
    assert np.array_equal(trailing, F.layer_norm(x, (6,)))


def test_no_copy_of_the_input() -> None:
    x = fill((4, 64, 80, 80), np.dtype(np.float32), 0)
    out = np.empty_like(x)
    w = np.ones(64, np.float32)
    assert peak_of(lambda: F.layer_norm(x, (64,), w, w, axis=1, out=out)) < x.nbytes / 10


@pytest.mark.parametrize(
    ("shape", "axis", "error"),
    [
        ((4,), 2, ValueError),
        ((4, 5), (2, 1), ValueError),
        ((4,), 4, ValueError),
        ((4, 4), (1, 1), ValueError),
        ((4,), (1, 2), ValueError),
        ((), (), ValueError),
        ((4,), 1.0, TypeError),
        ((4,), "1", TypeError),
        (4, 1, TypeError),
    ],
    ids=str,
)
@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_bad_axes(norm: str, shape: Any, axis: Any, error: type[Exception]) -> None:
    x = fill(SHAPE, np.dtype(np.float32), 0)
    out = np.full_like(x, 7)
    with pytest.raises(error):
        getattr(F, norm)(x, shape, axis=axis, out=out)
    assert (out == 7).all()


def test_parameters_follow_the_order_of_the_axes() -> None:
    x = fill(SHAPE, np.dtype(np.float32), 0)
    _, w, _ = parameters((2, 1))
    with pytest.raises(ValueError, match="weight"):
        F.layer_norm(x, (5, 4), w.T, axis=(2, 1))


@pytest.mark.parametrize("offset", [None, "1", [1.0, 2.0], 1j], ids=str)
def test_bad_offset(offset: Any) -> None:
    x = fill(SHAPE, np.dtype(np.float32), 0)
    with pytest.raises(TypeError, match="weight_offset"):
        F.rms_norm(x, (6,), np.ones(6, np.float32), weight_offset=offset)


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_an_offset_needs_a_weight(norm: str) -> None:
    with pytest.raises(ValueError, match="weight_offset"):
        getattr(F, norm)(np.ones((2, 3)), (3,), weight_offset=1.0)


@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
@sweep(dtype=R.DTYPES, weight_dtype=R.DTYPES)
def test_the_offset_is_added_in_the_compute_dtype(norm: str, dtype: Any, weight_dtype: Any) -> None:
    """The bits are those of a weight that was added to before, wherever the call goes."""
    x = fill((7, 33), dtype, 0)
    w = fill((33,), weight_dtype, 1) / 64
    w = w.astype(weight_dtype)
    kind = np.float64 if dtype == np.float64 else np.float32
    for offset in (1.0, 1, np.float64(1), -0.3, 1e300, 0.0):
        with np.errstate(over="ignore"):
            added = w.astype(kind) + np.asarray(offset).astype(kind)
        ours = getattr(F, norm)(x, (33,), w, weight_offset=offset)
        np.testing.assert_array_equal(ours, getattr(F, norm)(x, (33,), added))
    assert np.array_equal(w, (fill((33,), weight_dtype, 1) / 64).astype(weight_dtype))


def llama(torch: Any, x: Any, w: Any, eps: float) -> Any:
    """LlamaRMSNorm.forward: rounded to x's dtype before the weight."""
    hidden = x.to(torch.float32)
    hidden = hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + eps)
    return w * hidden.to(x.dtype)


def gemma(torch: Any, x: Any, w: Any, eps: float) -> Any:
    """GemmaRMSNorm.forward: rounded once, after 1 + weight."""
    output = x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + eps)
    return (output * (1.0 + w.float())).type_as(x)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", ["llama", "gemma"])
def test_models(model: str, dtype: str) -> None:
    """float32: 4 units in the last place. bfloat16: 1 for Gemma, 2 for Llama, which rounds twice."""
    torch = pytest.importorskip("torch")
    kind = np.dtype(np.float32) if dtype == "float32" else BFLOAT16
    x, w = fill((64, 2048), kind, 0), fill((2048,), kind, 1)
    offset = 1.0 if model == "gemma" else 0.0
    ours = F.rms_norm(x, (2048,), w, 1e-6, weight_offset=offset).astype(np.float64)
    torch_of = getattr(torch, dtype)
    given = [torch.from_numpy(a.astype(np.float32)).to(torch_of) for a in (x, w)]
    theirs = (llama if model == "llama" else gemma)(torch, *given, 1e-6).double().numpy()
    digits = 24 if dtype == "float32" else 8
    last_place = np.ldexp(1.0, np.frexp(theirs)[1] - digits)
    most = 4 if dtype == "float32" else 1 if model == "gemma" else 2
    assert (np.abs(ours - theirs) <= most * last_place).all()
    assert (ours == theirs).mean() > (0.5 if dtype == "float32" or model == "llama" else 0.99)
