"""torch's functions in inference mode, on the same memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn.utils.fusion import fuse_conv_bn_weights

from bench.cases import Case
from bench.data import EPS, Array, Data, against, picture_scale
from bench.peers import FRESH, PREALLOCATED, Calls, int8
from cnorm._bench.interleave import Call

T = torch.nn.functional
Tensor = torch.Tensor


def tensor(a: Array) -> Tensor:
    """Without a copy; torch does not know ml_dtypes' bfloat16."""
    if a.dtype.name == "bfloat16":
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def inference(call: Call) -> Call:
    """Without autograd's bookkeeping."""

    def run() -> Any:
        with torch.inference_mode():
            return call()

    return run


def zscore(x: Tensor) -> Tensor:
    """Both moments in one call."""
    var, mean = torch.var_mean(x, 0, correction=0)
    return (x - mean) * var.rsqrt()


def minmax(x: Tensor) -> Tensor:
    """Both extremes in one call."""
    low, high = torch.aminmax(x, dim=0)
    return (x - low) / (high - low)


def maxabs(x: Tensor) -> Tensor:
    """Columns by their largest magnitude."""
    low, high = torch.aminmax(x, dim=0)
    return x / torch.maximum(-low, high)


def zmap(x: Tensor, other: Tensor) -> Tensor:
    """Columns by the moments of others."""
    var, mean = torch.var_mean(other, 0, correction=0)
    return (x - mean) * var.rsqrt()


