"""ONNX's operators beside ONNX Runtime: random shapes, parameters and attributes, the same results."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
interop = pytest.importorskip("cnorm.interop.onnx")

from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

Array = np.ndarray[Any, Any]
Node = tuple[
    str, list[Any], dict[str, Any], int, int
]  # operator, inputs (or None), attributes, outputs, opset
DTYPES = (np.float16, np.float32, np.float64)
# Absolute, of values up to 10; ONNX Runtime's own float32 errors reach 1e-4 where a group has one value.
TOLERANCE = {"float16": 2e-2, "float32": 5e-4, "float64": 5e-4}


def options() -> Any:
    chosen = runtime.SessionOptions()
    chosen.log_severity_level = 4
    chosen.intra_op_num_threads = 1
    chosen.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return chosen


def both(node: Node) -> tuple[list[Array], list[Array]]:
    """The results of ONNX Runtime and ours."""
    op, inputs, attributes, outputs, opset = node
    names = [f"i{k}" if value is not None else "" for k, value in enumerate(inputs)]
    results = [f"o{k}" for k in range(outputs)]
    if op == "SkipSimplifiedLayerNormalization" and outputs == 4:
        results[1:3] = "", ""  # ONNX Runtime's are not computed
    domain = "com.microsoft" if op.startswith(("Skip", "Embed")) else ""
    made = helper.make_node(op, names, results, domain=domain, **attributes)
    typed = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in zip(names, inputs, strict=True)
        if value is not None
    ]
    kept = [name for name in results if name]
    graph = helper.make_graph([made], "g", typed, [helper.make_value_info(n, onnx.TypeProto()) for n in kept])
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    given = {name: value for name, value in zip(names, inputs, strict=True) if name}
    theirs = runtime.InferenceSession(model.SerializeToString(), options(), ["CPUExecutionProvider"])
    ours = ReferenceEvaluator(model, new_ops=interop.ops())
    return theirs.run(kept, given), ours.run(kept, given)


@st.composite
def shapes(draw: Any, least: int, most: int) -> tuple[int, ...]:
    return tuple(draw(st.lists(st.integers(1, 5), min_size=least, max_size=most)))


@st.composite
def arrays(draw: Any, shape: tuple[int, ...], dtype: Any, low: float = -4, high: float = 4) -> Array:
    seed = draw(st.integers(0, 2**32 - 1))
    return np.asarray(np.random.default_rng(seed).uniform(low, high, shape)).astype(dtype)


@st.composite
def broadcasting(draw: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to another one."""
    kept = shape[draw(st.integers(0, len(shape) - 1)) :]
    return tuple(draw(st.sampled_from([1, n])) for n in kept)


@st.composite
def from_an_axis(draw: Any) -> Node:
    names = ["LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"]
    op, dtype, shape = draw(st.sampled_from(names)), draw(st.sampled_from(DTYPES)), draw(shapes(1, 4))
    inputs = [draw(arrays(shape, dtype)), draw(arrays(draw(broadcasting(shape)), dtype))]
    if op == "LayerNormalization" and draw(st.booleans()):
        inputs.append(draw(arrays(draw(broadcasting(shape)), dtype)))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    if op == "SimplifiedLayerNormalization":  # its kernel broadcasts vectors only
        inputs[1] = draw(arrays(shape[axis:], dtype))
    outputs = draw(st.integers(1, {"LayerNormalization": 3, "RMSNormalization": 1}.get(op, 2)))
    return op, inputs, {"axis": axis, "epsilon": draw(st.sampled_from([1e-5, 0.5]))}, outputs, 23


@st.composite
def of_channels(draw: Any) -> Node:
    op = draw(st.sampled_from(["GroupNormalization", "InstanceNormalization"]))
    shape = draw(shapes(3, 4))
    groups = draw(st.sampled_from([g for g in range(1, 6) if shape[1] % g == 0]))
    opset = draw(st.sampled_from([18, 21]))
    dtype = np.float32
    vector = (groups if op[0] == "G" and opset < 21 else shape[1],)
    inputs = [draw(arrays(s, dtype)) for s in (shape, vector, vector)]
    inputs[0] = inputs[
        0
    ].round()  # of values nearly equal ONNX Runtime's GroupNormalization errs by 0.03, ours by 4e-7
    return op, inputs, {"num_groups": groups} if op[0] == "G" else {}, 1, opset


@st.composite
def of_batches(draw: Any) -> Node:
    opset, shape = draw(st.sampled_from([7, 9, 15])), draw(shapes(1, 4))
    training = opset == 15 and len(shape) > 1 and draw(st.booleans())
    attributes: dict[str, Any] = {"epsilon": 0.1}
    vector = shape[1:2] or (1,)
    if training:
        attributes |= {"training_mode": 1, "momentum": draw(st.sampled_from([0.9, 0.25]))}
    elif opset == 7 and len(shape) > 2 and draw(st.booleans()):
        attributes["spatial"], vector = 0, shape[1:]
    inputs = [draw(arrays(s, np.float32)) for s in (shape, vector, vector, vector)]
    inputs.append(draw(arrays(vector, np.float32, 0.5)))
    return "BatchNormalization", inputs, attributes, 3 if training else 1, opset


