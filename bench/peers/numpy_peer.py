"""NumPy's formulas: as they are written, and as a chain of out= with a scratch array."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench.cases import REDUCTIONS, WINDOWS, Case
from bench.data import EPS, Array, Data, against, deviation, picture_scale, row_labels
from bench.peers import FRESH, PREALLOCATED, Calls, Later, int8, two_steps
from bench.peers.reductions import axes_of
from cnorm._bench.interleave import Call


def formula(x: Array, axes: tuple[int, ...], w: Array, b: Array) -> Array:
    """(x - mean) / sqrt(var + eps) * w + b."""
    centered = x - x.mean(axes, keepdims=True)
    return centered / np.sqrt((centered * centered).mean(axes, keepdims=True) + EPS) * w + b


def chain(x: Array, axes: tuple[int, ...], w: Array, b: Array, scratch: Array, out: Array) -> Array:
    """The same without a large temporary."""
    np.subtract(x, x.mean(axes, keepdims=True), out=out)
    np.multiply(out, out, out=scratch)
    np.multiply(out, 1 / np.sqrt(scratch.mean(axes, keepdims=True) + EPS), out=out)
    np.multiply(out, w, out=out)
    return np.add(out, b, out=out)


def rms(x: Array, w: Array, scratch: Array | None = None, out: Array | None = None) -> Array:
    """x / sqrt(mean(x^2) + eps) * w."""
    square = np.multiply(x, x, out=scratch)
    scaled = np.multiply(x, 1 / np.sqrt(square.mean(-1, keepdims=True) + EPS), out=out)
    return np.multiply(scaled, w, out=out)


def affine(x: Array, mean: Array, var: Array, w: Array, b: Array, out: Array | None = None) -> Array:
    """The two parameters folded before the large array is touched."""
    scale = w / np.sqrt(var + EPS)
    return np.add(np.multiply(x, scale, out=out), b - mean * scale, out=out)


def grouped(x: Array, groups: int, w: Array, b: Array) -> Array:
    """Statistics of (sample, group), parameters of each channel."""
    rows = x.reshape(x.shape[0], groups, -1)
    centered = rows - rows.mean(2, keepdims=True)
    z = centered / np.sqrt((centered * centered).mean(2, keepdims=True) + EPS)
    return z.reshape(x.shape) * w + b


def masked(case: Case, x: Array, mask: Array, w: Array, b: Array) -> Array:
    """Moments of what counts; the rest is 0."""
    n = x.shape[0]
    shape, axes = ((n, case.groups, -1), (2,)) if case.groups else (x.shape, case.axes)
    shown = np.broadcast_to(mask, x.shape).reshape(shape)
    rows = np.where(mask, x, 0).reshape(shape)
    count = np.maximum(shown.sum(axes, keepdims=True), 1).astype(x.dtype)
    centered = (rows - rows.sum(axes, keepdims=True) / count) * shown
    z = centered / np.sqrt((centered**2).sum(axes, keepdims=True) / count + x.dtype.type(EPS))
    return np.asarray(np.where(mask, z.reshape(x.shape) * w + b, 0))


def masked_array(case: Case, d: Data, w: Array, b: Array) -> Call:
    """numpy.ma does it all but the last step."""
    x, axes = np.ma.MaskedArray(d.x, ~np.broadcast_to(d.mask, d.x.shape)), case.axes

    def run() -> Array:
        centered = x - x.mean(axes, keepdims=True)
        z = centered / np.ma.sqrt((centered * centered).mean(axes, keepdims=True) + x.dtype.type(EPS))
        return np.asarray((z * w + b).filled(0))

    return run


def local_response(x: Array) -> Array:
    """Five shifted sums."""
    squares = np.pad(x * x, [(0, 0), (2, 2), (0, 0), (0, 0)])
    channels = x.shape[1]
    window = squares[:, :channels].copy()
    for shift in range(1, 5):
        window += squares[:, shift : shift + channels]
    return np.asarray(x / (1 + np.float32(1e-4 / 5) * window) ** np.float32(0.75))


def fold(x: Array, w: Array, b: Array, mean: Array, var: Array) -> tuple[Array, Array]:
    """BatchNorm in the weight and bias of the convolution before it."""
    factor = w / np.sqrt(var + EPS)
    return x * factor, ((b - mean) * factor + b).reshape(-1)


class Stream:
    """Running mean and variance as in gym: moments of a batch, then Chan's merge."""

    def __init__(self, first: Array) -> None:
        self.mean, self.var, self.count = first.mean(0), first.var(0), float(len(first))
        self.result = Later(lambda: self.mean, lambda: self.var)

    def update(self, x: Array) -> Later:
        """One more batch."""
        mean, var, count = x.mean(0), x.var(0), len(x)
        delta, total = mean - self.mean, self.count + count
        spread = self.var * self.count + var * count + delta**2 * (self.count * count / total)
        self.mean, self.var, self.count = self.mean + delta * (count / total), spread / total, total
        return self.result


