"""global_response_norm and weight_standardize: their formulas, torch's lines, what is refused, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reference import DTYPES, Array, wide
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.nn as nn

SHAPE = (3, 4, 5, 6)
BOUND = {2: 1e-2, 4: 2e-6, 8: 1e-14}
LAYOUTS = {
    "plain": lambda x: x,
    "channels first": lambda x: np.ascontiguousarray(x.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
    "swapped": lambda x: x.astype(x.dtype.newbyteorder("S")) if x.dtype.name != "bfloat16" else x,
}


def formula(x: Array, w: Array, b: Array, eps: float) -> Array:
    x = wide(x)
    g = np.sqrt((x**2).sum((1, 2), keepdims=True))
    return np.asarray(x + wide(w) * x * (g / (g.mean(-1, keepdims=True) + np.longdouble(eps))) + wide(b))


def parameters(n: int, dtype: Any) -> tuple[Array, Array]:
    return fill((n,), dtype, 1), fill((n,), dtype, 2)


@sweep(dtype=DTYPES, layout=LAYOUTS, eps=(1e-6, 0.5))
def test_formula(dtype: Any, layout: str, eps: float) -> None:
    x, (w, b) = LAYOUTS[layout](fill(SHAPE, dtype, 0)), parameters(6, dtype)
    y, expected = F.global_response_norm(x, w, b, eps), formula(x, w, b, eps)
    assert y.dtype == x.dtype
    bound = BOUND[x.dtype.itemsize]
    assert np.allclose(wide(y), expected, rtol=bound, atol=4 * bound)
    out = np.empty_like(x)
    assert F.global_response_norm(x, w, b, eps, out=out) is out
    assert np.array_equal(out, y)
    copy = x.copy("K")
    assert np.array_equal(F.global_response_norm(copy, w, b, eps, out=copy), y)


def test_is_timms() -> None:
    torch = pytest.importorskip("torch")
    x, (w, b) = fill((4, 14, 14, 96), np.float32, 3), parameters(96, np.float32)
    t, weight, bias = torch.from_numpy(x), torch.from_numpy(w), torch.from_numpy(b)
    g = t.norm(p=2, dim=(1, 2), keepdim=True)
    n = g / (g.mean(dim=-1, keepdim=True) + 1e-6)
    expected = t + torch.addcmul(bias.view(1, 1, 1, -1), weight.view(1, 1, 1, -1), t * n)
    assert np.allclose(F.global_response_norm(x, w, b), expected, rtol=1e-5, atol=1e-6)
    four = F.global_response_norm(x, w.reshape(1, 1, 1, -1), b.reshape(1, 1, 1, -1))
    assert np.array_equal(four, F.global_response_norm(x, w, b))


@sweep(threads=(1, 2), shape=((5, 33, 41, 70), (1, 7, 7, 300), (9, 1, 1, 1)))
def test_samples_alone(threads: int, shape: tuple[int, ...]) -> None:
    """What else is in the batch, and threads, change no bit."""
    x, (w, b) = fill(shape, np.float32, 4), parameters(shape[-1], np.float32)
    with cnorm.threads(threads):
        y = F.global_response_norm(x, w, b)
    for i in range(len(x)):
        assert np.array_equal(F.global_response_norm(x[i : i + 1], w, b)[0], y[i])


def test_special_values() -> None:
    w, b = np.full(2, 2.0), np.full(2, 0.5)
    zeros = np.zeros((1, 3, 3, 2))
    assert (F.global_response_norm(zeros, w, b, 0.0) == 0.5).all()
    for power in (-1000, -500, 500, 1000):
        x = fill((2, 3, 3, 2), np.float64, 5)
        y, far = (F.global_response_norm(v, w, b * 0, 0.0) for v in (x, np.ldexp(x, power)))
        assert np.allclose(np.ldexp(far, -power), y, rtol=1e-13)
    x = fill((2, 3, 3, 2), np.float32, 5)
    x[0, 0, 0, 0] = np.nan
    y = F.global_response_norm(x, w, b)
    assert np.isnan(y[0]).all()
    assert np.isfinite(y[1]).all()
    for shape in ((0, 3, 3, 2), (2, 0, 3, 2), (2, 3, 3, 0)):
        n = shape[-1]
        assert F.global_response_norm(np.empty(shape), np.ones(n), np.ones(n)).shape == shape


def test_masked_array() -> None:
    x = np.ma.masked_less(fill(SHAPE, np.float32, 6), -1)
    w, b = parameters(6, np.float32)
    y = F.global_response_norm(x, w, b)
    assert np.array_equal(y.mask, x.mask)
    plain = F.global_response_norm(x.filled(0), w, b)
    assert np.allclose(y.compressed(), plain[~x.mask], rtol=1e-6, atol=1e-6)


REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": np.ones((2, 3, 4))}, ValueError, "x"),
    ({"x": np.ones((2, 3, 4, 5), int)}, TypeError, "x"),
    ({"weight": np.ones(5)}, ValueError, "weight"),
    ({"weight": None}, TypeError, "weight"),
    ({"bias": np.ones(6, int)}, TypeError, "bias"),
    ({"eps": -1.0}, ValueError, "eps"),
    ({"eps": "x"}, TypeError, "eps"),
    ({"out": np.ones(SHAPE, np.float32)}, TypeError, "out"),
    ({"out": np.ones((3, 4, 5, 7))}, ValueError, "out"),
]


@pytest.mark.parametrize(("change", "error", "name"), REFUSED)
def test_refused(change: dict[str, Any], error: type[Exception], name: str) -> None:
    out = np.full(SHAPE, 7.0)
    call = {"x": np.ones(SHAPE), "weight": np.ones(6), "bias": np.ones(6), "out": out, **change}
    with pytest.raises(error, match=f"^{name}:"):
        F.global_response_norm(**call)
    assert (out == 7).all()


def test_layer() -> None:
    layer, x = nn.GlobalResponseNorm(6), fill(SHAPE, np.float32, 7)
    assert np.array_equal(layer(x), x)
    assert list(layer.state_dict()) == ["weight", "bias"]
    w, b = parameters(6, np.float32)
    layer.load_state_dict({"weight": w, "bias": b})
    assert np.array_equal(layer(x), F.global_response_norm(x, w, b))
    other = nn.GlobalResponseNorm(6, eps=1e-6)
    other.load_state_dict({"gamma": w.reshape(1, 1, 1, 6), "beta": b.reshape(1, 1, 1, 6)})
    assert np.array_equal(other(x), layer(x))
    with pytest.raises(ValueError, match="missing keys"):
        other.load_state_dict({"gamma": w.reshape(1, 1, 1, 6)})
    assert repr(layer) == "GlobalResponseNorm(6, eps=1e-06)"


@sweep(dtype=DTYPES, shape=((4, 3), (6, 5, 3, 3), (1, 7)), gain=(False, True), eps=(1e-6, 0.5))
def test_weight_standardize(dtype: Any, shape: tuple[int, ...], gain: bool, eps: float) -> None:
    w = fill(shape, dtype, 8)
    g = fill(shape[:1], dtype, 9) if gain else None
    v, axes = wide(w), tuple(range(1, w.ndim))
    expected = (v - v.mean(axes, keepdims=True)) / np.sqrt(v.var(axes, keepdims=True) + np.longdouble(eps))
    if g is not None:
        expected = expected * wide(g).reshape(-1, *(1,) * (w.ndim - 1))
    bound = BOUND[w.dtype.itemsize]
    y, out = F.weight_standardize(w, g, eps), np.empty_like(w)
    assert np.allclose(wide(y), expected, rtol=bound, atol=bound)
    assert F.weight_standardize(w, g, eps, out=out) is out
    assert np.array_equal(y, out)


def test_weight_standardize_is_timms() -> None:
    torch = pytest.importorskip("torch")
    w = fill((6, 5, 3, 3), np.float32, 10)
    t = torch.from_numpy(w).reshape(1, 6, -1)
    expected = torch.nn.functional.batch_norm(t, None, None, training=True, momentum=0.0, eps=1e-6)
    assert np.allclose(F.weight_standardize(w), expected.reshape(6, 5, 3, 3), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "error", "name"),
    [
        ({"w": np.ones(3)}, ValueError, "w"),
        ({"w": np.ones((3, 2), int)}, TypeError, "w"),
        ({"gain": np.ones(2)}, ValueError, "gain"),
        ({"eps": float("nan")}, ValueError, "eps"),
        ({"out": np.ones((3, 3))}, ValueError, "out"),
    ],
)
def test_weight_standardize_refuses(change: dict[str, Any], error: type[Exception], name: str) -> None:
    out = np.full((3, 2), 7.0)
    with pytest.raises(error, match=f"^{name}:"):
        F.weight_standardize(**{"w": np.ones((3, 2)), "out": out, **change})
    assert (out == 7).all()
