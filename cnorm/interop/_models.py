"""The RMSNorm classes that models bring along, told by what they compute."""

from __future__ import annotations

import inspect
from typing import Any

import cnorm.nn as nn
from cnorm._arrays import to_ndarray
from cnorm.interop._require import require
from cnorm.nn._module import Module

torch: Any = require("torch", "torch")

# What they call it: transformers, most others, a few.
_EPS = ("variance_epsilon", "eps", "epsilon")
_OFFSETS = (0.0, 1.0)
_TOLERANCE = 1e-5


def eps_name(module: Any) -> str:
    """The attribute that holds what is added to the variance."""
    return next((name for name in _EPS if isinstance(getattr(module, name, None), float)), "eps")


def _is_plain(module: Any) -> bool:
    """A norm by name, with a vector of weights and nothing else, called with one tensor?"""
    if "norm" not in type(module).__name__.lower() or list(module._parameters) != ["weight"]:
        return False
    weight = module._parameters["weight"]
    if module._buffers or module._modules or weight is None or weight.dim() != 1 or not weight.numel():
        return False
    has_eps = isinstance(getattr(module, eps_name(module), None), float)
    return has_eps and len(inspect.signature(type(module).forward).parameters) == 2


def _twin(module: Any, weight: Any) -> Any:
    """The module with another weight, without hooks."""
    twin = object.__new__(type(module))
    twin.__dict__.update(module.__dict__)
    twin._parameters = {"weight": torch.nn.Parameter(weight, requires_grad=False)}
    return twin


def offset_of(module: Any) -> float | None:
    """What the class of an RMSNorm adds to its weight, found by running it once; None if it is no RMSNorm.

    Of the rows tried one has a mean, which LayerNorm would take away, and one is as small as sqrt(eps).
    """
    known: float | None = getattr(type(module), "_cnorm_offset", None)  # of an accelerated one
    if known is not None or not _is_plain(module):
        return known
    n, eps = module.weight.shape[0], getattr(module, eps_name(module))
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, n, generator=random)
    x[:, 1] += 2
    x[:, 2] *= max(eps, 0.0) ** 0.5
    weight = torch.rand(n, generator=random) + 0.5
    given = x.clone()
    try:
        with torch.inference_mode():
            y = type(module).forward(_twin(module, weight), given)
            root = (x.double().square().mean(-1, keepdim=True) + eps).sqrt()
            if not isinstance(y, torch.Tensor) or y.shape != x.shape or not torch.equal(x, given):
                return None
            for offset in _OFFSETS:
                wanted = x.double() / root * (weight + offset)
                if torch.allclose(y.double(), wanted, rtol=_TOLERANCE, atol=_TOLERANCE):
                    return offset
    except Exception:  # code of any kind, given what it may not expect
        return None
    return None


def rms_layer(module: Any, offset: float) -> Module:
    """Our layer of the same arguments and on the same memory."""
    eps = getattr(module, eps_name(module))
    layer = nn.RMSNorm(tuple(module.weight.shape), eps, weight_offset=offset)
    layer.weight = to_ndarray(module.weight, "weight")
    return layer.train(module.training)
