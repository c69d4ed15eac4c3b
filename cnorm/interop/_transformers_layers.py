"""Layers for the mapping of the kernels package: forwards that take the place of a model's own norms.

As that package asks, a class here has a forward and nothing else: the module whose forward it becomes holds
weight and epsilon. Results have the dtypes of transformers' own, which rounds to the dtype of the input
before it multiplies by the weight; here all is rounded once.
"""

from __future__ import annotations

from typing import Any

import cnorm.functional as F
from cnorm.interop._models import EPS
from cnorm.interop._operators import define
from cnorm.interop._torch_layers import torch


def _eps(module: Any) -> Any:
    """What is added to the mean square, read past the look-up of modules, which takes 1 us."""
    attributes = module.__dict__
    return next(attributes[name] for name in EPS if name in attributes)


def _alone(*tensors: Any) -> bool:
    """Is it neither compiled nor to be differentiated?"""
    if torch.compiler.is_compiling():
        return False
    return not torch.is_grad_enabled() or not any(tensor.requires_grad for tensor in tensors)


def _norm(module: Any, x: Any, weight: Any) -> Any:
    """RMSNorm over the last axis; a weight wider than the input makes the result wider."""
    if weight.dtype != x.dtype:
        return weight * define().rms_norm(x, weight.shape, None, _eps(module))
    norm = F.rms_norm if _alone(x, weight) else define().rms_norm  # the operator takes 3 us more
    return norm(x, weight.shape, weight, _eps(module))


class RMSNorm(torch.nn.Module):  # type: ignore[misc]
    """That of Llama and Qwen3, and of most other models."""

    can_torch_compile = True
    has_backward = True

    def forward(self, hidden_states: Any) -> Any:
        return _norm(self, hidden_states, self.weight)


class RMSNormZeroCentered(torch.nn.Module):  # type: ignore[misc]
    """With a weight that is how far it is from 1, as Qwen3.5 and Gemma have it."""

    can_torch_compile = True
    has_backward = True

    def forward(self, x: Any) -> Any:
        weight = 1.0 + self.weight.float()
        return define().rms_norm(x, weight.shape, weight, _eps(self))


class RMSNormGated(torch.nn.Module):  # type: ignore[misc]
    """That of Qwen3-Next: the normalized input times the activation of a gate."""

    can_torch_compile = True
    has_backward = True

    def forward(self, hidden_states: Any, gate: Any) -> Any:
        weight = self.weight
        if weight.dtype == hidden_states.dtype == gate.dtype and _alone(hidden_states, gate, weight):
            eps = _eps(self)
            return F.rms_norm(hidden_states, weight.shape, weight, eps, gate=gate)
        normal = _norm(self, hidden_states, weight)
        return (normal * torch.nn.functional.silu(gate.float())).to(hidden_states.dtype)


class GatedRMSNorm(torch.nn.Module):  # type: ignore[misc]
    """That of Mamba-2: the product of input and gate is normalized, in groups maybe."""

    can_torch_compile = True
    has_backward = True

    def forward(self, hidden_states: Any, gate: Any = None) -> Any:
        weight, size = self.weight, getattr(self, "group_size", None) or self.weight.shape[0]
        eps = _eps(self)
        given = hidden_states if gate is None else gate
        if weight.dtype == hidden_states.dtype == given.dtype and _alone(hidden_states, given, weight):
            how: Any = {"gate": gate, "norm_before_gate": gate is None, "group_size": size}
            return F.rms_norm(hidden_states, weight.shape, weight, eps, **how)
        product = hidden_states.float()
        if gate is not None:
            product = product * torch.nn.functional.silu(gate.float())
        groups = product.unflatten(-1, (-1, size))
        normal = define().rms_norm(groups, [size], None, eps).flatten(-2)
        return weight * normal.to(hidden_states.dtype)


# By the names transformers gives norms, and one for a kind that it gives none.
LAYERS = {
    "RMSNorm": RMSNorm,
    "RMSNormGated": RMSNormGated,
    "RMSNormZeroCentered": RMSNormZeroCentered,
    "CnormGatedRMSNorm": GatedRMSNorm,
}
