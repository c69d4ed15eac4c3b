"""Which layer of cnorm is which of torch's, and how one is made from the other."""

from __future__ import annotations

import inspect
from typing import Any

import cnorm.nn as nn
from cnorm._accept.arrays import to_ndarray
from cnorm.interop._require import require
from cnorm.nn._module import Module, is_uninitialized

torch: Any = require("torch", "torch")

_NAMES = (
    *(f"{lazy}{norm}Norm{n}d" for lazy in ("", "Lazy") for norm in ("Batch", "Instance") for n in (1, 2, 3)),
    *("CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm", "SyncBatchNorm"),
)
# torch's classes to ours; lazy ones are no subclasses of those they become.
OURS: dict[type, type[Module]] = {
    getattr(torch.nn, name, None) or getattr(torch.nn.modules.normalization, name): getattr(nn, name)
    for name in _NAMES
}
STATE = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_FROZEN = "FrozenBatchNorm2d"  # torchvision's


def check_model(model: Any) -> None:
    """Raises unless it is a module of torch."""
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"model: expected a torch.nn.Module, got {type(model).__name__}")


def original_of(module: Any) -> type[Any] | None:
    """torch's class whose forward this module has; None if we have none like it."""
    kind: Any = getattr(type(module), "_original", type(module))
    for base in kind.__mro__:
        if base in OURS:
            return base if kind.forward is base.forward else None
    return kind if kind.__name__ == _FROZEN else None


def arguments(ours: Any) -> list[str]:
    """What our class is made with, of what torch's modules know."""
    skipped = {"device", "dtype", "process_group", "weight_offset"}
    return [name for name in inspect.signature(ours).parameters if name not in skipped]


def _argument(module: Any, name: str) -> Any:
    """A constructor argument of our layer, read off torch's."""
    if name == "bias":
        return getattr(module, "bias", None) is not None
    if name == "num_features" and not hasattr(module, name):  # of a frozen layer
        return module.weight.shape[0]
    return getattr(module, name)


def layer_of(module: Any, original: type[Any]) -> Module:
    """Our layer of the same arguments and on the same memory."""
    ours = OURS.get(original, nn.FrozenBatchNorm2d)
    layer = ours(**{name: _argument(module, name) for name in arguments(ours)})
    for name in STATE:
        value = getattr(module, name, None)
        if value is not None and not is_uninitialized(value):
            setattr(layer, name, to_ndarray(value, name))
        elif value is None and getattr(layer, name, None) is not None:
            setattr(layer, name, None)
    return layer.train(module.training)
