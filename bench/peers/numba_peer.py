"""numba's calls: the kernels of each operation, output new or given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bench import numba_kernels as k
from bench import numba_sparse
from bench.cases import Case
from bench.data import EPS, Array, Data, row_labels
from bench.numba_groups import group_moments as group_kernel
from bench.peers import FRESH, Calls, filling, int8, two_steps
from bench.peers.numba_forms import (
    LONG,
    Form,
    affine_columns,
    column_extremes,
    column_moments,
    folded,
    merged,
    row_moments,
)
from bench.peers.numpy_peer import switch_moments

Fill = Callable[[Array], Any]  # writes the result into an array


def layer_norm(form: Form) -> Fill:
    """Rows; few long rows; a middle axis; a transposed table."""
    case, d = form.case, form.d
    x, w, b = d.x, d.weight.ravel(), d.bias.ravel()
    if case.axes == (1,):
        stacked = form.channels(x)
        return lambda out: form(k.middle_norm, stacked, w, b, EPS, 128, form.channels(out))
    if case.layout == "transposed":
        return lambda out: form(k.middle_norm, x.T[None], w, b, EPS, 64, out.T[None])
    rows = x if x.ndim == 2 else form.rows(x, x.size // w.size)
    if rows.shape[0] > 1 or rows.shape[1] < LONG:
        return lambda out: form(k.layer_norm, rows, w, b, EPS, out.reshape(rows.shape))

    def long(out: Array) -> None:
        mean, var = row_moments(form, rows)
        form(k.affine_elements, rows, mean, 1 / np.sqrt(var + EPS), w, b, out.reshape(rows.shape))

    return long


def rms_norm(form: Form) -> Fill:
    """Rows."""
    d = form.d
    return lambda out: form(k.rms_norm, d.x, d.weight, EPS, out)


def by_columns(form: Form) -> bool:
    """Is the channel the fastest axis?"""
    return form.last or form.d.x.ndim == 2


def batch_norm_eval(form: Form, out: Array) -> None:
    """One affine map per channel."""
    d = form.d
    scale, shift = (p[None] for p in folded(d.mean, d.var, d.weight, d.bias))
    if by_columns(form):
        affine_columns(form, form.columns(d.x), scale, shift, form.columns(out))
    else:
        form(k.affine_rows, form.channels(d.x), scale, shift, form.channels(out))


def channel_block(size: int) -> int:
    """Channels side by side, so that short ones share their cache lines."""
    return max(1, 4096 // size)


def batch_norm_train(form: Form, out: Array) -> None:
    """Moments per channel, then the affine map."""
    d = form.d
    if by_columns(form):
        x = form.columns(d.x).reshape(1, -1, d.x.shape[1])
        mean, var = column_moments(form, x)
        affine_columns(form, x, *folded(mean, var, d.weight, d.bias), form.columns(out).reshape(x.shape))
    else:
        x = form.channels(d.x)
        mean, var = np.empty(x.shape[1]), np.empty(x.shape[1])
        block = channel_block(x.shape[2])
        form(k.batch_train, x, d.weight, d.bias, EPS, block, mean, var, form.channels(out))


def group_norm(form: Form, out: Array) -> None:
    """Moments per sample and group; an instance is a group of one channel."""
    case, d = form.case, form.d
    n, c = d.x.shape[:2]
    per_group = c // case.groups if case.groups else 1
    if not form.last:
        count = n * c // per_group
        arrays = form.rows(d.x, count), d.weight, d.bias
        form(k.group_norm, *arrays, per_group, EPS, form.rows(out, count))
        return
    x = form.columns(d.x)
    mean, var = column_moments(form, x)
    if per_group > 1:
        parts = (n * case.groups, per_group, 1)
        mean, var = merged(mean.reshape(parts), var.reshape(parts), np.ones(per_group))
        mean, var = (np.repeat(m.reshape(n, -1), per_group, 1) for m in (mean, var))
    affine_columns(form, x, *folded(mean, var, d.weight, d.bias), form.columns(out))


def local_response_norm(form: Form) -> Fill:
    """Tiles of positions."""
    x = form.channels(form.d.x)
    return lambda out: form(k.local_response, x, 512, form.channels(out))


def zscore(form: Form, out: Array) -> None:
    """Moments of columns, then the affine map."""
    mean, var = column_moments(form, x := form.columns(form.d.x))
    scale = 1 / np.sqrt(var)
    affine_columns(form, x, scale, -mean * scale, form.columns(out))


def minmax(form: Form, out: Array) -> None:
    """Extremes of columns, then the affine map."""
    low, high = column_extremes(form, x := form.columns(form.d.x))
    scale = 1 / (high - low)
    affine_columns(form, x, scale, -low * scale, form.columns(out))


def switchable_norm(form: Form, out: Array) -> None:
    """Moments per instance, mixed, then one affine map per sample and channel."""
    d, x = form.d, form.channels(form.d.x)
    n, c, size = x.shape
    mean, var = (m.reshape(n, c) for m in row_moments(form, form.rows(x, n * c)))
    mean, var = switch_moments(form.case, d, mean, var * (size / (size - 1)))
    scale, shift = (p.astype(x.dtype) for p in folded(mean, var, d.weight, d.bias))
    form(k.affine_rows, x, scale, shift, form.channels(out))


def scaler_row(form: Form) -> Fill:
    """One map with parameters that are ready."""
    d = form.d
    scale = 1 / d.fit.std(0, keepdims=True)
    shift = -d.fit.mean(0, keepdims=True) * scale
    return lambda out: form(k.affine_columns, d.x[None], scale, shift, 1, out[None])


def moments(form: Form) -> Callable[[], Any]:
    """Each set of axes has a form of its own."""
    x, axes = form.d.x, form.case.axes

    def channels() -> Any:
        stacked = form.channels(x)
        mean, var = np.empty(stacked.shape[1]), np.empty(stacked.shape[1])
        form(k.channel_moments, stacked, channel_block(stacked.shape[2]), mean, var)
        return mean.astype(x.dtype), var.astype(x.dtype)

    def outer_and_inner() -> Any:
        parts = (-1, x.shape[-1], 1)
        mean, var = column_moments(form, x.reshape(1, x.shape[0], -1))
        merge = merged(mean.reshape(parts), var.reshape(parts), np.ones(parts[1]))
        return tuple(m.astype(x.dtype).reshape(x.shape[1:-1]) for m in merge)

    def rows(count: int) -> Any:
        result = row_moments(form, form.rows(x, count))
        return tuple(m.astype(x.dtype).reshape(x.shape[:1] if count > 1 else ()) for m in result)

    if axes == (0,):
        return lambda: tuple(m[0].astype(x.dtype) for m in column_moments(form, x[None]))
    if axes in ((0, 2, 3), (0, 3)):
        return channels if axes == (0, 2, 3) else outer_and_inner
    return lambda: rows(1 if len(axes) == x.ndim else x.shape[0])


def sparse_moments(form: Form, threads: int) -> Callable[[], Any]:
    """Of rows or columns of a CSR matrix, as fast-array-utils."""
    from scipy.sparse import csr_array

    a, across = csr_array(form.d.x), form.case.axes == (0,)

    def run() -> Any:
        mean, var = (np.empty(a.shape[across]) for _ in range(2))
        if across:
            parts = np.zeros((2, threads, a.shape[1]))
            form(numba_sparse.sparse_columns, a.data, a.indices, a.indptr, parts, mean, var)
        else:
            form(numba_sparse.sparse_rows, a.data, a.indptr, a.shape[1], mean, var)
        return mean, var

    return run


FILLING: dict[str, Callable[[Form, Array], None]] = {
    "batch_norm_eval": batch_norm_eval,
    "batch_norm_train": batch_norm_train,
    "instance_norm": group_norm,
    "group_norm": group_norm,
    "zscore": zscore,
    "minmax": minmax,
    "switchable_norm_eval": switchable_norm,
    "switchable_norm_train": switchable_norm,
}
FILLS: dict[str, Callable[[Form], Fill]] = {
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "local_response_norm": local_response_norm,
    "scaler_row": scaler_row,
    **{name: partial(partial, fill) for name, fill in FILLING.items()},
}


def group_moments(case: Case, d: Data) -> Callable[[], Any]:
    """One loop over the rows, whatever the threads."""
    labels = row_labels(case)

    def call() -> Any:
        mean, var = (np.zeros((case.groups, d.x.shape[1]), d.x.dtype) for _ in range(2))
        group_kernel(d.x, labels, np.zeros(case.groups), mean, var)
        return mean, var

    return call


def calls(case: Case, d: Data, threads: int) -> Calls:
    """For the dtypes numba computes with."""
    if case.fused:
        return two_steps.calls(case, d, threads, calls)
    if case.dtype not in ("float32", "float64"):
        return {}
    form = Form(case, d, threads)
    if case.operation == "moments":
        return {FRESH: moments(form)}
    if case.operation == "sparse_moments":
        return {FRESH: sparse_moments(form, threads)}
    if case.operation in ("group_moments", "segment_moments"):
        return {FRESH: group_moments(case, d)}
    if case.quantized:
        float_form = FILLS[case.operation.removesuffix("_int8")](form)
        return int8.numba_two_steps(float_form, partial(form, k.quantize_rows), d)
    if case.operation not in FILLS:
        return {}
    return filling(FILLS[case.operation](form), d.out)
