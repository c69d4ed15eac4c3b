"""ONNX Runtime: a model of a single operator, parameters in the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from bench.cases import Case
from bench.data import EPS, Array, Data
from bench.peers import FRESH, PREALLOCATED, Calls

LEARNING, OWN = "ai.onnx.ml", "com.microsoft"
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE}


def single(name: str, names: str, d: Data, **attributes: Any) -> list[Any]:
    """One node whose inputs are x and these parameters."""
    return [helper.make_node(name, ["x", *names.split()], ["y"], **attributes)]


def standardizing(axes: tuple[int, ...], *, affine: bool) -> list[Any]:
    """MeanVarianceNormalization, with scale and shift where the operation has them."""
    if not affine:
        return [helper.make_node("MeanVarianceNormalization", ["x"], ["y"], axes=axes)]
    return [
        helper.make_node("MeanVarianceNormalization", ["x"], ["z"], axes=axes),
        helper.make_node("Mul", ["z", "w"], ["s"]),
        helper.make_node("Add", ["s", "b"], ["y"]),
    ]


def scaling(d: Data) -> list[Any]:
    """The operator a fitted scaler is exported to."""
    offset, scale = d.fit.mean(0).tolist(), (1 / d.fit.std(0)).tolist()
    return [helper.make_node("Scaler", ["x"], ["y"], domain=LEARNING, offset=offset, scale=scale)]


def nodes(case: Case, d: Data) -> tuple[list[Any], int]:
    """The operator and the version of the operator set; none where ONNX has no such operator."""
    table: dict[str, Any] = {
        "rms_norm": lambda: (single("RMSNormalization", "w", d, epsilon=EPS), 23),
        "batch_norm_eval": lambda: (single("BatchNormalization", "w b mean var", d, epsilon=EPS), 15),
        "batch_norm_train": lambda: (standardizing(case.axes, affine=True), 13),
        "instance_norm": lambda: (single("InstanceNormalization", "w b", d, epsilon=EPS), 6),
        "group_norm": lambda: (
            single("GroupNormalization", "w b", d, epsilon=EPS, num_groups=case.groups),
            21,
        ),
        "local_response_norm": lambda: (single("LRN", "", d, size=5), 13),
        "scaler_row": lambda: (scaling(d), 13),
        "zscore": lambda: (standardizing((0,), affine=False), 13),
    }
    if case.operation == "layer_norm" and case.axes != (1,):
        return single("LayerNormalization", "w b", d, axis=-len(case.axes), epsilon=EPS), 17
    made: tuple[list[Any], int] = table.get(case.operation, lambda: ([], 0))()
    return made


def built(graph: list[Any], opset: int, case: Case, parameters: dict[str, Array]) -> bytes:
    """Serialized, with the parameters it uses as constants; x and perhaps r to y and perhaps h."""
    used = {name for node in graph for name in node.input}
    constants = [numpy_helper.from_array(p.astype(case.dtype), n) for n, p in parameters.items() if n in used]
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TYPES[case.dtype], case.shape) for name in names]
        for names in (sorted(used & {"x", "r"}, reverse=True), ["y", "h"] if "r" in used else ["y"])
    )
    made = helper.make_model(
        helper.make_graph(graph, "single", inputs, outputs, constants),
        opset_imports=[helper.make_opsetid(*v) for v in (("", opset), (LEARNING, 3), (OWN, 1))],
        ir_version=10,
    )
    serialized: bytes = made.SerializeToString()
    return serialized


def model(case: Case, d: Data) -> bytes | None:
    """Of one operator; None where there is none."""
    graph, opset = nodes(case, d)
    if not graph:
        return None
    parameters = {"w": d.weight, "b": d.bias, "mean": d.mean, "var": d.var}
    if case.operation == "batch_norm_train":
        shape = (1, -1) + (1,) * (len(case.shape) - 2)
        parameters = {name: p.reshape(shape) for name, p in parameters.items()}
    return built(graph, opset, case, parameters)


def session(serialized: bytes, threads: int) -> Any:
    """Threads that sleep when idle, so that they do not disturb the next contender."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(serialized, options, providers=["CPUExecutionProvider"])


def skip_norm(case: Case, d: Data) -> bytes:
    """onnxruntime's own operators for a residual; the sum is the fourth result."""
    name, names = ("SkipLayerNormalization", "wb")
    if case.operation == "rms_norm":
        name, names = ("SkipSimplifiedLayerNormalization", "w")
    node = helper.make_node(name, ["x", "r", *names], ["y", "", "", "h"], domain=OWN, epsilon=EPS)
    return built([node], 17, case, {"w": d.weight, "b": d.bias})


def fused_calls(case: Case, d: Data, threads: int) -> Calls:
    """A residual; activations are nodes of their own, as everywhere."""
    if case.activation:
        return {}
    ready = session(skip_norm(case, d), threads)
    feeds = {"x": d.x, "r": d.residual}
    return {FRESH: lambda: tuple(ready.run(["y", "h"], feeds))}


def bound(ready: Any, x: Array, out: Array) -> Any:
    """A call that reads and writes our memory."""
    binding = ready.io_binding()
    binding.bind_cpu_input("x", x)
    binding.bind_output("y", "cpu", 0, out.dtype, out.shape, out.ctypes.data)

    def run() -> Array:
        ready.run_with_iobinding(binding)
        return out

    return run


def calls(case: Case, d: Data, threads: int) -> Calls:
    """None for layouts ONNX does not know and operators this version does not implement."""
    if case.dtype not in TYPES or not d.x.flags.c_contiguous:
        return {}
    if case.fused:
        return fused_calls(case, d, threads)
    serialized = model(case, d)
    if serialized is None:
        return {}
    try:
        ready = session(serialized, threads)
    except Exception:
        return {}
    feeds = {"x": d.x}
    return {
        FRESH: lambda: np.asarray(ready.run(None, feeds)[0]),
        PREALLOCATED: bound(ready, d.x, d.out),
    }
