"""Our layer on the memory of a torch module's tensors: what it was made from, and if that still holds."""

from __future__ import annotations

import importlib.util
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

import cnorm.nn as nn
from cnorm._accept.arrays import Array, bfloat16, empty
from cnorm._accept.tensors import watched
from cnorm.interop._models import HELD, own_constants, rms_layer, rms_of
from cnorm.interop._sizes import DTYPES, MOST_CHANNELS, MOST_POSITIONS, smallest
from cnorm.interop._torch_layers import OURS, STATE, arguments, layer_of, torch
from cnorm.nn._module import Module

# Between two products of a model caches are cold, and each of these costs microseconds: private names are
# cheaper than public ones (tracing 5 instead of 14, autocast 3 instead of 16), but may go. One that is on
# leaves a layer to torch: tracers, fake tensors; tracing; autocast; forward-mode gradients.
_forward_ad = torch.autograd.forward_ad
MODES = (
    getattr(torch._C, "_len_torch_dispatch_stack", int),
    getattr(torch._C, "_get_tracing_state", lambda: torch.jit.is_tracing() or None),
    getattr(torch._C, "_is_any_autocast_enabled", partial(torch.is_autocast_enabled, "cpu")),
    lambda: getattr(_forward_ad, "_current_level", -1) >= 0,
)
_grad = torch.is_grad_enabled
_bfloat16 = torch.bfloat16
_NEVER = 2**63
_MOST = _NEVER - 1  # what is compared with it in C
_NARROW = (torch.float16, torch.bfloat16)
_FLOATS = (torch.float32, torch.float64, *_NARROW)


def _sizes(name: str, dtypes: set[Any], permuted: bool) -> dict[Any, int]:
    """From how many elements on an array is ours, by dtype."""
    found = smallest(name, permuted)
    sizes = {dtype: size for dtype, size in found.items() if getattr(torch, dtype) in dtypes}
    if importlib.util.find_spec("ml_dtypes") is None:
        sizes.pop("bfloat16", None)
    return {bfloat16() if name == "bfloat16" else np.dtype(name): size for name, size in sizes.items()}


def _watched(module: Any) -> dict[str, Any]:
    """The attributes a layer is made from: of torch's modules the arguments, of others all."""
    attributes = module.__dict__
    if module._original in OURS:
        attributes = {
            name: attributes[name] for name in arguments(OURS[module._original]) if name in attributes
        }
    constants = own_constants(attributes)
    if constants is None:
        raise TypeError("expected constants as attributes")
    return constants


def _getter(names: list[str]) -> Any:
    """Values of a dictionary: a tuple, one, or none."""
    return itemgetter(*names) if names else lambda attributes: None


class Held:
    """Our layer on the memory of a torch module's tensors, and what it was made from."""

    __slots__ = (
        *("compute", "glance", "layer", "least", "least_permuted", "permuted", "plain", "ranks", "wide"),
        *("absent", "attributes", "getter", "number", "shapes", "tensors"),
    )

    def __init__(self, module: Any) -> None:
        constants = _watched(module)
        self.getter = _getter(list(constants))
        self.attributes = self.getter(constants)
        # A model's own class may look at what it gets later.
        self.number = 0 if module._original in OURS else len(module.__dict__) + (HELD not in module.__dict__)
        stores = (module._parameters, module._buffers)
        found = [(store, name, store[name]) for store in stores for name in STATE[:4] if name in store]
        self.absent = [(store.get, name) for store, name, t in found if t is None]
        # Our layer holds the memory: what has the same address and layout is the same. Of a vector the number
        # of bytes tells the shape, in half the time.
        self.tensors = [
            (store.get, name, t.data_ptr(), t.dtype, t.nbytes, t.stride())
            for store, name, t in found
            if t is not None
        ]
        self.shapes = [
            (get, name, get(name).shape) for get, name, *_, stride in self.tensors if len(stride) != 1
        ]
        self.ranks: Any = None
        self.glance: Any = None
        if module._original in OURS:
            self._take(layer_of(module, module._original), module, set(_FLOATS))
        else:
            known = rms_of(module)
            if known is None:  # any more: torch's from now on
                self.least = self.least_permuted = _NEVER
                self.ranks = frozenset()
                return
            self.ranks = known.ranks
            self._take(rms_layer(module, known.offset), module, known.dtypes)
        least = {dtype.name: size for dtype, size in self.plain.items()}
        self.glance = watched(
            self.compute,
            constants,
            self.number,
            [(store, name) for store, name, _ in found],
            MODES,
            [least.get(dtype, _MOST) for dtype in DTYPES],
            sum(1 << rank for rank in self.ranks or range(32)),
        )

    def _take(self, layer: Module, module: Any, dtypes: Any) -> None:
        """Our layer, and from how many elements of these dtypes on it is faster."""
        self.layer, self.compute = layer, layer.forward
        kinds = {dtype for _, _, _, dtype, _, _ in self.tensors}
        stored = {name for _, name, *_ in (*self.tensors, *self.absent)}
        # By a parametrization or a hook, anew for each call.
        computed = any(getattr(module, name, None) is not None for name in STATE[:4] if name not in stored)
        accepted = kinds if len(kinds) == 1 and not computed else set()
        if not kinds and not computed:
            accepted = set(_FLOATS)
        elif accepted == {torch.float32} and module._original in OURS:  # others promote the result
            accepted = {torch.float32, *_NARROW}
        name = type(layer).__name__
        self.plain, self.permuted = (_sizes(name, accepted & dtypes, permuted) for permuted in (False, True))
        self.least = min(self.plain.values(), default=_NEVER)
        self.least_permuted = min(self.permuted.values(), default=_NEVER)
        self.wide = not kinds or not kinds & {_bfloat16}

    def is_of(self, module: Any) -> bool:
        """Has the module still what the layer was made from, its tensors on the same memory?"""
        attributes = module.__dict__
        try:
            if self.getter(attributes) != self.attributes or (self.number and len(attributes) != self.number):
                return False
        except KeyError:  # one is gone
            return False
        for get, name in self.absent:
            if get(name) is not None:
                return False
        for get, name, pointer, dtype, size, stride in self.tensors:
            tensor = get(name)
            if (
                tensor is None
                or tensor.data_ptr() != pointer
                or tensor.stride() != stride
                or tensor.nbytes != size
                or tensor.dtype is not dtype
            ):
                return False
        return not self.shapes or all(get(name).shape == shape for get, name, shape in self.shapes)

    def needs_gradients(self, x: Any) -> bool:
        """Are gradients on, and does x or any parameter require one?"""
        return _grad() and (x.requires_grad or any(get(name).requires_grad for get, name, *_ in self.tensors))

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
