"""Tensors of torch where functions take arrays: the tensors that need care, and how a function takes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from cnorm._accept.arrays import Array, of_torch, to_ndarray
from cnorm._native.routed import routed
from cnorm._native.tensors import as_tensor, is_of_torch
from cnorm._native.watched import watched

__all__ = ["as_its_kind", "is_of_torch", "takes_tensors", "tensor_of", "watched"]

Function = TypeVar("Function", bound=Callable[..., Any])
_COPIED = ("__name__", "__qualname__", "__doc__", "__module__")


def takes_tensors(function: Function, module: str | None = None) -> Function:
    """A function of arrays that takes tensors, too, and gives tensors where its first argument is one.

    module: where it is known under its name, if not where it is defined.
    """
    made = routed(function, array_of, tensor_of)
    for name in _COPIED:
        setattr(made, name, getattr(function, name))
    if module is not None:
        made.__module__ = module
    return made  # type: ignore[no-any-return]


def as_its_kind(x: Any, name: str) -> Any:
    """What results follow in kind, a tensor or a masked array, as it is; all else as an array."""
    return x if is_of_torch(x) or isinstance(x, np.ma.MaskedArray) else to_ndarray(x, name)


def array_of(x: Any, name: str, values: bool) -> Array:
    """A tensor of any kind as an array over its memory.

    values: its values alone would be taken, and a gradient be lost.
    """
    torch: Any = sys.modules["torch"]
    if values and x.requires_grad and torch.is_grad_enabled():
        raise TypeError(
            f"{name}: expected a tensor that requires no gradient, got one that does: "
            "give its values, .detach(), or call under torch.no_grad()"
        )
    return of_torch(x, name)


def tensor_of(a: Array) -> Any:
    """An array as a tensor over its memory."""
    made = as_tensor(a)
    if made is not None:
        return made
    torch: Any = sys.modules["torch"]
    try:
        if a.dtype.name == "bfloat16":
            return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(a)
    except (TypeError, ValueError) as error:
        raise TypeError(f"out: expected an array that torch can share ({error})") from None
