"""BatchNorm folded into the layer before it: torch's numbers, rounded once, for every layout and dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from reference import DTYPES, Array
from strategies import Placed, fill, layouts
from sweep import sweep

import cnorm.functional as F
from cnorm import nn

PARTS = ("bias", "running_mean", "running_var", "bn_weight", "bn_bias")


def parameters(channels: int, dtype: Any = np.float32, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(0.5, 2, channels).astype(dtype) for name in PARTS}


def exact(w: Array, p: dict[str, Any], eps: float, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """In long double; `shape` lets a channel's numbers broadcast against w."""
    bias, mean, var, weight, shift = (0 if p[n] is None else R.wide(p[n]) for n in PARTS)
    factor = (1 if p["bn_weight"] is None else weight) / np.sqrt(var + eps)
    return R.wide(w) * factor.reshape(shape), (bias - mean) * factor + shift


def assert_rounded_once(actual: Array, expected: Array) -> None:
    """Half a unit in the last place of the dtype, and what float64 arithmetic adds."""
    half = R.finfo(actual.dtype).eps / 2
    assert actual.shape == expected.shape
    assert np.all(np.abs(R.wide(actual) - expected) <= half * np.abs(expected) + 1e-15)


@sweep(
    dtype=DTYPES,
    shape=[(4, 3), (4, 1), (4, 3, 5), (4, 3, 3, 3), (4, 2, 1, 2, 3)],
    missing=[(), ("bias",), ("bn_weight",), ("bn_bias",), ("bias", "bn_weight", "bn_bias")],
)
def test_rounded_once(dtype: Any, shape: tuple[int, ...], missing: tuple[str, ...]) -> None:
    w = fill(shape, dtype, 1)
    p = parameters(4, dtype) | dict.fromkeys(missing)
    weight, bias = F.fold_batch_norm(w, **p, eps=1e-3)
    expected = exact(w, p, 1e-3, (4, *(1,) * (len(shape) - 1)))
    assert weight.dtype == bias.dtype == dtype
    assert_rounded_once(weight, expected[0])
    assert_rounded_once(bias, expected[1])


def test_the_bias_keeps_its_dtype() -> None:
    weight, bias = F.fold_batch_norm(fill((4, 3), DTYPES[0], 1), **parameters(4, np.float64))
    assert (weight.dtype, bias.dtype) == (np.float16, np.float64)


@given(data=st.data())
def test_any_layout(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([(4, 3), (4, 3, 2, 2)]))
    laid = Placed(fill(shape, data.draw(st.sampled_from(DTYPES)), 2), data.draw(layouts(len(shape))))
    weight, bias = F.fold_batch_norm(laid.array, **parameters(4))
    plain = F.fold_batch_norm(np.ascontiguousarray(laid.array), **parameters(4))
    np.testing.assert_array_equal(weight.astype(float), plain[0].astype(float))
    np.testing.assert_array_equal(bias, plain[1])
    assert weight.dtype == laid.array.dtype
    assert laid.unchanged()


def test_channels_last_weights_stay_so() -> None:
    w = fill((4, 3, 3, 2), DTYPES[2], 3).transpose(0, 3, 1, 2)
    assert F.fold_batch_norm(w, **parameters(4))[0].strides == w.strides


@sweep(
    dtype=DTYPES,
    order=[(0, 1, 2, 3), (3, 2, 1, 0), (0, 2, 3, 1), (2, 0, 1, 3), (1, 3, 0, 2)],
    transpose=[False, True],
    groups=[1, 2],
)
def test_every_order_of_axes(dtype: Any, order: tuple[int, ...], transpose: bool, groups: int) -> None:
    """Without gaps in any order of memory: the numbers of C order, in that order."""
    plain = fill((6, 4, 3, 2), dtype, 5)
    laid = np.ascontiguousarray(plain.transpose(order)).transpose(np.argsort(order))
    p = parameters(4 * groups if transpose else 6)
    weight, bias = F.fold_batch_norm(laid, **p, transpose=transpose)
    expected = F.fold_batch_norm(plain, **p, transpose=transpose)
    assert weight.strides == laid.strides
    np.testing.assert_array_equal(weight.astype(float), expected[0].astype(float))
    np.testing.assert_array_equal(bias, expected[1])


@sweep(dtype=DTYPES, channels=[1, 3, 70, 3000], elements=[1, 2, 9, 63, 64, 500])
def test_products_of_any_size(dtype: Any, channels: int, elements: int) -> None:
    """Of float64, rounded once: NumPy's own conversion, but bfloat16's, which may round twice."""
    w = fill((channels, elements), dtype, 6)
    p = parameters(channels, np.float64) | {"bias": None, "bn_bias": None}
    weight, _ = F.fold_batch_norm(w, **p)
    factor = 1 / np.sqrt(p["running_var"] + 1e-5) * p["bn_weight"]
    product = w.astype(np.float64) * factor[:, None]
    if dtype in (np.float32, np.float64, np.float16):
        np.testing.assert_array_equal(weight, product.astype(dtype))
    else:
        assert_rounded_once(weight, R.wide(product))


