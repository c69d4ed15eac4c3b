"""The norms of transformers' models, computed by cnorm through the mapping of the kernels package."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple, TypeVar

from cnorm.interop import _transformers_layers as layers
from cnorm.interop._require import require
from cnorm.interop._torch_layers import torch
from cnorm.interop._torch_threads import share_threads

kernels: Any = require("kernels", "transformers")

__all__ = ["kernelize", "mapping"]

Model = TypeVar("Model")

# The names transformers has given norms, and ours for those it has given none.
_LAYERS = {
    "RMSNorm": layers.RMSNorm,
    "RMSNormGated": layers.RMSNormGated,
    "RMSNormZeroCentered": layers.RMSNormZeroCentered,
    "CnormGatedRMSNorm": layers.GatedRMSNorm,
}
_TOLERANCE = 1e-4


class _Repository(NamedTuple):
    """What kernels calls one: something with a layer to load."""

    layer_name: str

    def load(self) -> Any:
        return _LAYERS[self.layer_name]


def mapping() -> dict[str, Any]:
    """cnorm's layers for `kernels.use_kernel_mapping` and `kernels.register_kernel_mapping`.

    Returns
    -------
    dict
        From names of layers, RMSNorm, RMSNormGated and RMSNormZeroCentered as transformers has them, to the
        device "cpu" and a layer for it.

    Examples
    --------
    >>> import kernels
    >>> from cnorm.interop.transformers import mapping
    >>> sorted(mapping())[1:]
    ['RMSNorm', 'RMSNormGated', 'RMSNormZeroCentered']
    >>> kernels.register_kernel_mapping(mapping())  # from now on, model.set_use_kernels(True) takes them
    """
    return {name: {"cpu": _Repository(name)} for name in _LAYERS}


def _agrees(module: Any) -> bool:
    """Is it the norm of Mamba-2? Tried on rows and gates."""
    width = module.weight.shape[0]
    random = torch.Generator().manual_seed(0)
    x, gate = (torch.randn(5, width, generator=random) for _ in range(2))
    try:
        with torch.no_grad():
            weight = torch.rand(width, generator=random) + 0.5
            twin = object.__new__(type(module))
            twin.__dict__.update(module.__dict__)
            twin._parameters = {"weight": torch.nn.Parameter(weight, requires_grad=False)}
            theirs, ours = (f(twin, x, gate) for f in (type(module).forward, layers.GatedRMSNorm.forward))
    except Exception:  # code of any kind, given what it may not expect
        return False
    return bool(torch.allclose(theirs, ours, rtol=_TOLERANCE, atol=_TOLERANCE))


def _is_gated(module: Any) -> bool:
    """A gated norm that transformers has given no name?"""
    kind = type(module)
    if hasattr(kind, "kernel_layer_name") or not kind.__name__.endswith("RMSNormGated"):
        return False
    return list(inspect.signature(kind.forward).parameters) == ["self", "hidden_states", "gate"]


def kernelize(model: Model) -> Model:
    """Lets cnorm compute the RMSNorm layers of a transformers model on the CPU, in place.

    The forward of each module that transformers marks as RMSNorm, RMSNormGated or RMSNormZeroCentered becomes
    cnorm's, and so does that of gated norms as Mamba-2's where they agree with ours. Gradients and
    `torch.compile` work. `kernels.kernelize` under another mapping takes it back.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    torch.nn.Module
        `model`.

    Raises
    ------
    TypeError
        `model` is no torch.nn.Module.

    See Also
    --------
    cnorm.interop.torch.accelerate : Tells norms by what they compute, LayerNorm and others, too; no kernels.

    Examples
    --------
    >>> import torch, transformers
    >>> from cnorm.interop.transformers import kernelize
    >>> sizes = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2)
    >>> config = transformers.LlamaConfig(vocab_size=10, num_key_value_heads=2, **sizes)
    >>> model = kernelize(transformers.LlamaForCausalLM(config).eval())
    >>> with torch.inference_mode():
    ...     model(torch.tensor([[1, 2, 3]])).logits.shape
    torch.Size([1, 3, 10])
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")
    share_threads()
    for kind in {type(module) for module in model.modules() if _is_gated(module)}:
        kernels.replace_kernel_forward_from_hub(kind, "CnormGatedRMSNorm", _agrees)
    mode = kernels.Mode.INFERENCE if not model.training else kernels.Mode.TRAINING
    with kernels.use_kernel_mapping(mapping(), inherit_mapping=False):
        kernels.kernelize(model, device="cpu", mode=mode | kernels.Mode.TORCH_COMPILE)
    return model
