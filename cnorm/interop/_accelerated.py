"""torch's layers with a forward of cnorm's, for inference on the CPU where that is faster."""

from __future__ import annotations

from typing import Any

from cnorm._accept.tensors import tensor_of
from cnorm.interop._held import MODES, Held
from cnorm.interop._models import HELD, rms_of
from cnorm.interop._operators import LAYERS, in_graph
from cnorm.interop._torch_layers import OURS, torch

_compiling = torch.compiler.is_compiling
_plain = torch.Tensor


def normalized(module: Any, x: Any) -> Any:
    """The result as a tensor; None where it is torch's to compute."""
    if _compiling():
        return in_graph(module, x)
    held: Held | None = module.__dict__.get(HELD)
    if held is not None and held.glance is not None:
        y = held.glance.of(x, module.__dict__)
        if y is not None:
            return y
    return _carefully(module, x, held)


def _carefully(module: Any, x: Any, held: Held | None) -> Any:
    """The same for what is new, has changed, or is not ours."""
    if type(x) is not _plain or module.training:
        return None
    if held is not None and x.numel() < (held.least if x.is_contiguous() else held.least_permuted):
        return None  # soon: what is left to torch should cost nothing
    if any(mode() for mode in MODES):
        return None
    try:
        if held is None or not held.is_of(module):
            module.__dict__[HELD] = held = Held(module)
        if held.needs_gradients(x) or (held.ranks is not None and x.ndim not in held.ranks):
            return None
        array = held.array(x)
        return None if array is None else tensor_of(held.compute(array, held.output(array)))
    except (RuntimeError, TypeError, ValueError):  # no memory of its own, or refused: torch says why
        return None


class Alike(type):
    """The class of accelerated classes, each of them equal to the one it stands for.

    Tables by exact class know them so: torch's for fusing and quantizing, lists of a model's norms.
    """

    def __eq__(cls, other: object) -> bool:
        return _stands_for(cls) is _stands_for(other)

    def __hash__(cls) -> int:
        original = _stands_for(cls)
        return type.__hash__(cls) if original is cls else hash(original)


def _stands_for(kind: Any) -> Any:
    return vars(kind).get("_original", kind) if isinstance(kind, Alike) else kind


class Accelerated:
    """What an accelerated layer has before its own class in its order of bases."""

    _operator: str | None
    _original: type[Any]

    def forward(self, input: Any) -> Any:
        y = normalized(self, input)
        return self._original.forward(self, input) if y is None else y

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != HELD}

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _empty, (self._original,), self.__getstate__()

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


_KINDS: dict[Any, type[Any]] = {}  # one for each class, once it is needed


def _accelerated(original: type[Any]) -> type[Any]:
    if original in _KINDS:
        return _KINDS[original]
    namespace = {
        "__doc__": f"`{original.__module__}.{original.__name__}`, computed by cnorm in inference on the CPU.",
        "__module__": __name__,
        "_operator": LAYERS.get(original),
        "_original": original,
    }
    bases = (Accelerated if original in OURS else AcceleratedOwn, original)
    meta: Any = type(original)
    meta = Alike if meta is type else type(f"Alike{meta.__name__}", (Alike, meta), {})
    return _KINDS.setdefault(original, meta(f"Cnorm{original.__name__}", bases, namespace))


def _empty(original: type[Any]) -> Any:
    """What pickle and copy fill."""
    return object.__new__(_accelerated(original))


def accelerated(module: Any) -> type[Any] | None:
    """The class that accelerates a module; None if there is none, or it has it."""
    kind = type(module)
    if isinstance(module, Accelerated):
        return None
    if kind in OURS:
        return None if kind.__name__.startswith("Lazy") else _accelerated(kind)
    return None if isinstance(module, tuple(OURS)) or rms_of(module) is None else _accelerated(kind)