def over_channels(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    """The way around torch's missing axis argument."""
    return T.layer_norm(x.permute(0, 2, 3, 1), w.shape, w, b, EPS).permute(0, 3, 1, 2)


def switchable(x: Tensor, mix: Tensor, running: Any, w: Tensor, b: Tensor) -> Tensor:
    """The reference implementation's forward pass (its moving-average form)."""
    n, c, h, width = x.shape
    rows = x.view(n, c, -1)
    var_in, mean_in = torch.var_mean(rows, -1, keepdim=True)
    square = var_in + mean_in**2
    mean_ln = mean_in.mean(1, keepdim=True)
    var_ln = square.mean(1, keepdim=True) - mean_ln**2
    if running is None:
        mean_bn = mean_in.mean(0, keepdim=True)
        var_bn = square.mean(0, keepdim=True) - mean_bn**2
    else:
        mean_bn, var_bn = (r.view(1, c, 1) for r in running)
    a, v = torch.softmax(mix, 1)
    mean = a[0] * mean_in + a[1] * mean_ln + a[2] * mean_bn
    var = v[0] * var_in + v[1] * var_ln + v[2] * var_bn
    z = ((rows - mean) / (var + EPS).sqrt()).view(n, c, h, width)
    return z * w.view(1, c, 1, 1) + b.view(1, c, 1, 1)


def picture(x: Tensor, mean: Tensor, std: Tensor, largest: float) -> Tensor:
    """torchvision's ToTensor (or its form for 16 bits) and Normalize."""
    t = x.movedim(-1, -3).contiguous().to(torch.float32).div(largest)
    return t.sub_(mean[:, None, None]).div_(std[:, None, None])


def masked(case: Case, d: Data) -> Tensor:
    """The formula as models write it: torch's norms know no mask."""
    x, mask = tensor(d.x), tensor(d.mask)
    w, b = (tensor(against(case, p)) for p in (d.weight, d.bias))
    shape = (x.shape[0], case.groups, -1) if case.groups else tuple(x.shape)
    axes = (2,) if case.groups else case.axes
    shown = mask.expand(x.shape).reshape(shape)
    rows = x.masked_fill(~mask, 0).reshape(shape)
    count = shown.sum(axes, keepdim=True).clamp(min=1)
    centered = (rows - rows.sum(axes, keepdim=True) / count).masked_fill(~shown, 0)
    z = centered * ((centered**2).sum(axes, keepdim=True) / count + EPS).rsqrt()
    return (z.reshape(x.shape) * w + b).masked_fill(~mask, 0)


def recalibrated(x: Tensor) -> Call:
    """torch's own helper; one batch."""
    layer = torch.nn.BatchNorm2d(x.shape[1] if x.ndim == 4 else 1)

    def run() -> Any:
        torch.optim.swa_utils.update_bn([x], layer)
        return layer.running_mean, layer.running_var

    return run


def functions(case: Case, d: Data) -> dict[str, Call]:
    """By operation; parameters in the input's dtype, as a model that was cast has them."""
    x = tensor(d.x)
    kind = x.dtype if x.dtype.is_floating_point else torch.float32
    w, b, mean, var, mix = (tensor(p).to(kind) for p in (d.weight, d.bias, d.mean, d.var, d.mix))
    rows, other = case.parameter_shape, tensor(d.fit)
    positive = x.abs() if case.operation == "gzscore" else x
    if case.is_picture:
        mean, std = tensor(d.mean), tensor(np.sqrt(d.var))
        return {case.operation: lambda: picture(x, mean, std, 1 / picture_scale(d.x))}
    return {
        "layer_norm": lambda: over_channels(x, w, b) if case.axes == (1,) else T.layer_norm(x, rows, w, b),
        "rms_norm": lambda: T.rms_norm(x, rows, w, EPS),
        "gemma_rms_norm": lambda: T.rms_norm(x, rows, 1 + w, EPS),
        "recalibrate": recalibrated(x),
        "layer_norm_int8": lambda: int8.torch_two_steps(lambda: T.layer_norm(x, rows, w, b)),
        "rms_norm_int8": lambda: int8.torch_two_steps(lambda: T.rms_norm(x, rows, w, EPS)),
        "batch_norm_eval": lambda: T.batch_norm(x, mean, var, w, b),
        "batch_norm_train": lambda: T.batch_norm(x, None, None, w, b, True),
        "instance_norm": lambda: T.instance_norm(x, None, None, w, b),
        "group_norm": lambda: T.group_norm(x, case.groups, w, b),
        "local_response_norm": lambda: T.local_response_norm(x, 5),
        "moments": lambda: torch.var_mean(x, case.axes, correction=0)[::-1],
        "zscore": lambda: zscore(x),
        "minmax": lambda: minmax(x),
        "maxabs": lambda: maxabs(x),
        "zmap": lambda: zmap(x, other),
        "gzscore": lambda: zscore(positive.log()),
        "normalizer": lambda: T.normalize(x, 2.0, 1, 0.0),
        "normalizer_l1": lambda: T.normalize(x, 1.0, 1, 0.0),
        "normalizer_max": lambda: T.normalize(x, math.inf, 1, 0.0),
        "normalize_l3": lambda: T.normalize(x, 3.0, 1),
        "switchable_norm_eval": lambda: switchable(x, mix, (mean, var), w, b),
        "switchable_norm_train": lambda: switchable(x, mix, None, w, b),
        "scaler_row": row_scaler(x, d.fit),
        "fold_batch_norm": lambda: fuse_conv_bn_weights(x, b, mean, var, EPS, w, b),
    }


def fused(case: Case, d: Data) -> Call:
    """The steps of a model; the sum is a result."""
    x, r = tensor(d.x), tensor(d.residual)
    w, b = (tensor(p).to(x.dtype) for p in (d.weight, d.bias))
    activate = {"relu": T.relu, "silu": T.silu}.get(case.activation)
    if activate:
        norm = functions(case.plain, d)[case.operation]
        return lambda: activate(norm())

    def run() -> Any:
        h = x + r
        if case.operation == "layer_norm":
            return T.layer_norm(h, case.parameter_shape, w, b), h
        return T.rms_norm(h, case.parameter_shape, w, EPS), h

    return run


def row_scaler(x: Tensor, fit: Array) -> Call:
    """With moments that are ready."""
    center, spread = tensor(fit.mean(0)), tensor(fit.std(0))
    return lambda: (x - center) / spread


def into_given(case: Case, d: Data) -> Callable[[], Any] | None:
    """The one normalization whose out= form writes in place; the others allocate, then copy."""
    if not case.operation.startswith("batch_norm"):
        return None
    training = case.operation.endswith("train")
    x, out, w, b, mean, var = (tensor(p) for p in (d.x, d.out, d.weight, d.bias, d.mean, d.var))
    running = (None, None) if training else (mean, var)
    saved = [torch.empty(case.shape[1] if training else 0) for _ in range(2)]
    native = torch.ops.aten.native_batch_norm.out

    def run() -> Any:
        native(x, w, b, *running, training, 0.1, EPS, out=out, save_mean=saved[0], save_invstd=saved[1])
        return out

    return run


def calls(case: Case, d: Data, threads: int) -> Calls:
    """A new tensor, and a given one where torch has a way."""
    torch.set_num_threads(threads)
    if case.operation in ("running_moments", "scale_sparse", "sparse_moments"):
        return {}
    if case.fused:
        return {FRESH: inference(fused(case, d))}
    call = partial(masked, case, d) if case.masked else functions(case, d).get(case.operation)
    if call is None:
        return {}
    made = {FRESH: inference(call)}
    given = into_given(case, d)
    return made | {PREALLOCATED: inference(given)} if given else made
