"""torch's layers with a forward of cnorm's, for inference on the CPU where that is faster."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import Any

import numpy as np

import cnorm.nn as nn
from cnorm._arrays import Array, bfloat16, empty
from cnorm.interop._models import eps_name, offset_of, rms_layer
from cnorm.interop._sizes import MOST_CHANNELS, MOST_POSITIONS, smallest
from cnorm.interop._torch_layers import OURS, STATE, layer_of, torch
from cnorm.nn._module import Module

# Between two products of a model caches are cold, and each of these costs microseconds: private names are
# cheaper than public ones (tracing 5 instead of 14, autocast 3 instead of 16), but may go.
_modes = getattr(torch._C, "_len_torch_dispatch_stack", int)  # tracers, fake tensors
_autocast = getattr(torch._C, "_is_any_autocast_enabled", partial(torch.is_autocast_enabled, "cpu"))
_tracing = getattr(torch._C, "_get_tracing_state", lambda: torch.jit.is_tracing() or None)
_compiling, _grad = torch.compiler.is_dynamo_compiling, torch.is_grad_enabled
_forward_ad = torch.autograd.forward_ad
_plain, _bfloat16, _from_numpy = torch.Tensor, torch.bfloat16, torch.from_numpy
HELD = "_cnorm_held"
_NEVER = 2**63
_NARROW = (torch.float16, torch.bfloat16)
_FLOATS = (torch.float32, torch.float64, *_NARROW)


def _sizes(name: str, dtypes: set[Any], permuted: bool) -> dict[Any, int]:
    """From how many elements on an array is ours, by dtype."""
    found = smallest(name, permuted)
    sizes = {dtype: size for dtype, size in found.items() if getattr(torch, dtype) in dtypes}
    if importlib.util.find_spec("ml_dtypes") is None:
        sizes.pop("bfloat16", None)
    return {bfloat16() if name == "bfloat16" else np.dtype(name): size for name, size in sizes.items()}


class _Held:
    """Our layer on the memory of a torch module's tensors, and what it was made from."""

    __slots__ = (
        *("compute", "eps", "eps_name", "layer", "least", "least_permuted", "permuted", "plain", "rounded"),
        *("tensors", "wide"),
    )

    def __init__(self, module: Any) -> None:
        self.layer: Module = module._make(module)
        self.compute = self.layer.forward
        self.eps_name = eps_name(module)
        self.eps = getattr(module, self.eps_name, None)
        stores = (module._parameters, module._buffers)
        found = [(store, name, store[name]) for store in stores for name in STATE[:4] if name in store]
        # Our layer holds the memory: what has the same address is the same.
        self.tensors = [(store, name, None if t is None else t.data_ptr()) for store, name, t in found]
        kinds = {t.dtype for *_, t in found if t is not None}
        computed = {name for name in STATE[:4] if getattr(module, name, None) is not None}
        computed -= {name for _, name, _ in found}  # by a parametrization or a hook, anew for each call
        accepted = kinds if len(kinds) == 1 and not computed else set()
        if not kinds and not computed:
            accepted = set(_FLOATS)
        elif accepted == {torch.float32} and module._original in OURS:  # others promote the result
            accepted |= set(_NARROW)
        name = type(self.layer).__name__
        self.plain, self.permuted = _sizes(name, accepted, False), _sizes(name, accepted, True)
        self.least = min(self.plain.values(), default=_NEVER)
        self.least_permuted = min(self.permuted.values(), default=_NEVER)
        self.wide = not kinds or not kinds & {_bfloat16}
        self.rounded: list[tuple[Array, Array]] = []
        for _, name, tensor in found:
            if tensor is not None and tensor.dtype in _NARROW:  # cnorm's short way takes float32 only
                value = getattr(self.layer, name)
                setattr(self.layer, name, value.astype(np.float32))
                self.rounded.append((getattr(self.layer, name), value))

    def is_of(self, module: Any) -> bool:
        """Are these still the module's tensors, on the same memory?"""
        for store, name, pointer in self.tensors:
            tensor = store.get(name)
            if tensor is None or pointer is None:
                if tensor is not None or pointer is not None:
                    return False
            elif tensor.data_ptr() != pointer:
                return False
        return bool(self.eps == getattr(module, self.eps_name, None))

    def needs_gradients(self) -> bool:
        """Does any parameter?"""
        return any(store[name].requires_grad for store, name, pointer in self.tensors if pointer is not None)

    def array(self, x: Any) -> Array | None:
        """The tensor as an array, if cnorm is faster with it and its result laid out as torch's is."""
        narrow = not self.wide and x.dtype is _bfloat16
        if not narrow:
            try:
                array: Array = x.numpy()
            except TypeError:  # of another device, or a dtype NumPy has not
                narrow = x.dtype is _bfloat16
                if not narrow:
                    return None
        if narrow:
            array = x.view(torch.int16).numpy().view(bfloat16())
        least = self.plain if array.flags.c_contiguous else self.permuted
        if array.size < least.get(array.dtype, _NEVER):
            return None
        return array if least is self.plain or self.fits(x) else None

    def fits(self, x: Any) -> bool:
        """Is a result for this other order of elements ours?"""
        if isinstance(self.layer, nn.LayerNorm):
            return True
        dense = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.dim())
        if dense is None or not x.is_contiguous(memory_format=dense):
            return False
        if isinstance(self.layer, nn.GroupNorm):
            positions, channels = x.shape[2:].numel(), x.shape[1]
            return bool(positions < MOST_POSITIONS) and channels <= MOST_CHANNELS * self.layer.num_groups
        return True

    def output(self, array: Array) -> Array | None:
        """Where the result goes that torch makes contiguous and cnorm would not."""
        contiguous = isinstance(self.layer, (nn.LayerNorm, nn.InstanceNorm2d, nn.InstanceNorm3d))
        return empty(array, array.dtype) if contiguous and not array.flags.c_contiguous else None


def normalized(module: Any, x: Any) -> Any:
    """The result as a tensor; None where it is torch's to compute."""
    if type(x) is not _plain or _compiling() or module.training:
        return None
    held: _Held | None = module.__dict__.get(HELD)
    if held is not None and x.numel() < (held.least if x.is_contiguous() else held.least_permuted):
        return None  # soon: what is left to torch should cost nothing
    if _tracing() is not None or _autocast() or _modes() or getattr(_forward_ad, "_current_level", -1) >= 0:
        return None
    try:
        if held is None or not held.is_of(module):
            module.__dict__[HELD] = held = _Held(module)
        if _grad() and (x.requires_grad or held.needs_gradients()):
            return None
        array = held.array(x)
        if array is None:
            return None
        for wide, narrow in held.rounded:
            wide[...] = narrow
        y = held.compute(array, held.output(array))
    except (RuntimeError, TypeError, ValueError):  # no memory of its own, or refused: torch says why
        return None
    return _from_numpy(y) if y.dtype.kind == "f" else _from_numpy(y.view(np.int16)).view(_bfloat16)


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
