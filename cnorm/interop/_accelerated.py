"""torch's layers with a forward of cnorm's, for inference on the CPU where that is faster."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import cnorm.nn as nn
from cnorm._arrays import Array, bfloat16, empty
from cnorm.interop._models import eps_name, offset_of, rms_layer
from cnorm.interop._sizes import MOST_CHANNELS, MOST_POSITIONS, smallest
from cnorm.interop._torch_layers import OURS, STATE, layer_of, torch
from cnorm.nn._module import Module

# How many dispatch modes (tracers, fake tensors) watch every operation; private, so it may go.
_modes = getattr(torch._C, "_len_torch_dispatch_stack", int)
_compiling, _tracing = torch.compiler.is_compiling, torch.jit.is_tracing
_autocast, _grad = torch.is_autocast_enabled, torch.is_grad_enabled
_forward_ad = torch.autograd.forward_ad
_plain, _bfloat16, _from_numpy = torch.Tensor, torch.bfloat16, torch.from_numpy
HELD = "_cnorm_held"
_NEVER = 2**63
_NARROW = (torch.float16, torch.bfloat16)
_FLOATS = (torch.float32, torch.float64, *_NARROW)


def _sizes(name: str, dtypes: set[Any], permuted: bool) -> dict[Any, int]:
    """From how many elements on an input of a dtype is ours."""
    found = {getattr(torch, dtype): size for dtype, size in smallest(name, permuted).items()}
    return {dtype: size for dtype, size in found.items() if dtype in dtypes}


class _Held:
    """Our layer on the memory of a torch module's tensors, and what it was made from."""

    __slots__ = ("eps", "eps_name", "layer", "permuted", "plain", "rounded", "tensors")

    def __init__(self, module: Any) -> None:
        self.layer: Module = module._make(module)
        self.eps_name = eps_name(module) or "eps"
        self.eps = getattr(module, self.eps_name, None)
        stores = (module._parameters, module._buffers)
        found = [(store, name, store[name]) for store in stores for name in STATE[:4] if name in store]
        self.tensors = [
            (store, name, None if t is None else t.data_ptr(), None if t is None else t.dtype)
            for store, name, t in found
        ]
        kinds = {kind for *_, kind in self.tensors} - {None}
        computed = {name for name in STATE[:4] if getattr(module, name, None) is not None}
        computed -= {name for _, name, _ in found}  # by a parametrization or a hook, anew for each call
        accepted = kinds if len(kinds) == 1 and not computed else set()
        if not kinds and not computed:
            accepted = set(_FLOATS)
        elif accepted == {torch.float32} and module._original in OURS:  # others promote the result
            accepted |= set(_NARROW)
        name = type(self.layer).__name__
        self.plain, self.permuted = _sizes(name, accepted, False), _sizes(name, accepted, True)
        self.rounded: list[tuple[Array, Array]] = []
        for _, name, _, kind in self.tensors:
            if kind in _NARROW:  # cnorm's short way takes parameters in float32 only
                value = getattr(self.layer, name)
                setattr(self.layer, name, value.astype(np.float32))
                self.rounded.append((getattr(self.layer, name), value))

    def is_of(self, module: Any) -> bool:
        """Are these still the module's tensors, on the same memory?"""
        for store, name, pointer, dtype in self.tensors:
            tensor = store.get(name)
            if tensor is None or pointer is None:
                if tensor is not None or pointer is not None:
                    return False
            elif tensor.data_ptr() != pointer or tensor.dtype is not dtype:
                return False
        return bool(self.eps == getattr(module, self.eps_name, None))

    def needs_gradients(self) -> bool:
        """Does any parameter?"""
        return any(
            store[name].requires_grad for store, name, pointer, _ in self.tensors if pointer is not None
        )

    def __call__(self, x: Array, out: Array | None) -> Array:
        for wide, narrow in self.rounded:
            wide[...] = narrow
        y: Array = self.layer(x, out)
        return y


