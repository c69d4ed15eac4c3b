"""Arrays of a case, always the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.cases import OF_LAYERS, Case

Array = np.ndarray[Any, Any]
EPS = 1e-5
PAGE = 4096
# Operations of something that has seen data before.
STARTED = ("scaler_row", "running_moments", "zmap")
COLD = np.zeros(1 << 26, np.uint8)  # more than the caches hold


@dataclass
class Data:
    """Input, output to write to, and whatever parameters some operation of the table needs."""

    x: Array
    out: Array
    weight: Array
    bias: Array
    mean: Array
    var: Array
    mix: Array  # logits of SwitchNorm: instance, layer, batch
    fit: Array  # what the scaler of a single row was fitted to, or a stream has seen before
    mask: Array  # of a padded batch
    residual: Array  # what is added to x
    total: Array  # and where to write the sum


def numpy_dtype(name: str) -> Any:
    """Of a dtype by name; bfloat16 is ml_dtypes'."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def placed(shape: tuple[int, ...], dtype: Any, offset: int) -> Array:
    """An array at a given offset from a page: memcpy can be ten times slower at unlucky distances."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + 2 * PAGE, np.uint8)
    start = -memory.ctypes.data % PAGE + offset
    return memory[start : start + size].view(dtype).reshape(shape)


def placed_like(x: Array, offset: int) -> Array:
    """The same with the memory order of another array, as np.empty_like."""
    order = sorted(range(x.ndim), key=lambda axis: -x.strides[axis])
    memory = placed(tuple(x.shape[axis] for axis in order), x.dtype, offset)
    return memory.transpose(np.argsort(order))


def laid_out(x: Array, dtype: Any, layout: str) -> Array:
    """The same values in another dtype and memory order, at the start of a page."""
    if layout == "every second column":
        wide = placed((*x.shape[:-1], 2 * x.shape[-1]), dtype, 0)
        wide[...] = np.repeat(x, 2, axis=-1)
        return wide[..., ::2]
    if layout == "transposed":
        y = placed(x.shape[::-1], dtype, 0).T
    elif layout == "channels-last":
        y = np.moveaxis(placed((x.shape[0], *x.shape[2:], x.shape[1]), dtype, 0), -1, 1)
    else:
        y = placed(x.shape, dtype, 0)
    y[...] = x
    return y


def make_picture(case: Case) -> Data:
    """Pixels of every value; mean and var are those of the scaled pixels."""
    rng = np.random.default_rng(0)
    x = placed(case.shape, case.dtype, 0)
    x[...] = rng.integers(0, np.iinfo(x.dtype).max + 1, case.shape)
    *lead, height, width, channels = case.shape
    out = placed((*lead, channels, height, width), np.float32, PAGE // 2)
    one = np.ones(channels, np.float32)
    mean, var = (rng.uniform(*ends, channels).astype(np.float32) for ends in ((0.4, 0.5), (0.04, 0.06)))
    return Data(x, out, one, one, mean, var, np.ones((2, 3), np.float32), x, one > 0, x, x)


def picture_scale(x: Array) -> float:
    """To 0 ... 1."""
    return 1 / float(np.iinfo(x.dtype).max)


def make(case: Case) -> Data:
    """Input N(1, 2), parameters apart from 1 and 0."""
    if case.is_picture:
        return make_picture(case)
    rng = np.random.default_rng(0)
    x = rng.standard_normal(case.shape, np.float32)
    x *= 2
    x += 1
    if case.holes:
        x[rng.random(case.shape) < case.holes] = np.nan
    x = laid_out(x, numpy_dtype(case.dtype), case.layout)
    if case.size != 1:
        x *= case.size
    if case.operation == "scale_sparse":  # one of ten is not 0
        x[np.add.outer(*map(np.arange, case.shape)) % 10 > 0] = 0
    if case.operation == "sparse_moments":  # one of twenty is not 0
        x[np.add.outer(*map(np.arange, case.shape)) % 20 > 0] = 0
    kind = np.float64 if case.dtype == "float64" else np.float32
    shape = case.parameter_shape
    weight, bias, mean = (rng.normal(1, 0.1, shape).astype(kind) for _ in range(3))
    var = rng.uniform(1, 5, shape).astype(kind)
    mix = rng.normal(1, 0.5, (2, 3)).astype(kind)
    fit = rng.normal(1, 2, (1000, case.shape[1])).astype(kind) if case.operation in STARTED else x
    added, total = (placed_like(x, PAGE // 4 * i) if case.residual else x for i in (1, 3))
    if case.residual:
        added[...] = x[::-1]
    half = PAGE // 2 + case.past
    out = placed(case.shape, np.int8, half) if case.quantized else placed_like(x, half)
    return Data(x, out, weight, bias, mean, var, mix, fit, lengths_mask(case), added, total)


def empty_caches() -> None:
    """A byte of each line is written."""
    COLD[::64] += 1


def before_each(case: Case) -> Callable[[], None] | None:
    """What comes before each call and is not timed."""
    return empty_caches if case.cold else None


def lengths_mask(case: Case) -> Array:
    """True up to each sample's length; lengths are spread evenly about the share that is no padding."""
    axis = 1 if case.operation in OF_LAYERS else len(case.shape) - 1
    n, longest = case.shape[0], case.shape[axis]
    lengths = np.linspace((1 - 2 * case.padding) * longest, longest, n).astype(int)
    shape = [n if a == 0 else longest if a == axis else 1 for a in range(len(case.shape))]
    return (np.arange(longest) < lengths[:, None]).reshape(shape)


def against(case: Case, parameter: Array) -> Array:
    """A parameter in the shape that broadcasts against the input."""
    rank = len(case.shape)
    places = {a % rank for a in case.parameter_axes}
    return parameter.reshape([case.shape[a] if a in places else 1 for a in range(rank)])


def row_labels(case: Case) -> Array:
    """The group of each row: all groups have rows, mixed; as segments in order."""
    labels = np.arange(case.shape[0]) % case.groups
    return (
        np.sort(labels)
        if case.operation.startswith("segment_")
        else np.random.default_rng(1).permutation(labels)
    )


def deviation(case: Case, var: Array) -> Array:
    """The square root, with eps where the case has it."""
    if case.eps_mode == "inside":
        return np.asarray(np.sqrt(var + EPS))
    return np.sqrt(var) + EPS if case.eps_mode == "outside" else np.maximum(np.sqrt(var), EPS)


def row_offsets(case: Case) -> Array:
    """Where the segments of these labels begin, and the end."""
    return np.searchsorted(row_labels(case), np.arange(case.groups + 1))


def activate(x: Array, activation: str) -> Array:
    """relu or silu."""
    return np.asarray(np.maximum(x, 0) if activation == "relu" else x / (1 + np.exp(-x)))
