"""OpenVINO: a compiled model of the operation, parameters in the model, 32-bit arithmetic asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import openvino
from openvino import opset15 as op

from bench.cases import Case
from bench.data import EPS, Array, Data, against
from bench.peers import FRESH, PREALLOCATED, Calls

Node = Any


def mvn(x: Node, axes: tuple[int, ...], eps: float = EPS) -> Node:
    """Zero mean, unit variance."""
    return op.mvn(x, op.constant(np.array(axes, np.int64)), True, eps, "inside_sqrt")


def affine(x: Node, w: Array, b: Array) -> Node:
    """Scale and shift."""
    return op.add(op.multiply(x, op.constant(w)), op.constant(b))


def rms(x: Node, w: Array) -> Node:
    """The pattern its compiler recognizes."""
    square = op.power(x, op.constant(np.array(2, w.dtype)))
    mean = op.reduce_mean(square, op.constant(np.array([-1], np.int64)), True)
    root = op.sqrt(op.add(mean, op.constant(np.array(EPS, w.dtype))))
    inverse = op.divide(op.constant(np.array(1, w.dtype)), root)
    return op.multiply(op.multiply(x, inverse), op.constant(w))


def moments(x: Node, axes: tuple[int, ...]) -> list[Node]:
    """Mean, then mean of squared deviations."""
    over = op.constant(np.array(axes, np.int64))
    deviation = op.subtract(x, op.reduce_mean(x, over, True))
    return [op.reduce_mean(x, over, False), op.reduce_mean(op.multiply(deviation, deviation), over, False)]


def minmax(x: Node) -> Node:
    """Columns to 0 ... 1."""
    over = op.constant(np.array([0], np.int64))
    low, high = op.reduce_min(x, over, True), op.reduce_max(x, over, True)
    return op.divide(op.subtract(x, low), op.subtract(high, low))


def graph(case: Case, d: Data, x: Node) -> Node | list[Node] | None:
    """The operation as nodes; None where there is no natural form."""
    w, b = (against(case, p).astype(d.x.dtype) for p in (d.weight, d.bias))
    five = op.constant(np.array([1], np.int64))
    table: dict[str, Any] = {
        "layer_norm": lambda: affine(mvn(x, case.axes), w, b),
        "rms_norm": lambda: rms(x, w),
        "batch_norm_eval": lambda: op.batch_norm_inference(x, d.weight, d.bias, d.mean, d.var, EPS),
        "batch_norm_train": lambda: affine(mvn(x, case.axes), w, b),
        "instance_norm": lambda: affine(mvn(x, case.axes), w, b),
        "group_norm": lambda: op.group_normalization(
            x, op.constant(d.weight), op.constant(d.bias), case.groups, EPS
        ),
        "local_response_norm": lambda: op.lrn(x, five, 1e-4, 0.75, 1.0, 5),
        "moments": lambda: moments(x, case.axes),
        "zscore": lambda: mvn(x, (0,), 1e-12),
        "minmax": lambda: minmax(x),
    }
    return table.get(case.operation, lambda: None)()


def compiled(nodes: Any, parameter: Node, threads: int) -> Any:
    """For one request at a time."""
    model = openvino.Model(nodes if isinstance(nodes, list) else [nodes], [parameter])
    options = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }
    return openvino.Core().compile_model(model, "CPU", options)


def calls(case: Case, d: Data, threads: int) -> Calls:
    """None for layouts it does not know and graphs it cannot compile."""
    if case.dtype not in ("float32", "float16") or not d.x.flags.c_contiguous:
        return {}
    parameter = op.parameter(case.shape, d.x.dtype)
    try:
        nodes = graph(case, d, parameter)
        if nodes is None:
            return {}
        ready = compiled(nodes, parameter, threads)
    except RuntimeError:
        return {}
    fresh, given = ready.create_infer_request(), ready.create_infer_request()

    def allocate() -> Any:
        results = fresh.infer({0: d.x}, share_inputs=True, share_outputs=False)
        values = [results[i] for i in range(len(results))]
        return tuple(values) if case.operation == "moments" else values[0]

    def reuse() -> Any:
        given.infer()
        return d.out

    if case.operation == "moments":
        return {FRESH: allocate}
    given.set_input_tensor(openvino.Tensor(d.x, shared_memory=True))
    given.set_output_tensor(openvino.Tensor(d.out, shared_memory=True))
    return {FRESH: allocate, PREALLOCATED: reuse}