def picture(d: Data) -> Array:
    """As it is written everywhere, kept in float32."""
    y = d.x.astype(np.float32) / np.float32(1 / picture_scale(d.x))
    return np.ascontiguousarray(np.moveaxis((y - d.mean) / np.sqrt(d.var), -1, -3))


def zscore(x: Array, out: Array | None = None) -> Array:
    """Columns to zero mean and unit deviation."""
    return np.divide(np.subtract(x, x.mean(0), out=out), x.std(0), out=out)


def minmax(x: Array, out: Array | None = None) -> Array:
    """Columns to 0 ... 1."""
    low = x.min(0)
    return np.divide(np.subtract(x, low, out=out), x.max(0) - low, out=out)


def maxabs(x: Array, out: Array | None = None) -> Array:
    """Columns by their largest magnitude."""
    return np.divide(x, np.maximum(-x.min(0), x.max(0)), out=out)


def unit(x: Array, out: Array | None = None) -> Array:
    """Rows of unit L2 norm."""
    return np.divide(x, np.sqrt(np.einsum("ij,ij->i", x, x))[:, None], out=out)


def unit_by(x: Array, p: float, out: Array | None = None) -> Array:
    """Rows of another unit norm."""
    return np.divide(x, np.linalg.norm(x, p, 1, keepdims=True), out=out)


def zmap(x: Array, other: Array, out: Array | None = None) -> Array:
    """Columns by the moments of others."""
    return np.divide(np.subtract(x, other.mean(0), out=out), other.std(0), out=out)


def geometric(x: Array, out: Array | None = None) -> Array:
    """Columns of logarithms to zero mean and unit deviation."""
    return zscore(np.log(x, out=out), out)


def softmax(logits: Array) -> Array:
    """Of the last axis."""
    e = np.exp(logits.astype(np.float64))
    return np.asarray(e / e.sum(-1, keepdims=True))


def group_moments(case: Case, d: Data) -> tuple[Array, Array]:
    """Sums of the sorted rows of each group, twice."""
    labels = row_labels(case)
    order = np.argsort(labels, kind="stable")
    count = np.bincount(labels)
    x, starts = d.x[order], np.cumsum(count) - count
    mean = np.add.reduceat(x, starts) / count[:, None]
    x -= mean[labels[order]]
    return mean, np.add.reduceat(x * x, starts) / count[:, None]


def group_standardize(case: Case, d: Data) -> Array:
    """With the moments of each row gathered."""
    labels = row_labels(case)
    mean, var = group_moments(case, d)
    return np.asarray((d.x - mean[labels]) / deviation(case, var)[labels])


def switch_moments(case: Case, d: Data, mean: Array, var: Array) -> tuple[Array, Array]:
    """SwitchNorm's mean and variance from those of each instance [N, C]; the variance is unbiased."""
    square = var + mean**2
    center, spread = [mean], [var]
    for axis in (1, 0):
        m = mean.mean(axis, keepdims=True)
        center.append(m)
        spread.append(square.mean(axis, keepdims=True) - m**2)
    if case.operation == "switchable_norm_eval":
        center[2], spread[2] = d.mean[None], d.var[None]
    a, b = softmax(d.mix)
    return sum_of(a, center), sum_of(b, spread)


def sum_of(weights: Array, parts: list[Array]) -> Array:
    """Weighted sum of arrays that broadcast."""
    return weights[0] * parts[0] + weights[1] * parts[1] + weights[2] * parts[2]


def switchable(case: Case, d: Data, out: Array | None = None) -> Array:
    """Statistics of instances, mixed, then one affine map per sample and channel."""
    x = d.x
    mean, var = switch_moments(case, d, x.mean((2, 3)), x.var((2, 3), ddof=1))
    scale = d.weight / np.sqrt(var + EPS)
    shift = d.bias - mean * scale
    scale, shift = (p.astype(x.dtype)[..., None, None] for p in (scale, shift))
    return np.add(np.multiply(x, scale, out=out), shift, out=out)