def _is_ours(held: _Held, x: Any) -> bool:
    """Is cnorm faster with this input, and its result laid out as torch's is?"""
    if x.is_contiguous():
        return bool(x.numel() >= held.plain.get(x.dtype, _NEVER))
    if x.numel() < held.permuted.get(x.dtype, _NEVER):
        return False
    layer = held.layer
    if isinstance(layer, nn.LayerNorm):
        return True
    dense = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
    if dense is None or not x.is_contiguous(memory_format=dense):
        return False
    if isinstance(layer, nn.GroupNorm):
        positions, channels = x.shape[2:].numel(), x.shape[1]
        return bool(positions < MOST_POSITIONS) and channels <= MOST_CHANNELS * layer.num_groups
    return True


def _output(held: _Held, x: Any, array: Array) -> Array | None:
    """Where the result goes that torch makes contiguous and cnorm would not."""
    contiguous = isinstance(held.layer, (nn.LayerNorm, nn.InstanceNorm2d, nn.InstanceNorm3d))
    return empty(array, array.dtype) if contiguous and not x.is_contiguous() else None


def normalized(module: Any, x: Any) -> Any:
    """The result as a tensor; None where it is torch's to compute."""
    if _compiling() or _tracing() or module.training or type(x) is not _plain or not x.is_cpu:
        return None
    if _autocast("cpu") or _modes() or getattr(_forward_ad, "_current_level", -1) >= 0:
        return None
    try:
        held: _Held | None = module.__dict__.get(HELD)
        if held is None or not held.is_of(module):
            module.__dict__[HELD] = held = _Held(module)
        if not _is_ours(held, x) or (_grad() and (x.requires_grad or held.needs_gradients())):
            return None
        narrow = x.dtype is _bfloat16
        array = x.view(torch.int16).numpy().view(bfloat16()) if narrow else x.numpy()
        y = held(array, _output(held, x, array))
    except (RuntimeError, TypeError, ValueError):  # no memory of its own, or refused: torch says why
        return None
    return _from_numpy(y.view(np.int16)).view(_bfloat16) if narrow else _from_numpy(y)


class Accelerated:
    """What an accelerated layer has before its own class in its order of bases."""

    _original: type[Any]
    _make: Any  # our layer of a module
    _cnorm_offset: float | None  # what a model's own class adds to its weight

    def forward(self, input: Any) -> Any:
        y = normalized(self, input)
        return self._original.forward(self, input) if y is None else y

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != HELD}

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _empty, (self._original, self._cnorm_offset), self.__getstate__()

    def __prepare_scriptable__(self) -> Any:
        """What torch.jit.script compiles."""
        plain: Any = object.__new__(self._original)
        plain.__dict__.update(self.__getstate__())
        return plain


class AcceleratedOwn(Accelerated):
    """A model's own RMSNorm; its argument may have any name."""

    def forward(self, *args: Any, **named: Any) -> Any:
        given = (*args, *named.values())
        y = normalized(self, given[0]) if len(given) == 1 else None
        return self._original.forward(self, *args, **named) if y is None else y


_KINDS: dict[Any, type[Any]] = {}  # one for each class and offset, once it is needed


def _accelerated(original: type[Any], offset: float | None) -> type[Any]:
    if (original, offset) in _KINDS:
        return _KINDS[original, offset]
    make = partial(layer_of, original=original) if offset is None else partial(rms_layer, offset=offset)
    namespace = {
        "__doc__": f"`{original.__module__}.{original.__name__}`, computed by cnorm in inference on the CPU.",
        "__module__": __name__,
        "_make": staticmethod(make),
        "_cnorm_offset": offset,
        "_original": original,
    }
    base = Accelerated if offset is None else AcceleratedOwn
    kind = type(f"Cnorm{original.__name__}", (base, original), namespace)
    return _KINDS.setdefault((original, offset), kind)


def _empty(original: type[Any], offset: float | None) -> Any:
    """What pickle and copy fill."""
    return object.__new__(_accelerated(original, offset))


def accelerated(module: Any) -> type[Any] | None:
    """The class that accelerates a module; None if there is none, or it has it."""
    kind = type(module)
    if kind in OURS:
        return None if kind.__name__.startswith("Lazy") else _accelerated(kind, None)
    if isinstance(module, (Accelerated, *OURS)):
        return None
    offset = offset_of(module)
    return None if offset is None else _accelerated(kind, offset)
