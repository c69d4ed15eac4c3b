"""The norms of transformers' models, computed by cnorm through the mapping of the kernels package."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any, NamedTuple, TypeVar

from cnorm.interop._kernels import kernels
from cnorm.interop._models import offset_of, twin
from cnorm.interop._torch_layers import check_model, torch
from cnorm.interop._torch_threads import share_threads
from cnorm.interop._transformers_layers import LAYERS

__all__ = ["kernelize", "mapping"]

Model = TypeVar("Model")

_GATED = ("RMSNormGated", "CnormGatedRMSNorm")
_BY_OFFSET = {0.0: "RMSNorm", 1.0: "RMSNormZeroCentered"}
_TOLERANCE = 1e-4


class _Repository(NamedTuple):
    """What kernels calls one: something with a layer to load."""

    layer_name: str

    def load(self) -> Any:
        return LAYERS[self.layer_name]


def mapping() -> dict[str, Any]:
    """cnorm's layers for `kernels.use_kernel_mapping` and `kernels.register_kernel_mapping`.

    Returns
    -------
    dict
        From names of layers, RMSNorm, RMSNormGated and RMSNormZeroCentered as transformers has them, to the
        device "cpu" and what loads a layer for it.

    Raises
    ------
    ImportError
        When the module is imported: torch or kernels is not installed.

    Examples
    --------
    >>> import kernels
    >>> from cnorm.interop.transformers import mapping
    >>> sorted(mapping())[1:]
    ['RMSNorm', 'RMSNormGated', 'RMSNormZeroCentered']
    >>> kernels.register_kernel_mapping(mapping())  # what kernels.kernelize takes from now on
    """
    return {name: {"cpu": _Repository(name)} for name in LAYERS}


def _agrees(module: Any, layer: Any) -> bool:
    """Does a gated norm give what our layer does? Tried on rows and gates, with another weight."""
    width = module.weight.shape[0]
    random = torch.Generator().manual_seed(0)
    x, gate = (torch.randn(5, width, generator=random) for _ in range(2))
    module = twin(module, torch.rand(width, generator=random) + 0.5)
    try:
        with torch.no_grad():
            theirs, ours = (f(module, x, gate) for f in (type(module).forward, layer.forward))
    except Exception:  # code of any kind, given what it may not expect
        return False
    return bool(torch.allclose(theirs, ours, rtol=_TOLERANCE, atol=_TOLERANCE))


def _name_of(module: Any) -> str | None:
    """Under which name a norm is ours, told by what it computes; None: under none."""
    kind = type(module)
    if "norm" not in kind.__name__.lower() or list(module._parameters) != ["weight"]:
        return None
    if list(inspect.signature(kind.forward).parameters)[1:] == ["hidden_states", "gate"]:
        return next((name for name in _GATED if _agrees(module, LAYERS[name])), None)
    return _BY_OFFSET.get(offset_of(module))  # type: ignore[arg-type]


def _is_named(name: str, module: Any) -> bool:
    return _name_of(module) == name


def kernelize(model: Model) -> Model:
    """Lets cnorm compute the RMSNorm layers of a transformers model on the CPU, in place.

    The forward of each module that transformers marks as RMSNorm, RMSNormGated or RMSNormZeroCentered becomes
    cnorm's. Modules it does not mark, because the installed kernels is not of a version it wants, or as the
    gated norm of Mamba-2, are told by what they compute. Gradients and `torch.compile` work.
    `kernels.kernelize` under another mapping takes it back.

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
    check_model(model)
    share_threads()
    for module in model.modules():  # type: ignore[attr-defined]
        name = None if hasattr(type(module), "kernel_layer_name") else _name_of(module)
        if name is not None:
            kernels.replace_kernel_forward_from_hub(type(module), name, partial(_is_named, name))
    mode = kernels.Mode.INFERENCE if not model.training else kernels.Mode.TRAINING  # type: ignore[attr-defined]
    with kernels.use_kernel_mapping(mapping(), inherit_mapping=False):
        kernels.kernelize(model, device="cpu", mode=mode | kernels.Mode.TORCH_COMPILE)
    return model