def test_a_mean_far_away_costs_nothing() -> None:
    """b - mean comes first: (1e6 + 1) - 1e6, not the difference of two products."""
    p = parameters(1, np.float64) | {"bias": np.array([1e6 + 1]), "running_mean": np.array([1e6])}
    bias = F.fold_batch_norm(np.ones((1, 1)), **p, eps=0)[1]
    assert_rounded_once(bias, p["bn_weight"] / np.sqrt(R.wide(p["running_var"])) + p["bn_bias"])


def test_no_spread_and_no_eps() -> None:
    """As batch_norm has it: the channel is 0 before the shift."""
    p = parameters(2) | {"running_var": np.zeros(2, np.float32)}
    weight, bias = F.fold_batch_norm(np.ones((2, 3), np.float32), **p, eps=0)
    assert not weight.any()
    np.testing.assert_array_equal(bias, p["bn_bias"])


def test_one_statistic_for_all() -> None:
    one = {name: value for name, value in parameters(1).items() if name != "bias"}
    w, b = fill((4, 3), DTYPES[2], 4), np.arange(4, dtype=np.float32)
    weight, bias = F.fold_batch_norm(w, b, **one)
    for i in range(4):
        alone = F.fold_batch_norm(w[i : i + 1], b[i : i + 1], **one)
        np.testing.assert_array_equal(weight[i], alone[0][0])
        np.testing.assert_array_equal(bias[i], alone[1][0])
    assert F.fold_batch_norm(w, None, **one)[1].shape == (4,)


def test_nothing_to_fold() -> None:
    for transpose in (False, True):
        empty = {name: np.zeros(0, np.float32) for name in PARTS}
        weight, bias = F.fold_batch_norm(np.zeros((0, 0, 3)), **empty, transpose=transpose)
        assert weight.shape == (0, 0, 3)
        assert bias.shape == (0,)


@sweep(transpose=[False, True], missing=[(), ("bias",), ("bn_weight", "bn_bias"), PARTS[::3]])
def test_torch_fusion(missing: tuple[str, ...], transpose: bool) -> None:
    torch = pytest.importorskip("torch")
    w = fill((3, 4, 2, 5) if transpose else (4, 3, 2, 5), DTYPES[3], 5)
    p: dict[str, Any] = parameters(4, np.float64) | dict.fromkeys(missing)
    b, mean, var, weight, shift = (None if p[n] is None else torch.from_numpy(p[n]) for n in PARTS)
    theirs = torch.nn.utils.fusion.fuse_conv_bn_weights(
        torch.from_numpy(w), b, mean, var, 1e-3, weight, shift, transpose
    )
    for ours, wanted in zip(F.fold_batch_norm(w, **p, eps=1e-3, transpose=transpose), theirs, strict=True):
        np.testing.assert_allclose(ours, wanted.detach().numpy(), rtol=1e-13, atol=1e-13)


@sweep(
    kind=["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "Linear"],
    groups=[1, 2, 3],
    bias=[True, False],
)
def test_folded_layers_of_torch(kind: str, groups: int, bias: bool) -> None:
    """The folded layer gives what the layer and the norm gave; groups of transposed ones, too."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    if kind == "Linear":
        layer, size = torch.nn.Linear(12, 6, bias), (2, 12)
    else:
        rank = int(kind[-2])
        layer = getattr(torch.nn, kind)(12, 6, 2, groups=groups, bias=bias)
        size = (2, 12, *(5,) * rank)
    p = parameters(6, np.float64)
    x = fill(size, DTYPES[3], 6)
    with torch.no_grad():
        layer = layer.double()
        own = None if layer.bias is None else layer.bias.numpy().copy()
        stats = p["running_mean"], p["running_var"], p["bn_weight"], p["bn_bias"]
        expected = F.batch_norm(layer(torch.from_numpy(x)).numpy(), *stats)
        transposed = "Transpose" in kind
        weight, shift = F.fold_batch_norm(layer.weight.numpy(), own, *stats, transpose=transposed)
        layer.weight.copy_(torch.from_numpy(weight))
        layer.bias = torch.nn.Parameter(torch.from_numpy(shift))
        np.testing.assert_allclose(layer(torch.from_numpy(x)).numpy(), expected, rtol=1e-12, atol=1e-12)


@sweep(dtype=DTYPES, name=["BatchNorm2d", "FrozenBatchNorm2d"])
def test_the_affine_form_of_layers(name: str, dtype: Any) -> None:
    layer = getattr(nn, name)(4).eval()
    for value in layer.state_dict().values():
        value[...] = np.random.default_rng(7).uniform(1, 2, value.shape)
    scale, shift = layer.to_affine()
    assert scale.dtype == shift.dtype == np.float64
    x = fill((2, 4, 3, 3), DTYPES[3], 8)
    np.testing.assert_allclose(
        layer(x), x * scale[:, None, None] + shift[:, None, None], rtol=1e-12, atol=1e-12
    )
    for wide, narrow in zip((scale, shift), layer.to_affine(dtype), strict=True):
        np.testing.assert_array_equal(narrow.astype(float), wide.astype(dtype).astype(float))
        assert narrow.dtype == dtype
    with pytest.raises(TypeError, match=r"^dtype: "):
        layer.to_affine(np.int32)
