"""The result of a case in float64, by the formulas of the self-test: what every contender is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench.agreement import Quantized
from bench.cases import REDUCTIONS, WINDOWS, Case
from bench.data import EPS, Array, Data, activate, against, deviation, picture_scale, row_labels
from cnorm._check import formulas as f

PART = 1 << 20  # elements at a time: the formulas' longdouble takes 16 bytes for each


def in_parts(formula: Callable[[Array], Any], x: Array, axis: int = 0) -> Array:
    """A formula, slice by slice along an axis whose slices have nothing to do with each other."""
    count = max(1, min(x.size // PART, x.shape[axis]))
    parts = np.array_split(x, count, axis)
    return np.concatenate([np.asarray(formula(part), np.float64) for part in parts], axis)


def layer_norm(case: Case, d: Data) -> Any:
    """Over the axes of the case."""
    w, b = against(case, d.weight), against(case, d.bias)
    return in_parts(lambda x: f.standardize(x, case.axes, w, b, EPS), d.x)


def rms_norm(case: Case, d: Data, offset: int = 0) -> Any:
    """Of rows; Gemma adds 1 to the weight."""
    w = d.weight.astype(np.float64) + offset
    return in_parts(lambda x: f.rms_norm(x, case.parameter_shape, w, EPS), d.x)


def switchable_norm(case: Case, d: Data) -> Any:
    """Running statistics in eval mode only."""
    training = case.operation.endswith("train")
    given = (d.mix[0], d.mix[1], d.mean, d.var, d.weight, d.bias)
    return f.switchable_norm(d.x, *given, training, eps=EPS)[0]


def minmax(case: Case, d: Data) -> Any:
    """Columns to 0 ... 1."""
    x = d.x.astype(np.float64)
    low, high = x.min(0), x.max(0)
    return (x - low) / (high - low)


def maxabs(case: Case, d: Data) -> Any:
    """Columns by their largest magnitude."""
    x = d.x.astype(np.float64)
    return x / np.abs(x).max(0)


def picture(case: Case, d: Data) -> Any:
    """Each channel is a column of pixels."""
    pixels = f.wide(d.x).reshape(-1, case.shape[-1]) * picture_scale(d.x)
    y = f.batch_norm(pixels, d.mean, d.var, eps=0)[0]
    return np.moveaxis(y.reshape(case.shape), -1, -3)


def fold(case: Case, d: Data) -> Any:
    """What BatchNorm does to the bias of the convolution; to its weight, but for mean and bias."""
    scaled = f.batch_norm(d.x.swapaxes(0, 1), 0 * d.mean, d.var, d.weight, eps=EPS)[0]
    moved = f.batch_norm(d.bias[None], d.mean, d.var, d.weight, d.bias, eps=EPS)[0]
    return scaled.swapaxes(0, 1), moved[0]


def masked(case: Case, d: Data) -> Any:
    """Moments of what counts; the rest is 0."""
    n = d.x.shape[0]
    shape, axes = ((n, case.groups, -1), (2,)) if case.groups else (d.x.shape, case.axes)
    shown, x = np.broadcast_to(d.mask, d.x.shape), d.x.reshape(shape)
    mean, var = f.moments(x, axes, keepdims=True, weights=shown.reshape(shape))
    z = ((x - mean) / np.sqrt(var + EPS)).reshape(d.x.shape)
    return np.where(shown, f.affine(z, against(case, d.weight), against(case, d.bias)), 0)


def fused(case: Case, d: Data) -> Any:
    """The steps one after the other; the sum is rounded, as it is a result."""
    h = d.x + d.residual if case.residual else d.x
    y = reference(case.plain, replace(d, x=h))
    y = activate(y, case.activation) if case.activation else y
    return (y, h.astype(np.float64)) if case.residual else y


def reduction(case: Case, d: Data) -> Any:
    """NumPy's function of the name, in float64."""
    return getattr(np, case.operation)(d.x.astype(np.float64), case.axes)


def windows(case: Case, d: Data) -> Any:
    """Mean and variance of windows that are cut at the ends: what stands k before each, for every k."""
    x = np.moveaxis(d.x.astype(np.float64), case.axes[0], -1)
    window = WINDOWS.get(case.operation, 10)
    steps = range(min(window, x.shape[-1]))
    count = np.minimum(np.arange(1, x.shape[-1] + 1), window)
    mean, m2 = np.zeros_like(x), np.zeros_like(x)
    for k in steps:
        mean[..., k:] += x[..., : x.shape[-1] - k]
    mean /= count
    for k in steps:
        m2[..., k:] += np.square(x[..., : x.shape[-1] - k] - mean[..., k:])
    return np.moveaxis(mean, -1, case.axes[0]), np.moveaxis(m2 / count, -1, case.axes[0])


