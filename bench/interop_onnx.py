"""ONNX's reference evaluator with its own operators and with cnorm's: python -m bench.interop_onnx."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

import cnorm
from bench.tables import compared_row
from cnorm._bench.interleave import compared
from cnorm.interop.onnx import ops

SECONDS = 0.5
# Of ONNX Runtime alone, and what the standard calls it.
STANDARD = {"SimplifiedLayerNormalization": "RMSNormalization"}
# Operator, shapes of its inputs, attributes.
CASES: list[tuple[str, list[tuple[int, ...]], dict[str, Any]]] = [
    ("LayerNormalization", [(1, 128, 768), (768,), (768,)], {}),
    ("RMSNormalization", [(1, 128, 768), (768,)], {}),
    ("SimplifiedLayerNormalization", [(1, 128, 768), (768,)], {}),
    ("GroupNormalization", [(1, 320, 32, 32), (320,), (320,)], {"num_groups": 32}),
    ("InstanceNormalization", [(1, 64, 56, 56), (64,), (64,)], {}),
    ("BatchNormalization", [(1, 64, 56, 56), *[(64,)] * 4], {}),
    ("LRN", [(1, 96, 27, 27)], {"size": 5}),
    ("LpNormalization", [(128, 768)], {}),
    ("MeanVarianceNormalization", [(8, 64, 28, 28)], {}),
]


def model(op: str, inputs: list[Any], attributes: dict[str, Any]) -> Any:
    """A graph of one node."""
    names = [f"i{k}" for k in range(len(inputs))]
    typed = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, x.shape)
        for name, x in zip([*names, "y"], [*inputs, inputs[0]], strict=True)
    ]
    node = helper.make_node(op, names, ["y"], **attributes)
    opset = [helper.make_opsetid("", 23)]
    return helper.make_model(helper.make_graph([node], "g", typed[:-1], typed[-1:]), opset_imports=opset)


def main() -> None:
    cnorm.set_num_threads(1)
    rng = np.random.default_rng(0)
    print("| operator | input | its own | cnorm's | its own / cnorm's |\n|---|---|---|---|---|")
    for op, shapes, attributes in CASES:
        inputs = [rng.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]
        given = {f"i{k}": x for k, x in enumerate(inputs)}
        own = ReferenceEvaluator(model(STANDARD.get(op, op), inputs, attributes))
        ours = ReferenceEvaluator(model(op, inputs, attributes), new_ops=ops())
        calls = {"own": partial(own.run, None, given), "cnorm": partial(ours.run, None, given)}
        if op != "LRN":  # whose own operator leaves all channels from the batch size on as they are
            np.testing.assert_allclose(calls["own"]()[0], calls["cnorm"]()[0], rtol=1e-3, atol=1e-4)
        found = compared(calls, "cnorm", SECONDS)
        print(compared_row([op, str(shapes[0])], found, "own"), flush=True)


if __name__ == "__main__":
    main()
