"""The RMSNorm classes that models bring along, told by what they compute."""

from __future__ import annotations

import inspect
import math
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

import cnorm.nn as nn
from cnorm._accept.arrays import to_ndarray
from cnorm.interop._require import require
from cnorm.nn._module import Module

torch: Any = require("torch", "torch")

HELD = "_cnorm_held"  # where an accelerated module has our layer
# What they call it: transformers, most others, a few.
EPS = ("variance_epsilon", "eps", "epsilon")
_OFFSETS = (0.0, 1.0)
_TOLERANCE = 1e-5
_FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
# By rank, in front of the axis that is normalized.
_SHAPES: tuple[tuple[int, ...], ...] = ((), (6,), (1, 7), (2, 4), (2, 1, 3), (1, 3, 2), (1, 2, 1, 3))
# What cannot change without being another object.
_PLAIN: tuple[type, ...] = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
_PLAIN += (type, FunctionType, BuiltinFunctionType)
_FRAME = {*torch.nn.Module().__dict__, HELD}  # what every module has


class Found(NamedTuple):
    """What a model's own RMSNorm was found to do: added to its weight, and for which inputs."""

    offset: float
    ranks: frozenset[int]
    dtypes: frozenset[Any]


def _is_constant(value: Any) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, tuple) and all(map(_is_constant, value)))


def own_constants(attributes: dict[str, Any]) -> dict[str, Any] | None:
    """Those of a module's attributes that not every module has; None if one may change without notice."""
    found = {name: value for name, value in attributes.items() if name not in _FRAME}
    return found if all(map(_is_constant, found.values())) else None


def eps_name(module: Any) -> str:
    """The attribute that holds what is added to the variance."""
    return next((name for name in EPS if isinstance(getattr(module, name, None), float)), "eps")


def _is_plain(module: Any, kind: Any) -> bool:
    """A norm by name, with a vector of weights and constants, called with one tensor?"""
    if "norm" not in kind.__name__.lower() or list(module._parameters) != ["weight"]:
        return False
    weight = module._parameters["weight"]
    if module._buffers or module._modules or weight is None or weight.dim() != 1 or not weight.numel():
        return False
    if own_constants(module.__dict__) is None or not isinstance(
        getattr(module, eps_name(module), None), float
    ):
        return False
    return len(inspect.signature(kind.forward).parameters) == 2


def _rows(shape: tuple[int, ...], n: int, eps: float, dtype: Any, random: Any) -> Any:
    """Rows of several kinds in turns: with a mean, which LayerNorm would take away, as small as sqrt(eps),
    of zeros, and beyond what a norm in disguise may clip."""
    x = torch.randn(math.prod(shape), n, generator=random)
    x[1::6] += 2
    x[2::6] *= max(eps, 0.0) ** 0.5
    if dtype.itemsize > 2:
        x[3::6] *= 1e4
        x[4::6] *= 1e-4
        x[5::6] = 0
    return x.to(dtype).reshape(*shape, n)


def twin(module: Any, weight: Any) -> Any:
    """The module with another weight, without hooks."""
    other = object.__new__(type(module))
    other.__dict__.update({name: value for name, value in module.__dict__.items() if name != HELD})
    other._parameters = {"weight": torch.nn.Parameter(weight, requires_grad=False)}
    return other


def _offsets(module: Any, kind: Any, x: Any, weight: Any) -> set[float] | None:
    """Which offsets explain what the class makes of x; None if it takes no such x."""
    other, given = twin(module, weight), x.clone()
    before = own_constants(other.__dict__)
    try:
        y = kind.forward(other, given)
    except Exception:  # code of any kind, given what it may not expect
        return None
    alike = isinstance(y, torch.Tensor) and y.shape == x.shape and y.dtype == x.dtype
    if not alike or not torch.equal(x, given) or own_constants(other.__dict__) != before:
        return set()
    eps = getattr(module, eps_name(module))
    normal = x.double() / (x.double().square().mean(-1, keepdim=True) + eps).sqrt()
    tolerance = max(_TOLERANCE, 8 * torch.finfo(x.dtype).eps)
    wanted = {offset: normal * (weight.double() + offset) for offset in _OFFSETS}
    return {o for o, w in wanted.items() if torch.allclose(y.double(), w, rtol=tolerance, atol=tolerance)}


def rms_of(module: Any) -> Found | None:
    """What the class of an RMSNorm does, found by running it; None if it is no RMSNorm.

    Every rank and dtype it takes must give what RMSNorm does with one and the same offset.
    """
    kind = getattr(type(module), "_original", type(module))
    if not _is_plain(module, kind):
        return None
    n, eps = module.weight.shape[0], getattr(module, eps_name(module))
    random = torch.Generator().manual_seed(0)
    weight = torch.rand(n, generator=random) + 0.5
    offsets, ranks, dtypes = set(_OFFSETS), set(), set()
    with torch.inference_mode():
        for shape in _SHAPES:
            found = _offsets(module, kind, _rows(shape, n, eps, torch.float32, random), weight)
            if found is not None:
                offsets &= found
                ranks.add(len(shape) + 1)
        if not ranks or len(offsets) != 1:
            return None
        shape = next(shape for shape in _SHAPES if len(shape) + 1 == max(ranks & {1, 2, 3} or ranks))
        for dtype in _FLOATS:
            found = _offsets(module, kind, _rows(shape, n, eps, dtype, random), weight.to(dtype))
            if found and offsets <= found:
                dtypes.add(dtype)
    return Found(offsets.pop(), frozenset(ranks), frozenset(dtypes))


def offset_of(module: Any) -> float | None:
    """What an RMSNorm adds to its weight; None if it is no RMSNorm."""
    found = rms_of(module)
    return None if found is None else found.offset


def rms_layer(module: Any, offset: float) -> Module:
    """Our layer of the same arguments and on the same memory."""
    eps = getattr(module, eps_name(module))
    layer = nn.RMSNorm(tuple(module.weight.shape), eps, weight_offset=offset)
    layer.weight = to_ndarray(module.weight, "weight")
    return layer.train(module.training)
