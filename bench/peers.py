"""The peers: each turns a case into a function to time, or None where it has no such operation."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
from bench.cases import Case, Data

Timed = Callable[[], Any]


def ours(case: Case, d: Data) -> Timed | None:
    x, out, w, b = d.x, d.out, d.weight, d.bias
    rows = case.shape[-1:]
    return {
        "layer_norm": lambda: F.layer_norm(x, rows, w, b, out=out),
        "rms_norm": lambda: F.rms_norm(x, rows, w, 1e-5, out=out),
        "batch_norm_eval": lambda: F.batch_norm(x, d.mean, d.var, w, b, out=out),
        "batch_norm_train": lambda: F.batch_norm(x, None, None, w, b, True, out=out),
        "instance_norm": lambda: F.instance_norm(x, None, None, w, b, out=out),
        "group_norm": lambda: F.group_norm(x, case.groups, w, b, out=out),
        "local_response_norm": lambda: F.local_response_norm(x, 5, out=out),
        "moments": lambda: cnorm.moments(x, case.axes),
        "zscore": lambda: cnorm.standardize(x, 0, eps=0, out=out),
    }[case.operation]


def numpy_peer(case: Case, d: Data) -> Timed | None:
    x, w, b = d.x, d.weight, d.bias
    channel = (1, -1) + (1,) * (x.ndim - 2)
    if case.operation == "moments":
        return lambda: (x.mean(case.axes), x.var(case.axes))
    if case.operation == "zscore":
        return lambda: (x - x.mean(0)) / x.std(0)
    if case.operation == "rms_norm":
        return lambda: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w
    if case.operation == "batch_norm_eval":
        scale = (w / np.sqrt(d.var + 1e-5)).reshape(channel)
        shift = (b - d.mean * scale.ravel()).reshape(channel)
        return lambda: x * scale + shift
    if case.operation == "local_response_norm" or case.groups:
        return None
    w, b = (w, b) if case.operation == "layer_norm" else (w.reshape(channel), b.reshape(channel))
    axes = case.axes

    def run() -> Any:
        centered = x - x.mean(axes, keepdims=True)
        return centered / np.sqrt((centered * centered).mean(axes, keepdims=True) + 1e-5) * w + b

    return run


def torch_peer(case: Case, d: Data) -> Timed | None:
    import torch

    T = torch.nn.functional
    x, w, b, mean, var = (torch.from_numpy(a) for a in (d.x, d.weight, d.bias, d.mean, d.var))
    if case.dtype == "float16":
        w, b = w.half(), b.half()
    rows = case.shape[-1:]
    calls: dict[str, Timed] = {
        "layer_norm": lambda: T.layer_norm(x, rows, w, b),
        "rms_norm": lambda: T.rms_norm(x, rows, w, 1e-5),
        "batch_norm_eval": lambda: T.batch_norm(x, mean, var, w, b),
        "batch_norm_train": lambda: T.batch_norm(x, None, None, w, b, True),
        "instance_norm": lambda: T.instance_norm(x, None, None, w, b),
        "group_norm": lambda: T.group_norm(x, case.groups, w, b),
        "local_response_norm": lambda: T.local_response_norm(x, 5),
        "moments": lambda: torch.var_mean(x, case.axes, correction=0)[::-1],
    }
    call = calls.get(case.operation)
    if call is None:
        return None

    def run() -> Any:
        with torch.inference_mode():
            return call()

    return run


_ONNX = {
    "layer_norm": ("LayerNormalization", 17, {"epsilon": 1e-5}),
    "rms_norm": ("RMSNormalization", 23, {"epsilon": 1e-5}),
    "batch_norm_eval": ("BatchNormalization", 15, {"epsilon": 1e-5}),
    "instance_norm": ("InstanceNormalization", 6, {"epsilon": 1e-5}),
    "group_norm": ("GroupNormalization", 21, {"epsilon": 1e-5}),
    "local_response_norm": ("LRN", 13, {"size": 5}),
}


def onnx_peer(case: Case, d: Data) -> Timed | None:
    import onnxruntime
    from onnx import TensorProto, helper

    if case.operation not in _ONNX or case.dtype != "float32" or case.layout != "contiguous":
        return None
    name, opset, attributes = _ONNX[case.operation]
    if case.groups:
        attributes = {**attributes, "num_groups": case.groups}
    feeds = {"x": d.x}
    if name not in ("LRN",):
        feeds["w"] = d.weight
    if name not in ("LRN", "RMSNormalization"):
        feeds["b"] = d.bias
    if name == "BatchNormalization":
        feeds |= {"mean": d.mean, "var": d.var}
    node = helper.make_node(name, list(feeds), ["y"], **attributes)
    inputs = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in feeds.items()]
    graph = helper.make_graph(
        [node], "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cnorm.get_num_threads()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    except Exception:  # operators this version does not implement
        return None
    return lambda: session.run(None, feeds)[0]


def sklearn_peer(case: Case, d: Data) -> Timed | None:
    from sklearn.preprocessing import StandardScaler

    return (lambda: StandardScaler().fit_transform(d.x)) if case.operation == "zscore" else None


PEERS: dict[str, tuple[str, Callable[[Case, Data], Timed | None]]] = {
    "cnorm": ("cnorm", ours),
    "torch": ("torch", torch_peer),
    "onnxruntime": ("onnxruntime", onnx_peer),
    "numpy": ("numpy", numpy_peer),
    "sklearn": ("sklearn", sklearn_peer),
}


def installed(peer: str) -> bool:
    """Is the peer's package there (and, for ONNX Runtime, the model builder)?"""
    needs = [PEERS[peer][0], *(["onnx"] if peer == "onnxruntime" else [])]
    return all(importlib.util.find_spec(n) is not None for n in needs)


def set_threads(n: int) -> None:
    """The same number for all that can be told; NumPy's loops use one."""
    cnorm.set_num_threads(n)
    if installed("torch"):
        import torch

        torch.set_num_threads(n)
