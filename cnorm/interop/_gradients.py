"""Gradients of the norms as torch has them: one formula, in differentiable operations of torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cnorm.interop._torch_layers import torch


class _View(NamedTuple):
    """Input and parameters shaped so that statistics are over `axes` and parameters broadcast."""

    input: tuple[int, ...]
    axes: tuple[int, ...]
    parameter: tuple[int, ...]


def _rows(x: Any, normalized_shape: Any) -> _View:
    shape = tuple(normalized_shape)
    return _View(tuple(x.shape), tuple(range(-len(shape), 0)), shape)


def _groups(x: Any, num_groups: int) -> _View:
    samples, channels, members = x.shape[0], x.shape[1], x.shape[1] // num_groups
    positions = x.numel() // max(samples * channels, 1)
    return _View((samples, num_groups, members, positions), (2, 3), (num_groups, members, 1))


def _given(grad: Any, x: Any, weight: Any, view: _View, eps: float, centered: bool) -> tuple[Any, Any, Any]:
    """The gradients of input, weight and bias.

    With n the normalized input, r what it was multiplied by and g = grad * weight:
    r (g - mean(g) - n mean(g n)), the sum of grad n, and that of grad; without mean(g) for RMSNorm.
    """
    wide = torch.float64 if x.dtype is torch.float64 else torch.float32
    x_wide, grad_wide = x.to(wide).reshape(view.input), grad.to(wide).reshape(view.input)
    if centered:
        x_wide = x_wide - x_wide.mean(view.axes, keepdim=True)
    r = torch.rsqrt(x_wide.square().mean(view.axes, keepdim=True) + eps)
    n = x_wide * r
    g = grad_wide if weight is None else grad_wide * weight.to(wide).reshape(view.parameter)
    to_input = g - n * (g * n).mean(view.axes, keepdim=True)
    if centered:
        to_input = to_input - g.mean(view.axes, keepdim=True)
    to_input = (r * to_input).reshape(x.shape).to(x.dtype)
    return to_input, (grad_wide * n).sum_to_size(view.parameter), grad_wide.sum_to_size(view.parameter)


# What lies between input and weight among the arguments, if anything, and how it shapes them.
_VIEWS: dict[str, Callable[..., _View]] = {
    "layer_norm": _rows,
    "rms_norm": _rows,
    "group_norm": _groups,
    "instance_norm": lambda x: _groups(x, x.shape[1]),
}


def gradients(name: str) -> tuple[Callable[..., None], Callable[..., Any]]:
    """For `torch.library.register_autograd`: what is remembered of a call of the norm, and its gradients."""
    first = 1 if name == "instance_norm" else 2  # the place of the weight
    has_bias = name != "rms_norm"

    def remember(ctx: Any, inputs: Any, output: Any) -> None:
        x, weight, eps = inputs[0], inputs[first], inputs[-1]
        bias = inputs[first + 1] if has_bias else None
        ctx.save_for_backward(x, weight)
        ctx.eps = torch.finfo(torch.float64 if x.dtype is torch.float64 else torch.float32).eps
        ctx.eps = ctx.eps if eps is None else eps
        ctx.view = _VIEWS[name](x, *inputs[1:first])
        ctx.bias = None if bias is None else (bias.shape, bias.dtype)

    def backward(ctx: Any, grad: Any) -> Any:
        x, weight = ctx.saved_tensors
        to_input, to_weight, to_bias = _given(grad, x, weight, ctx.view, ctx.eps, has_bias)
        found = [to_input, *[None] * (first - 1)]
        found.append(None if weight is None else to_weight.reshape(weight.shape).to(weight.dtype))
        if has_bias:
            shape, dtype = ctx.bias or (None, None)
            found.append(None if shape is None else to_bias.reshape(shape).to(dtype))
        return (*found, None)

    return remember, backward