def windows(case: Case, x: Any) -> tuple[Any, Any]:
    """Differences of cumulative sums, as is usual: mean and mean square."""
    axis, window = case.axes[0], WINDOWS.get(case.operation, 10)
    count = np.minimum(np.arange(1, x.shape[axis] + 1), window)
    count = count.reshape([-1 if a == axis % x.ndim else 1 for a in range(x.ndim)])
    sums = []
    for values in (x, x * x):
        total = np.cumsum(values, axis)
        late, early = ([slice(None)] * x.ndim for _ in range(2))
        late[axis], early[axis] = slice(window, None), slice(None, max(0, x.shape[axis] - window))
        total[tuple(late)] -= total[tuple(early)].copy()
        sums.append(total / count)
    return sums[0], sums[1] - np.square(sums[0])


def rolling_standardize(case: Case, d: Data) -> Array:
    """By those moments, of doubles."""
    mean, var = windows(case, d.x.astype(np.float64))
    return np.asarray((d.x - mean) / deviation(case, np.maximum(var, 0)), d.x.dtype)


def through_float32(case: Case, d: Data, threads: int) -> Calls:
    """NumPy sums 16-bit floats slowly, and bfloat16 wrongly: converted there and back."""
    wide = replace(d, x=d.x.astype(np.float32))
    call = calls(case, wide, threads)[FRESH]

    def run() -> Any:
        np.copyto(wide.x, d.x)
        return call().astype(d.x.dtype)

    return {FRESH: run}


def calls(case: Case, d: Data, threads: int) -> Calls:
    """NumPy's loops use one thread."""
    if case.fused:
        return two_steps.calls(case, d, threads, calls)
    if case.is_picture:
        return {FRESH: partial(picture, d)}
    if case.quantized:
        return int8.two_step_calls(case, d)
    if d.x.dtype.itemsize == 2:
        return through_float32(case, d, threads)
    x, out = d.x, d.out
    w, b, mean, var = (against(case, p) for p in (d.weight, d.bias, d.mean, d.var))
    operation = case.operation
    simple: dict[str, Any] = {
        **dict.fromkeys(("group_moments", "segment_moments"), partial(group_moments, case, d)),
        **dict.fromkeys(("group_standardize", "segment_standardize"), partial(group_standardize, case, d)),
        "rolling_standardize_10": partial(rolling_standardize, case, d),
        **dict.fromkeys(REDUCTIONS, lambda: getattr(np, operation)(x, axes_of(case))),
        **dict.fromkeys(("moments", "sparse_moments"), lambda: (x.mean(case.axes), x.var(case.axes))),
        **dict.fromkeys(WINDOWS, partial(windows, case, x)),
        "group_norm": partial(grouped, x, case.groups, w, b),
        "local_response_norm": partial(local_response, x),
        "fold_batch_norm": partial(fold, x, w, b, mean, var),
        "scale_sparse": lambda: x / x.std(0),
    }
    given: dict[str, Any] = {
        "batch_norm_eval": partial(affine, x, mean, var, w, b),
        "zscore": partial(zscore, x),
        "minmax": partial(minmax, x),
        "maxabs": partial(maxabs, x),
        "normalizer": partial(unit, x),
        "normalizer_l1": partial(unit_by, x, 1),
        "normalizer_max": partial(unit_by, x, np.inf),
        "normalize_l3": partial(unit_by, x, 3),
        "zmap": partial(zmap, x, d.fit),
        "gzscore": partial(geometric, np.abs(x) if operation == "gzscore" else x),
        "switchable_norm_eval": partial(switchable, case, d),
        "switchable_norm_train": partial(switchable, case, d),
    }
    if operation == "masked_array_layer_norm":
        return {FRESH: masked_array(case, d, w, b)}
    if case.masked:
        return {FRESH: partial(masked, case, x, d.mask, w, b)}
    if operation in simple:
        return {FRESH: simple[operation]}
    if operation in given:
        return {FRESH: given[operation], PREALLOCATED: partial(given[operation], out=out)}
    if operation == "scaler_row":
        center, scale = d.fit.mean(0), d.fit.std(0)
        return {FRESH: lambda: (x - center) / scale}
    if operation == "running_moments":
        stream = Stream(d.fit)
        return {FRESH: partial(stream.update, x)}
    scratch = np.empty_like(x)
    if operation == "recalibrate":
        return {FRESH: lambda: (x.mean(case.axes), x.var(case.axes, ddof=1))}
    if operation == "gemma_rms_norm":
        return {FRESH: lambda: rms(x, 1 + w)}
    if operation == "rms_norm":
        return {FRESH: partial(rms, x, w), PREALLOCATED: partial(rms, x, w, scratch, out)}
    parameters = (x, case.axes, w, b)
    return {FRESH: partial(formula, *parameters), PREALLOCATED: partial(chain, *parameters, scratch, out)}
