"""ONNX Runtime: a model with an operator of its own, which the reference evaluator runs by cnorm's."""

import numpy as np
import onnx
import onnxruntime
from _compare import Adoption, show

from cnorm.interop.onnx import ops

MODEL = """<ir_version: 10, opset_import: ["" : 20, "com.microsoft" : 1]>
    block (float[N, 384] x, float[N, 384] s, float[384] w) => (float[N, 384] y)
    { y = com.microsoft.SkipLayerNormalization <epsilon = 1e-5> (x, s, w) }"""
model, options = onnx.parser.parse_model(MODEL), onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
runtime = onnxruntime.InferenceSession(model.SerializeToString(), options)
evaluator = onnx.reference.ReferenceEvaluator(model, new_ops=ops())


def exact(x, s, w):
    return ((x + s) - (x + s).mean(1, keepdims=True)) / np.sqrt((x + s).var(1, keepdims=True) + 1e-5) * w


def main():
    rng = np.random.default_rng(0)
    x, s, w = (rng.normal(size=n).astype(np.float32) for n in ((1024, 384), (1024, 384), 384))
    calls = (lambda x, s, w, of=of: of.run(None, {"x": x, "s": s, "w": w})[0] for of in (runtime, evaluator))
    show(
        Adoption(
            "onnxruntime", "InferenceSession.run, SkipLayerNormalization", *calls, lambda: (x, s, w), exact
        )
    )


if __name__ == "__main__":
    main()
