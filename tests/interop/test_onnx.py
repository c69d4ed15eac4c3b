"""ONNX's operators: the standard's own cases, opsets, optional outputs, the skip forms by formula."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

ml_dtypes, onnx = pytest.importorskip("ml_dtypes"), pytest.importorskip("onnx")

from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from cnorm.interop import onnx as interop  # noqa: E402

Array = np.ndarray[Any, Any]
rng = np.random.default_rng(0)
STANDARD = ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LRN", "LayerNormalization")
STANDARD += ("LpNormalization", "MeanVarianceNormalization", "RMSNormalization")


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
    domain = "com.microsoft" if op.startswith("Skip") else ""
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
    assert type(session.rt_nodes_[0]).__module__ == "cnorm.interop.onnx"
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
    assert {op.__name__ for op in interop.ops()} - set(STANDARD) == {
        "SkipLayerNormalization",
        "SkipSimplifiedLayerNormalization",
    }


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
