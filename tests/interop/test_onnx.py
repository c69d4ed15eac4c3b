"""ONNX's operators: the standard's own cases, opsets, optional outputs, the skip forms by formula."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sweep import sweep

ml_dtypes, onnx = pytest.importorskip("ml_dtypes"), pytest.importorskip("onnx")

from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from cnorm.interop import onnx as interop  # noqa: E402

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)
STANDARD = ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN", "LayerNormalization")
STANDARD += ("LpNormalization", "MeanVarianceNormalization", "RMSNormalization")
MICROSOFT = {"EmbedLayerNormalization", "GroupNorm", "SkipGroupNorm"}
MICROSOFT |= {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}


def standard_cases() -> list[Any]:
    """The node tests of the standard whose single node is one of ours."""
    from onnx.backend.test import loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = loader.load_model_tests(kind="node")
    return [c for c in cases if len(c.model.graph.node) == 1 and c.model.graph.node[0].op_type in STANDARD]


CASES = standard_cases()


def run(op: str, inputs: list[Any], outputs: int = 1, opset: int = 23, **attributes: Any) -> list[Any]:
    """One node; an input that is None is absent."""
    names = [f"i{k}" if value is not None else "" for k, value in enumerate(inputs)]
    domain = "com.microsoft" if op in MICROSOFT else ""
    node = helper.make_node(op, names, [f"o{k}" for k in range(outputs)], domain=domain, **attributes)
    given = {name: value for name, value in zip(names, inputs, strict=True) if name}
    typed = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in given.items()
    ]
    results = [helper.make_value_info(name, onnx.TypeProto()) for name in node.output]
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(helper.make_graph([node], "g", typed, results), opset_imports=opsets)
    session = ReferenceEvaluator(model, new_ops=interop.ops())
    assert type(session.rt_nodes_[0]).__module__.startswith("cnorm.interop.")
    return list(session.run(None, given))


def normal(*shape: int, dtype: Any = np.float32) -> Array:
    return rng.normal(3, 2, shape).astype(dtype)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_standards_cases(case: Any) -> None:
    session = ReferenceEvaluator(case.model, new_ops=interop.ops())
    assert type(session.rt_nodes_[0]).__module__ == "cnorm.interop.onnx"
    for inputs, expected in case.data_sets:
        results = session.run(None, dict(zip(session.input_names, inputs, strict=True)))
        for y, wanted in zip(results, expected, strict=True):
            assert (y.dtype, y.shape) == (wanted.dtype, wanted.shape)
            np.testing.assert_allclose(y, wanted, rtol=case.rtol, atol=max(case.atol, 1e-6))


def test_the_standard_has_cases_for_all() -> None:
    assert {case.model.graph.node[0].op_type for case in CASES} == set(STANDARD)
    others = {op.__name__: op.op_domain for op in interop.ops() if op.__name__ not in STANDARD}
    assert others == {"SimplifiedLayerNormalization": "", **dict.fromkeys(MICROSOFT, "com.microsoft")}


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_layer_normalization(dtype: Any) -> None:
    x, scale = normal(2, 3, 4, 5, dtype=dtype), normal(5, dtype=dtype)
    y, mean, inverse = run("LayerNormalization", [x, scale], 3, axis=2)
    wide = x.astype(np.float64)
    want, var = wide.mean((2, 3), keepdims=True), wide.var((2, 3), keepdims=True)
    assert y.dtype == dtype
    assert mean.dtype == inverse.dtype == np.float32
    np.testing.assert_allclose(mean, want, rtol=1e-6)
    np.testing.assert_allclose(inverse, 1 / np.sqrt(var + 1e-5), rtol=1e-6)
    tolerance = max(8 * float(ml_dtypes.finfo(dtype).eps), 1e-12)
    expected = (wide - want) / np.sqrt(var + 1e-5) * scale.astype(np.float64)
    np.testing.assert_allclose(y.astype(np.float64), expected, rtol=tolerance, atol=tolerance)
    (alone,) = run("LayerNormalization", [x, scale], 1, axis=2)
    np.testing.assert_allclose(alone.astype(np.float64), y.astype(np.float64), rtol=tolerance, atol=tolerance)


def test_group_normalization_before_opset_21() -> None:
    x, scale, bias = normal(2, 6, 4), normal(2), normal(2)
    (per_group,) = run("GroupNormalization", [x, scale, bias], opset=18, num_groups=2)
    (per_channel,) = run("GroupNormalization", [x, scale.repeat(3), bias.repeat(3)], opset=21, num_groups=2)
    np.testing.assert_array_equal(per_group, per_channel)


def test_rms_normalization_has_the_dtype_of_its_scale() -> None:
    x, scale = normal(2, 8, dtype=np.float16), normal(8)
    (y,) = run("RMSNormalization", [x, scale])
    assert y.dtype == np.float32


@sweep(shape=[(2, 1, 8), (3, 1), (2, 3, 8), (1, 1, 1), ()], dtype=[np.float16, np.float32, np.float64])
def test_scales_that_broadcast(shape: Any, dtype: Any) -> None:
    x, scale, bias = normal(2, 3, 8, dtype=dtype), *rng.uniform(0.5, 2, (2, *shape)).astype(dtype)
    scale, bias = np.asarray(scale), np.asarray(bias)
    wide, tolerance = x.astype(np.float64), max(float(np.finfo(dtype).eps), 1e-12)
    rtol = tolerance if dtype == np.float16 else 4 * tolerance
    for axis in (1, -1):
        axes = tuple(range(axis % 3, 3))
        mean, var = wide.mean(axes, keepdims=True), wide.var(axes, keepdims=True)
        (y,) = run("LayerNormalization", [x, scale, bias], axis=axis)
        wanted = (wide - mean) / np.sqrt(var + 1e-5) * scale + bias
        np.testing.assert_allclose(y.astype(np.float64), wanted, rtol=tolerance, atol=4 * tolerance)
        for op in ("RMSNormalization", "SimplifiedLayerNormalization"):
            (y,) = run(op, [x, scale], axis=axis)
            wanted = wide / np.sqrt(np.square(wide).mean(axes, keepdims=True) + 1e-5) * scale
            np.testing.assert_allclose(y.astype(np.float64), wanted, rtol=rtol, atol=0)


def test_mixed_dtypes_are_rounded_once() -> None:
    x, scale = normal(4, 64, dtype=np.float16), normal(64)
    wide = x.astype(np.float64)
    root = np.sqrt(np.square(wide).mean(-1, keepdims=True) + 1e-5)
    y, inverse = run("SimplifiedLayerNormalization", [x, scale], 2)
    np.testing.assert_allclose(y, wide / root * scale, rtol=5e-7)
    np.testing.assert_allclose(inverse, 1 / root, rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 6), (1, 6, 1), (2, 6, 1), (1, 6, 1, 1)], ids=str)
@pytest.mark.parametrize("opset", [18, 21])
def test_groups_of_one_value(shape: Any, opset: int) -> None:
    """The bias; torch refuses some of them."""
    x, bias = normal(*shape), normal(6)
    (y,) = run("GroupNormalization", [x, normal(6), bias], opset=opset, num_groups=6)
    np.testing.assert_array_equal(y, np.broadcast_to(bias.reshape(6, *(1,) * (x.ndim - 2)), shape))
    x[0, 2] = np.nan
    (y,) = run("GroupNormalization", [x, normal(6), bias], opset=opset, num_groups=6)
    assert np.isnan(y).sum() == np.isnan(x).sum()


def test_vectors_are_batches_of_one_channel() -> None:
    x, one = normal(5), np.ones(1, np.float32)
    (y,) = run("BatchNormalization", [x, one, one, 2 * one, 3 * one])
    np.testing.assert_allclose(y, (x - 2) / np.sqrt(3 + 1e-5) + 1, rtol=1e-5, atol=1e-6)
    y, mean, var = run("BatchNormalization", [x, one, one, 0 * one, 0 * one], 3, training_mode=1)
    np.testing.assert_allclose(y, (x - x.mean()) / np.sqrt(x.var() + 1e-5) + 1, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([mean[0], var[0]], [x.mean() / 10, x.var() / 10], rtol=1e-6)


def test_statistics_of_each_position() -> None:
    x, (scale, bias, mean) = normal(3, 2, 4), normal(3, 2, 4)
    var = rng.uniform(0.5, 2, (2, 4)).astype(np.float32)
    (y,) = run("BatchNormalization", [x, scale, bias, mean, var], opset=7, spatial=0)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5) * scale + bias, rtol=1e-5, atol=1e-5)


P, Q = np.ones(6, np.float32), np.ones(5, np.float32)
X3 = np.arange(48, dtype=np.float32).reshape(2, 6, 4)
L4 = np.ones(4, np.float32)
IDS, W = np.array([[1, 2], [3, 2], [1, 1]], np.int32), normal(6, 4)
# Operator, inputs, attributes, opset, what the message begins with.
REFUSED: list[tuple[str, list[Array | None], dict[str, Any], int, str]] = [
    ("LayerNormalization", [X3, L4], {"axis": 3}, 17, "axis: expected"),
    ("LayerNormalization", [X3, L4], {"axis": -4}, 17, "axis: expected"),
    ("LayerNormalization", [X3, P], {}, 17, "Scale: expected"),
    ("LayerNormalization", [X3, L4, P], {}, 17, "B: expected"),
    ("LayerNormalization", [X3[0, 0, 0], L4], {}, 17, "X: expected"),
    ("LayerNormalization", [X3[:1], np.ones((2, 1, 4), np.float32)], {}, 17, "Scale: expected"),
    ("RMSNormalization", [X3, L4], {"axis": 5}, 23, "axis: expected"),
    ("RMSNormalization", [X3, P], {}, 23, "scale: expected"),
    ("SimplifiedLayerNormalization", [X3, L4], {"axis": -7}, 23, "axis: expected"),
    *(("GroupNormalization", [X3, P, P], {"num_groups": g}, 21, "num_groups: expected") for g in (0, -1, 4)),
    *(("GroupNormalization", [X3, P, P], {"num_groups": g}, 18, "num_groups: expected") for g in (0, -1, 4)),
    ("GroupNormalization", [X3, P[:2], P[:2]], {"num_groups": 2}, 21, "scale: expected"),
    ("GroupNormalization", [X3, P[:2], P], {"num_groups": 2}, 18, "bias: expected"),
    ("GroupNormalization", [P, P, P], {"num_groups": 2}, 21, "X: expected"),
    ("InstanceNormalization", [X3, Q, P], {}, 22, "scale: expected"),
    ("InstanceNormalization", [X3, P, P[:1]], {}, 22, "B: expected"),
    ("InstanceNormalization", [X3, P[:, None], P], {}, 22, "scale: expected"),
    ("InstanceNormalization", [P, P, P], {}, 22, "input: expected"),
    ("BatchNormalization", [X3, Q, P, P, P], {}, 15, "scale: expected"),
    ("BatchNormalization", [X3, P, Q, P, P], {"training_mode": 1}, 15, "B: expected"),
    ("BatchNormalization", [X3, P, P, P[:1], P], {"training_mode": 1}, 15, "input_mean: expected"),
    ("BatchNormalization", [X3, P, P, P, Q], {}, 15, "input_var: expected"),
    ("BatchNormalization", [P, P, P, P, P], {}, 15, "scale: expected"),
    ("BatchNormalization", [X3, P, P, P, P], {"spatial": 0}, 7, "scale: expected"),
    ("BatchNormalization", [X3, P, P, P, P], {"training_mode": 2}, 15, "training_mode: expected"),
    ("LRN", [X3], {"size": 0}, 13, "size: expected"),
    ("LRN", [X3], {"size": 3, "alpha": -1.0}, 13, "alpha: expected"),
    ("LRN", [X3], {"size": 3, "beta": -1.0}, 13, "beta: expected"),
    ("LRN", [P], {"size": 3}, 13, "X: expected"),
    *(("LpNormalization", [X3], {"p": p}, 22, "p: expected 1 or 2") for p in (0, 3, -1)),
    *(("LpNormalization", [X3], {"axis": a}, 22, "axis: expected") for a in (3, -4)),
    *(
        ("MeanVarianceNormalization", [X3], {"axes": a}, 13, "axes: ")
        for a in ([1, 3], [-4], [0, 0], [0, -3])
    ),
    ("MeanVarianceNormalization", [X3], {}, 13, "axes: expected"),
    ("SkipLayerNormalization", [X3, X3[0, 0, :3], L4], {}, 17, "skip: expected"),
    ("SkipLayerNormalization", [X3[:1], X3, L4], {}, 17, "skip: expected"),
    ("SkipLayerNormalization", [X3, X3, L4[:1]], {}, 17, "gamma: expected"),
    ("SkipLayerNormalization", [X3, X3, L4, P], {}, 17, "beta: expected"),
    ("SkipLayerNormalization", [X3, X3, L4, L4, P], {}, 17, "bias: expected"),
    ("SkipSimplifiedLayerNormalization", [X3, X3, P], {}, 17, "gamma: expected"),
    ("SkipSimplifiedLayerNormalization", [X3, X3, L4, P], {}, 17, "bias: expected"),
    ("SkipSimplifiedLayerNormalization", [X3[0, 0, 0], X3[0, 0, 0], L4], {}, 17, "input: expected"),
    *(("GroupNorm", [X3, L4, L4], {"groups": g}, 17, "groups: expected") for g in (0, -1, 3)),
    ("GroupNorm", [X3, L4, L4], {"groups": 2, "activation": 2}, 17, "activation: expected"),
    ("GroupNorm", [X3, L4, L4], {"groups": 2, "channels_last": 2}, 17, "channels_last: expected"),
    ("GroupNorm", [X3, P, L4], {"groups": 2}, 17, "gamma: expected"),
    ("GroupNorm", [X3, P, L4], {"groups": 2, "channels_last": 0}, 17, "beta: expected"),
    ("GroupNorm", [L4, L4, L4], {"groups": 2}, 17, "X: expected"),
    ("SkipGroupNorm", [X3, L4, L4, X3[:1]], {"groups": 2}, 17, "skip: expected"),
    ("SkipGroupNorm", [X3, L4, L4, X3[:, 0, :3]], {"groups": 2}, 17, "skip: expected"),
    ("SkipGroupNorm", [X3, L4, L4, X3[:, :, :1]], {"groups": 2}, 17, "skip: expected"),
    ("SkipGroupNorm", [X3, L4, L4, X3, P], {"groups": 2}, 17, "bias: expected"),
    *(
        ("EmbedLayerNormalization", [*inputs], {}, 17, message)
        for message, *inputs in (
            ("input_ids: expected", IDS[0], None, W, W, None, L4, L4),
            ("input_ids: expected 0 to 5, got 6", IDS + 3, None, W, W, None, L4, L4),
            ("input_ids: expected 0 to 5, got -1", IDS - 2, None, W, W, None, L4, L4),
            ("position_ids: expected 0 to 0, got 1", IDS, None, W, W[:1], None, L4, L4),
            ("word_embedding: expected 2 dim", IDS, None, W[0], W, None, L4, L4),
            ("position_embedding: expected", IDS, None, W, W[:, :3], None, L4, L4),
            ("segment_embedding: expected", IDS, IDS, W, W, None, L4, L4),
            ("segment_embedding: expected", IDS, IDS, W, W, W[:, :1], L4, L4),
            ("segment_ids: expected", IDS, IDS[:1], W, W, W, L4, L4),
            ("segment_ids: expected 0 to 0, got 1", IDS, IDS, W, W, W[:1], L4, L4),
            ("gamma: expected", IDS, None, W, W, None, P, L4),
            ("beta: expected", IDS, None, W, W, None, L4, P),
            ("mask: expected", IDS, None, W, W, None, L4, L4, IDS[:1]),
            ("position_ids: expected", IDS, None, W, W, None, L4, L4, None, IDS.T),
        )
    ),
]
WITHOUT_EPSILON = {"LRN", "LpNormalization", "MeanVarianceNormalization"}
COUNTS = {"BatchNormalization": [P] * 4, "GroupNormalization": [P] * 2, "InstanceNormalization": [P] * 2}
COUNTS |= {"GroupNorm": [L4] * 2, "SkipGroupNorm": [L4, L4, X3]}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}-{case[4].split(':')[0]}")
def test_what_does_not_fit_is_refused_by_its_name(case: Any) -> None:
    op, inputs, attributes, opset, message = case
    with pytest.raises(ValueError, match=f"^{message}"):
        run(op, inputs, opset=opset, **attributes)


@pytest.mark.parametrize("op", sorted({op.__name__ for op in interop.ops()} - WITHOUT_EPSILON))
@sweep(epsilon=[-1e-3, float("nan")])
def test_negative_epsilons(op: str, epsilon: float) -> None:
    inputs = [X3, *COUNTS.get(op, [X3, L4] if op.startswith("Skip") else [L4])]
    if op == "EmbedLayerNormalization":
        inputs = [IDS, None, W, W, None, L4, L4]
    attributes = {"num_groups": 2} if op == "GroupNormalization" else {}
    run(op, inputs, **attributes)
    with pytest.raises(ValueError, match=r"^epsilon: expected no negative"):
        run(op, inputs, epsilon=epsilon, **attributes)


@pytest.mark.filterwarnings("error")
def test_sums_beyond_float16_are_infinite_without_a_warning() -> None:
    x = np.full((2, 8), 40000, np.float16) + np.arange(8, dtype=np.float16) * 32
    y, *_, total = run("SkipLayerNormalization", [x, x, np.ones(8, np.float16)], 4)
    assert np.isinf(total).all()
    np.testing.assert_allclose(y[0], (np.arange(8) - 3.5) / np.arange(8).std(), rtol=1e-3)


def test_instances_of_one_position() -> None:
    x, bias = normal(2, 3, 1), normal(3)
    (y,) = run("InstanceNormalization", [x, normal(3), bias])
    np.testing.assert_array_equal(y, np.broadcast_to(bias[:, None], x.shape))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_lrn_windows(size: int) -> None:
    x = normal(2, 5, 2, 2, dtype=np.float64)
    (y,) = run("LRN", [x], size=size, alpha=0.5, beta=0.7, bias=2.0)
    below, above = (size - 1) // 2, size // 2
    for c in range(5):
        square = (x[:, max(0, c - below) : c + above + 1] ** 2).sum(1)
        np.testing.assert_allclose(y[:, c], x[:, c] / (2 + 0.5 / size * square) ** 0.7, rtol=1e-6)


def test_norms_of_zero_and_small_deviations() -> None:
    x = np.array([[0, 0], [3e-30, 4e-30]], np.float32)
    np.testing.assert_allclose(run("LpNormalization", [x])[0], [[0, 0], [0.6, 0.8]], rtol=1e-6)
    x = np.array([[1.0, -1.0]]) * 1e-9
    np.testing.assert_allclose(run("MeanVarianceNormalization", [x], axes=[1])[0], [[0.5, -0.5]], rtol=1e-6)
    x = np.random.default_rng(0).normal(0, 1e-4, (2, 3, 200)).astype(np.float16)
    wide = x.astype(np.float64)
    wanted = (wide - wide.mean(2, keepdims=True)) / (wide.std(2, keepdims=True) + 1e-9)
    np.testing.assert_allclose(
        run("MeanVarianceNormalization", [x], axes=[2])[0], wanted, rtol=5e-4, atol=1e-7
    )


def test_training_before_opset_14_and_other_precisions_are_refused() -> None:
    x, p = normal(2, 3), np.ones(3, np.float32)
    with pytest.raises(NotImplementedError, match="opset 14"):
        run("BatchNormalization", [x, p, p, p, p], 5, opset=9)
    (y,) = run("BatchNormalization", [x, p, p, p, p], opset=9)
    np.testing.assert_allclose(y, (x - 1) / np.sqrt(1 + 1e-5) + 1, rtol=1e-5)
    with pytest.raises(NotImplementedError, match="stash_type"):
        run("LayerNormalization", [x, p], stash_type=10)


@pytest.mark.parametrize("outputs", [1, 4])
def test_skip_forms(outputs: int) -> None:
    x, skip, gamma, beta, bias = normal(2, 3, 8), normal(2, 3, 8), normal(8), normal(8), normal(8)
    h = (x + skip + bias).astype(np.float64)
    mean, var = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
    square = (h**2).mean(-1, keepdims=True)
    found = run("SkipLayerNormalization", [x, skip, gamma, beta, bias], outputs, epsilon=1e-3)
    wanted = [(h - mean) / np.sqrt(var + 1e-3) * gamma + beta, mean, 1 / np.sqrt(var + 1e-3), h]
    simple = run("SkipSimplifiedLayerNormalization", [x, skip, gamma, bias], outputs, epsilon=1e-3)
    expected = [h / np.sqrt(square + 1e-3) * gamma, None, 1 / np.sqrt(square + 1e-3), h]
    for values, formulas in ((found, wanted), (simple, expected)):
        for y, formula in zip(values, formulas, strict=False):
            if formula is not None:
                np.testing.assert_allclose(y, formula, rtol=1e-5, atol=1e-5)
    (plain,) = run("SkipLayerNormalization", [x, skip, gamma])
    h = x + skip
    np.testing.assert_allclose(
        plain, (h - h.mean(-1, keepdims=True)) / h.std(-1, keepdims=True) * gamma, rtol=1e-4, atol=1e-5
    )


def by_groups(x: Array, groups: int, gamma: Array, beta: Array, eps: float, silu: int) -> Array:
    """Of (N, ..., C), in float64."""
    parts = x.astype(np.float64).reshape(len(x), -1, groups, x.shape[-1] // groups)
    mean, var = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    y = ((parts - mean) / np.sqrt(var + eps)).reshape(x.shape) * gamma.astype(float) + beta.astype(float)
    return np.asarray(y / (1 + np.exp(-y)) if silu else y)


# ONNX Runtime's own cases have 128 channels in 32 groups, and with skips 64 and 320 and 128 more.
@sweep(
    shape=[(2, 2, 2, 128), (1, 1, 1, 32), (2, 3, 1, 64), (1, 4, 4, 320), (3, 5, 32), (2, 64)],
    dtype=[np.float16, np.float32, np.float64],
    activation=(0, 1),
    channels_last=(0, 1),
)
def test_group_norm(shape: tuple[int, ...], dtype: Any, activation: int, channels_last: int) -> None:
    """And with sums before it, of skips of all shapes."""
    x, (gamma, beta, bias) = normal(*shape, dtype=dtype), normal(3, shape[-1])
    bias = bias.astype(dtype)
    how = {"groups": 32, "epsilon": 1e-3, "activation": activation, "channels_last": channels_last}
    tolerance = max(4 * float(np.finfo(dtype).eps), 1e-6)
    lanes = np.float64 if dtype is np.float64 else np.float32

    def laid(v: Array) -> Array:
        return v if channels_last else np.ascontiguousarray(np.moveaxis(v, -1, 1))

    (y,) = run("GroupNorm", [laid(x), gamma, beta], opset=17, **how)
    wanted = laid(by_groups(x, 32, gamma, beta, 1e-3, activation))
    assert (y.dtype, y.shape) == (dtype, wanted.shape)
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=tolerance)
    whole, one = normal(*shape, dtype=dtype), normal(shape[0], shape[-1], dtype=dtype)
    everywhere = one.reshape(shape[0], *(1,) * (len(shape) - 2), shape[-1])
    for skip, given in ((whole, laid(whole)), (everywhere, laid(everywhere)), (everywhere, one)):
        for shift in (None, bias):
            total = np.add(x, skip, dtype=lanes) + lanes(0 if shift is None else shift)  # the norm's input
            found, h = run("SkipGroupNorm", [laid(x), gamma, beta, given, shift], 2, 17, **how)
            assert found.dtype == h.dtype == dtype
            np.testing.assert_allclose(h, laid(total), rtol=tolerance, atol=tolerance)
            wanted = laid(by_groups(total, 32, gamma, beta, 1e-3, activation))
            np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=4 * tolerance)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_embeddings_by_formula(dtype: Any) -> None:
    """ONNX Runtime's CPU has float32 alone; test_onnx_runtime.py has that beside it."""
    words, positions, segments = (normal(n, 8, dtype=dtype) for n in (9, 5, 2))
    gamma, beta = normal(8, dtype=dtype), normal(8, dtype=dtype)
    ids, kinds = rng.integers(0, 9, (3, 4), np.int32), rng.integers(0, 2, (3, 4), np.int32)
    at, mask = rng.integers(0, 5, (3, 4), np.int32), rng.integers(0, 3, (3, 4), np.int32)
    inputs = [ids, kinds, words, positions, segments, gamma, beta, mask, at]
    y, counts, h = run("EmbedLayerNormalization", inputs, 3, 17, epsilon=1e-3)
    tables = ((words, ids), (positions, at), (segments, kinds))
    total = np.sum([table.astype(float)[i] for table, i in tables], axis=0)
    mean, var = total.mean(-1, keepdims=True), total.var(-1, keepdims=True)
    tolerance = 4 * float(np.finfo(dtype).eps)
    wanted = (total - mean) / np.sqrt(var + 1e-3) * gamma.astype(float) + beta.astype(float)
    assert y.dtype == h.dtype == dtype
    np.testing.assert_allclose(h, total, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(y, wanted, rtol=tolerance, atol=4 * tolerance)
    np.testing.assert_array_equal(counts, (mask == 1).sum(1))
