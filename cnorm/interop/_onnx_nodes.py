"""What nodes of ONNX's reference evaluator are made of, and what becomes of their outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from cnorm._accept.arrays import Array
from cnorm.interop._require import require

__all__ = ["OpRun", "inverse_deviation", "mean_square", "outputs", "wants"]

OpRun: Any = require("onnx.reference.op_run", "onnx").OpRun


def outputs(node: Any, *values: Any) -> tuple[Any, ...]:
    """As many as the node has; the evaluator takes no None for one that is not computed."""
    asked = values[: len(node.onnx_node.output)]
    return tuple(np.empty(0, np.float32) if value is None else value for value in asked)


def wants(node: Any, first: int, last: int | None = None) -> bool:
    """Has the node a name for one of these outputs?"""
    return any(node.onnx_node.output[first:last])


def inverse_deviation(var: Any, epsilon: float) -> Any:
    """As float32, the stash type; None for None."""
    return None if var is None else (1 / np.sqrt(np.asarray(var, np.float64) + epsilon)).astype(np.float32)


def mean_square(x: Array, axis: int) -> Array:
    square = np.square(x, dtype=np.float64)
    return np.asarray(square.mean(tuple(range(axis, x.ndim)), keepdims=True))
