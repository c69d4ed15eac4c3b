"""Norms as operators of torch: computed here, with shapes for tracers and gradients by torch's formulas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import cnorm.functional as F
from cnorm.interop._gradients import gradients
from cnorm.interop._held import MODES
from cnorm.interop._torch_layers import torch

_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
_grad, _plain = torch.is_grad_enabled, torch.Tensor
_tracers: Any
_forward_mode: Any
_tracers, _, _, _forward_mode = MODES

# Which operator computes which of torch's layers.
LAYERS = {
    torch.nn.LayerNorm: "layer_norm",
    torch.nn.RMSNorm: "rms_norm",
    torch.nn.GroupNorm: "group_norm",
    **dict.fromkeys(
        (torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d, torch.nn.InstanceNorm3d), "instance_norm"
    ),
}
_ROWS = "(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, "
_OF_CHANNELS = "Tensor? weight=None, Tensor? bias=None, float eps=1e-05) -> Tensor"


def _contiguous(x: Any) -> Any:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _channels_last_or_contiguous(x: Any) -> Any:
    layout = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
    if layout is not None and x.is_contiguous(memory_format=layout):
        return torch.empty_like(x, memory_format=layout)
    return _contiguous(x)


def _instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, **to: Any) -> Any:
    return F.instance_norm(x, None, None, weight, bias, eps=eps, **to)


class _Operator(NamedTuple):
    """An operator: what it takes, what computes it, and a new tensor laid out as torch's result."""

    schema: str
    norm: Callable[..., Any]
    new: Callable[[Any], Any]


_OPERATORS = {
    "layer_norm": _Operator(
        f"{_ROWS}Tensor? bias=None, float eps=1e-05) -> Tensor", F.layer_norm, _contiguous
    ),
    "rms_norm": _Operator(f"{_ROWS}float? eps=None) -> Tensor", F.rms_norm, _contiguous),
    "group_norm": _Operator(
        f"(Tensor input, int num_groups, {_OF_CHANNELS}", F.group_norm, _channels_last_or_contiguous
    ),
    "instance_norm": _Operator(f"(Tensor input, {_OF_CHANNELS}", _instance_norm, _contiguous),
}


def _computed(operator: _Operator, x: Any, *arguments: Any) -> Any:
    """On the CPU; the result for contiguous input is ours to lay out."""
    if x.is_contiguous():
        return operator.norm(x, *arguments)
    return operator.norm(x, *arguments, out=operator.new(x))


def _laid_out(operator: _Operator, x: Any, *arguments: Any) -> Any:
    """What tracers see of a result."""
    return operator.new(x)


def _any_requires(*values: Any) -> bool:
    return any(isinstance(value, torch.Tensor) and value.requires_grad for value in values)


_any_requires_grad = getattr(torch._C, "_any_requires_grad", _any_requires)


def _quick(operator: _Operator, full: Callable[..., Any]) -> Callable[..., Any]:
    """torch's kernel for gradients, passed by where it would only hand on: that takes it 5 us."""

    def kernel(keyset: Any, x: Any, *arguments: Any) -> Any:
        plain = type(x) is _plain and not _tracers() and not _forward_mode()
        if plain and not (_grad() and _any_requires_grad(x, *arguments)):
            try:
                return _computed(operator, x, *arguments)
            except (RuntimeError, TypeError):  # `full` unwraps what is of a transform, or tells it again
                pass
        return full(keyset, x, *arguments)

    return kernel


class _Library(torch.library.Library):  # type: ignore[misc]
    """One that passes by kernels for gradients."""

    def impl(self, op_name: str, fn: Any, dispatch_key: str = "", **how: Any) -> None:
        quick = _quick(_OPERATORS[op_name], fn) if dispatch_key == "Autograd" else fn
        super().impl(op_name, quick, dispatch_key, **how)


_LIBRARY: dict[str, Any] = {}  # the one there is, once it is asked for; operators live as long


def define() -> Any:
    """The operators, under torch.ops.cnorm."""
    if not _LIBRARY:
        _LIBRARY["cnorm"] = _defined()
    return torch.ops.cnorm


def _defined() -> _Library:
    library = _Library("cnorm", "DEF")
    for name, operator in _OPERATORS.items():
        library.define(name + operator.schema, tags=(torch.Tag.pt2_compliant_tag,))
        library.impl(name, partial(_computed, operator), "CPU")
        torch.library.register_fake(f"cnorm::{name}", partial(_laid_out, operator), lib=library)
        remember, backward = gradients(name)
        torch.library.register_autograd(f"cnorm::{name}", backward, setup_context=remember, lib=library)
    return library


def in_graph(module: Any, x: Any) -> Any:
    """A layer of torch's as a compiler sees it: by an operator, once there are; None: as it is."""
    name = module._operator
    if not _LIBRARY or name is None or module.training or x.dtype not in _FLOATS or x.device.type != "cpu":
        return None
    weight, bias = module.weight, getattr(module, "bias", None)
    given = [value for value in (x, weight, bias) if value is not None]
    if any(value.dtype != x.dtype for value in given):
        return None
    if torch.is_grad_enabled() and any(value.requires_grad for value in given):
        return None
    if name == "layer_norm":
        return torch.ops.cnorm.layer_norm(x, module.normalized_shape, weight, bias, module.eps)
    if name == "rms_norm":
        return torch.ops.cnorm.rms_norm(x, module.normalized_shape, weight, module.eps)
    if name == "group_norm":
        return torch.ops.cnorm.group_norm(x, module.num_groups, weight, bias, module.eps)
    if module.track_running_stats or x.dim() == module._get_no_batch_dim():
        return None
    return torch.ops.cnorm.instance_norm(x, weight, bias, module.eps)