def group_moments(case: Case, d: Data) -> Any:
    """Of groups of rows, by two passes over the sorted rows."""
    labels = row_labels(case)
    order = np.argsort(labels, kind="stable")
    count = np.bincount(labels)
    starts, mine = np.cumsum(count) - count, labels[order]

    def both(x: Array) -> Array:
        mean = np.add.reduceat(x := f.wide(x[order]), starts) / count[:, None]
        mean += np.add.reduceat(x - mean[mine], starts) / count[:, None]
        return np.stack([mean, np.add.reduceat((x - mean[mine]) ** 2, starts) / count[:, None]])

    parts = [both(part).astype(np.float64) for part in np.array_split(d.x, d.x.shape[1], axis=1)]
    return tuple(np.concatenate(parts, axis=2))


def group_standardize(case: Case, d: Data) -> Any:
    """Each row by the moments of its group."""
    mean, var = (of[row_labels(case)] for of in group_moments(case, d))
    return (d.x.astype(np.float64) - mean) / deviation(case, var)


def rolling_standardize(case: Case, d: Data) -> Any:
    """Each element by the moments of its window."""
    mean, var = windows(case, d)
    return (d.x.astype(np.float64) - mean) / deviation(case, var)


FORMULAS: dict[str, Callable[[Case, Data], Any]] = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "gemma_rms_norm": partial(rms_norm, offset=1),
    "batch_norm_eval": lambda case, d: f.batch_norm(d.x, d.mean, d.var, d.weight, d.bias, eps=EPS)[0],
    "batch_norm_train": lambda case, d: f.batch_norm(d.x, None, None, d.weight, d.bias, True, eps=EPS)[0],
    "instance_norm": lambda case, d: in_parts(
        lambda x: f.instance_norm(x, weight=d.weight, bias=d.bias, eps=EPS)[0], d.x
    ),
    "group_norm": lambda case, d: in_parts(
        lambda x: f.group_norm(x, case.groups, d.weight, d.bias, EPS), d.x
    ),
    "local_response_norm": lambda case, d: in_parts(partial(f.local_response_norm, size=5), d.x),
    **dict.fromkeys(("moments", "sparse_moments"), lambda case, d: f.moments(d.x, case.axes)),
    "group_moments": group_moments,
    "segment_moments": group_moments,
    **dict.fromkeys(("group_standardize", "segment_standardize"), group_standardize),
    "rolling_standardize_10": rolling_standardize,
    **dict.fromkeys(REDUCTIONS, reduction),
    **dict.fromkeys(WINDOWS, windows),
    "recalibrate": lambda case, d: f.moments(d.x, case.axes, correction=1),
    "running_moments": lambda case, d: f.moments(np.concatenate([d.fit, d.x]), 0),
    "zscore": lambda case, d: in_parts(partial(f.standardize, axis=0, eps=0), d.x, axis=1),
    "scale_sparse": lambda case, d: d.x / np.sqrt(f.moments(d.x, 0)[1]),
    "scaler_row": lambda case, d: f.batch_norm(d.x, *f.moments(d.fit, 0), eps=0)[0],
    "minmax": minmax,
    "maxabs": maxabs,
    "normalizer": lambda case, d: in_parts(lambda x: f.normalize(x, 2, 1, 0), d.x),
    "normalizer_l1": lambda case, d: in_parts(lambda x: f.normalize(x, 1, 1, 0), d.x),
    "normalizer_max": lambda case, d: in_parts(lambda x: f.normalize(x, np.inf, 1, 0), d.x),
    "normalize_l3": lambda case, d: in_parts(lambda x: f.normalize(x, 3, 1), d.x),
    "zmap": lambda case, d: f.batch_norm(d.x, *f.moments(d.fit, 0), eps=0)[0],
    "gzscore": lambda case, d: in_parts(
        lambda x: f.standardize(np.log(np.abs(x), dtype=np.float64), axis=0, eps=0), d.x, axis=1
    ),
    "fold_batch_norm": fold,
    "switchable_norm_eval": switchable_norm,
    "switchable_norm_train": switchable_norm,
    "image_normalize": picture,
}


def reference(case: Case, d: Data) -> Any:
    """The result, a tuple of results, or what int8 times its scale should be near."""
    if case.fused:
        return fused(case, d)
    formula = masked if case.masked else FORMULAS[case.operation.removesuffix("_int8")]
    result = formula(case, d)
    if isinstance(result, tuple):
        return tuple(np.asarray(part, np.float64) for part in result)
    result = np.asarray(result, np.float64)
    return Quantized(result) if case.quantized else result