@st.composite
def without_parameters(draw: Any) -> Node:
    op = draw(st.sampled_from(["LRN", "LpNormalization", "MeanVarianceNormalization"]))
    if op == "LRN":
        attributes = {"size": draw(st.sampled_from([1, 3, 5])), "alpha": 0.3, "bias": draw(st.floats(0.5, 2))}
        return op, [draw(arrays(draw(shapes(4, 4)), np.float32))], attributes, 1, 13
    shape = draw(shapes(1, 4))
    x = draw(arrays(shape, np.float32))
    axes = draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    if op == "LpNormalization":
        return op, [x], {"axis": axes[0] - len(shape), "p": draw(st.sampled_from([1, 2]))}, 1, 13
    if math.prod(shape[a] for a in axes) == 1:  # ONNX Runtime subtracts a mean that is rounded
        axes, x = [len(shape)], np.stack([x, 2 * x], -1)
    return op, [x], {"axes": sorted(axes)}, 1, 13


@st.composite
def of_sums(draw: Any) -> Node:
    op = draw(st.sampled_from(["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]))
    dtype, shape = draw(st.sampled_from([np.float16, np.float32])), draw(shapes(2, 3))
    skip = shape if len(shape) == 2 else draw(st.sampled_from([shape, (1, *shape[1:]), shape[1:]]))
    level = draw(st.sampled_from([0, 1000, 30000])) if dtype == np.float16 else 0
    inputs = [draw(arrays(s, dtype, level - 40, level + 40)) for s in (shape, skip)]
    count = draw(st.integers(1, 2 if op == "SkipSimplifiedLayerNormalization" else 3))
    inputs += [draw(arrays(shape[-1:], dtype)) for _ in range(count)]
    return op, inputs, {"epsilon": 1e-3}, draw(st.sampled_from([1, 4])), 17


@st.composite
def of_embeddings(draw: Any) -> Node:
    """With and without segments, a mask and positions; the cases ONNX Runtime tests are among them."""
    (batch, length), hidden = draw(shapes(2, 2)), draw(st.integers(1, 8))
    tables = [draw(arrays((n, hidden), np.float32)) for n in (7, 6, 2)]
    affine = [draw(arrays((hidden,), np.float32)) for _ in range(2)]
    words, kinds, mask = (draw(arrays((batch, length), np.int32, 0, n)) for n in (7, 2, 3))
    at = draw(arrays((draw(st.sampled_from([1, batch])), length), np.int32, 0, 6))
    segmented, masked, placed = (draw(st.booleans()) for _ in range(3))
    inputs = [words, kinds if segmented else None, *tables[:2], tables[2] if segmented else None, *affine]
    inputs += [mask if masked else None, at if placed else None]
    return "EmbedLayerNormalization", inputs, {"epsilon": 1e-3}, draw(st.sampled_from([2, 3])), 17


def agree(node: Node) -> None:
    for theirs, ours in zip(*both(node), strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        atol = TOLERANCE.get(ours.dtype.name, 0)
        np.testing.assert_allclose(ours.astype(float), theirs.astype(float), rtol=atol, atol=atol)


@pytest.mark.parametrize(
    "nodes",
    [from_an_axis, of_channels, of_batches, without_parameters, of_sums, of_embeddings],
    ids=lambda f: f.__name__,
)
def test_results_are_those_of_onnx_runtime(nodes: Any) -> None:
    @settings(max_examples=60, deadline=None)
    @given(node=nodes())
    def run(node: Node) -> None:
        agree(node)

    run()


@pytest.mark.parametrize("level", [1000, 40000])
def test_sums_of_sixteen_bits_are_not_rounded(level: int) -> None:
    """About 2000 a float16 has steps of 1; beyond 65504 it has nothing, and sums may be there."""
    rng = np.random.default_rng(0)
    x, skip = rng.normal(level, level / 500, (2, 1, 4, 64)).astype(np.float16)
    total = x.astype(float) + skip.astype(float)
    wanted = {"SkipLayerNormalization": (total - total.mean(-1)[..., None]) / total.std(-1)[..., None]}
    wanted["SkipSimplifiedLayerNormalization"] = total / np.sqrt((total**2).mean(-1))[..., None]
    for op, formula in wanted.items():
        theirs, ours = both((op, [x, skip, np.ones(64, np.float16)], {}, 4, 17))
        np.testing.assert_allclose(ours[0], formula, rtol=5e-4, atol=5e-7)
        np.testing.assert_allclose(theirs[0], formula, rtol=5e-3, atol=1e-3)
        np.testing.assert_array_equal(ours[-1], theirs[-1])
