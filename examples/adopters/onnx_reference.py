"""ONNX: a model in the reference evaluator, with its own operators and with cnorm's."""

import numpy as np
import onnx
from _compare import Adoption, show
from onnx.reference import ReferenceEvaluator

from cnorm.interop.onnx import ops

MODEL = """<ir_version: 10, opset_import: ["" : 23]> block (float[N, 64, 56, 56] x, float[64] w, float[64] b)
    => (float[N, 64, 56, 56] y) { h = GroupNormalization <num_groups = 8> (x, w, b)  y = Relu(h) }"""
own, with_ours = (ReferenceEvaluator(onnx.parser.parse_model(MODEL), new_ops=new) for new in (None, ops()))


def exact(x, w, b):
    groups = x.reshape(2, 8, -1)
    h = (groups - groups.mean(2, keepdims=True)) / np.sqrt(groups.var(2, keepdims=True) + 1e-5)
    return np.maximum(h.reshape(x.shape) * w[:, None, None] + b[:, None, None], 0)


def main():
    x, w, b = (np.random.default_rng(0).normal(size=s).astype(np.float32) for s in ((2, 64, 56, 56), 64, 64))
    calls = (lambda x, w, b, of=of: of.run(None, {"x": x, "w": w, "b": b})[0] for of in (own, with_ours))
    show(Adoption("onnx", "ReferenceEvaluator.run, GroupNormalization", *calls, lambda: (x, w, b), exact))


if __name__ == "__main__":
    main()
