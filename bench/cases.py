"""The table of cases: operation, shape, dtype and layout, with data and a float64 reference for each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """One measurement. `axes` are those a statistic covers, `groups` split axis 1."""

    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    layout: str = "contiguous"
    axes: tuple[int, ...] = (-1,)
    groups: int = 0

    def __str__(self) -> str:
        extra = [f"axes {self.axes}"] if self.operation == "moments" else []
        extra += [self.dtype] if self.dtype != "float32" else []
        extra += [self.layout] if self.layout != "contiguous" else []
        extra += [f"{self.groups} groups"] if self.groups else []
        return " ".join([self.operation, str(self.shape).replace(" ", ""), *extra])


@dataclass
class Data:
    """Arrays of a case: input, output to write to, parameters per channel or element."""

    x: Array
    out: Array
    weight: Array
    bias: Array
    mean: Array
    var: Array
    expected: Any = field(default=None)


def trailing(*shapes: tuple[int, ...], operation: str = "layer_norm", dtype: str = "float32") -> list[Case]:
    return [Case(operation, shape, dtype) for shape in shapes]


CASES: list[Case] = [
    *trailing(
        (1, 768), (8, 768), (128, 768), (2048, 768), (4096, 4096), (1000, 333), (100000, 16), (4, 1000000)
    ),
    Case("layer_norm", (2048, 768), "float64"),
    Case("layer_norm", (2048, 768), "float16"),
    *trailing((1, 4096), (128, 768), (2048, 4096), operation="rms_norm"),
    Case("batch_norm_eval", (32, 64, 56, 56), axes=(0, 2, 3)),
    Case("batch_norm_eval", (32, 64, 56, 56), layout="channels_last", axes=(0, 2, 3)),
    Case("batch_norm_train", (32, 64, 56, 56), axes=(0, 2, 3)),
    Case("batch_norm_train", (32, 64, 56, 56), layout="channels_last", axes=(0, 2, 3)),
    Case("batch_norm_train", (4096, 1024), axes=(0,)),
    Case("instance_norm", (8, 64, 128, 128), axes=(2, 3)),
    Case("instance_norm", (8, 64, 56, 56), layout="channels_last", axes=(2, 3)),
    Case("group_norm", (8, 320, 64, 64), axes=(2, 3), groups=32),
    Case("group_norm", (8, 320, 64, 64), layout="channels_last", axes=(2, 3), groups=32),
    Case("local_response_norm", (8, 96, 55, 55), axes=(1,)),
    Case("moments", (4096, 4096), axes=(0,)),
    Case("moments", (4096, 4096), axes=(1,)),
    Case("moments", (4096, 4096), axes=(0, 1)),
    Case("zscore", (1000000, 20), axes=(0,)),
]


def parameter_shape(case: Case) -> tuple[int, ...]:
    if case.operation in ("layer_norm", "rms_norm"):
        return case.shape[-1:]
    return (case.shape[1],)


def make(case: Case) -> Data:
    """Data of a case: N(1, 2), always the same; parameters apart from 1 and 0."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(case.shape, np.float32) * 2 + 1
    x = x.astype(case.dtype)
    if case.layout == "channels_last":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    kind = np.float64 if case.dtype == "float64" else np.float32
    shape = parameter_shape(case)
    weight, bias, mean = (rng.normal(1, 0.1, shape).astype(kind) for _ in range(3))
    var = rng.uniform(1, 5, shape).astype(kind)
    return Data(x, np.zeros_like(x), weight, bias, mean, var)


def reference(case: Case, d: Data) -> Any:
    """float64 result of a case, by the formulas."""
    x = d.x.astype(np.float64)
    if case.operation == "moments":
        return x.mean(case.axes), x.var(case.axes)
    if case.operation == "local_response_norm":
        squares = np.pad(x**2, [(0, 0), (2, 2)] + [(0, 0)] * (x.ndim - 2))
        window = sum(squares[:, i : i + x.shape[1]] for i in range(5))
        return x / (1 + 1e-4 / 5 * window) ** 0.75
    channel = (1, -1) + (1,) * (x.ndim - 2)
    w, b = d.weight.astype(np.float64), d.bias.astype(np.float64)
    if case.operation == "zscore":
        return (x - x.mean(0)) / x.std(0)
    if case.operation == "rms_norm":
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * w
    if case.operation == "batch_norm_eval":
        center, spread = (v.astype(np.float64).reshape(channel) for v in (d.mean, d.var))
    else:
        shaped = x.reshape(x.shape[0], case.groups, -1) if case.groups else x
        axes = (2,) if case.groups else case.axes
        center, spread = shaped.mean(axes, keepdims=True), shaped.var(axes, keepdims=True)
        if case.groups:
            z = ((shaped - center) / np.sqrt(spread + 1e-5)).reshape(x.shape)
            return z * w.reshape(channel) + b.reshape(channel)
    if case.operation != "layer_norm":
        w, b = w.reshape(channel), b.reshape(channel)
    return (x - center) / np.sqrt(spread + 1e-5) * w + b
