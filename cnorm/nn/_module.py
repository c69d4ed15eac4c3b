"""What all layers share: mode, ordered parameters and buffers, state_dict, repr."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cnorm._accept.arrays import FLOATS, Array, to_ndarray
from cnorm._accept.hints import ArrayLike, Out
from cnorm.nn._parametrizations import without_parametrizations

Self = TypeVar("Self", bound="Module")
Norm = Callable[..., Array]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found; both empty when everything matched."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Uninitialized:
    """A parameter or buffer of a lazy layer before its first call."""

    def __repr__(self) -> str:
        return "<Uninitialized>"


def parameter_dtype(device: Any, dtype: Any) -> np.dtype[Any]:
    """The dtype of a layer's parameters; the only device is the CPU."""
    if device is not None and str(device) != "cpu":
        raise ValueError(f'device: expected None or "cpu", got {device!r}')
    chosen = np.dtype(np.float32 if dtype is None else dtype)
    if chosen.name not in FLOATS:
        raise TypeError(f"dtype: expected one of {', '.join(FLOATS)}, got {chosen}")
    return chosen


def new_array(shape: Any, dtype: np.dtype[Any], name: str) -> Array:
    """An array for reset_parameters to fill; `name` is the argument that gave its shape."""
    try:
        return np.empty(shape, dtype)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: expected sizes that are ints and not negative, got {shape!r}") from None


def is_uninitialized(value: Any) -> bool:
    """Does this stand for an array not allocated yet: ours, or one of torch's?"""
    return isinstance(value, Uninitialized) or type(value).__name__ in (
        "UninitializedParameter",
        "UninitializedBuffer",
    )


def _loadable(value: Any, current: Any, name: str) -> Array:
    """A value of a state_dict in the dtype of what it is to replace."""
    if is_uninitialized(value):
        raise ValueError(f"state_dict: {name}: expected an array, got an uninitialized one")
    array = to_ndarray(value, f"state_dict: {name}")
    if array.dtype.kind not in "biuf" and array.dtype.name not in FLOATS:
        raise TypeError(f"state_dict: {name}: expected numbers, got {array.dtype}")
    if not isinstance(current, np.ndarray):
        return array
    if current.dtype.kind == "i" and array.dtype.kind not in "biu" and not np.isfinite(array).all():
        raise ValueError(f"state_dict: {name}: expected finite numbers, got {array}")
    if current.ndim == 0 and array.shape == (1,):  # as very old checkpoints hold scalars
        array = array.reshape(())
    with np.errstate(all="ignore"):
        return array.astype(current.dtype)


def check_writeable(arrays: Mapping[str, Any]) -> None:
    """Raises if one of several arrays can't be written to; whoever writes to all asks before the first."""
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise TypeError(f"{name}: expected an ndarray to write to, got {type(array).__name__}")
        if not array.flags.writeable:
            raise ValueError(f"{name}: expected a writeable array, got a read-only one")


@cache
def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Defaults of the constructors of a layer of ours, which sets attributes of the same names."""
    found: dict[str, Any] = {"training": True}
    for base in reversed(kind.__mro__[:-1]):
        parameters = inspect.signature(base).parameters.values() if "__init__" in vars(base) else ()
        found.update({p.name: p.default for p in parameters if p.default is not p.empty})
    if "bias" in found:
        found["bias"] = None  # the attribute is an array; a layer from before there was a choice has none
    return {name: value for name, value in found.items() if name not in ("device", "dtype")}


class Module:
    """Base of the layers. Subclasses register parameters and buffers in torch's order.

    To change what a call does, override `forward`.
    """

    training: bool
    _version = 1  # of the state_dict, as torch counts them

    def __init_subclass__(cls, **keywords: Any) -> None:
        """A call is `forward` itself, unless a class has its own `__call__`.

        A function between the two would cost half of what layer_norm of (1, 768) takes.
        """
        super().__init_subclass__(**keywords)
        inherited = [vars(base).get("forward") for base in cls.__mro__]
        if cls.__call__ in (Module.__call__, *inherited):
            cls.__call__ = cls.forward  # type: ignore[method-assign]

    def __init__(self) -> None:
        self.training = True
        self._parameters: list[str] = []
        self._buffers: list[str] = []

    def register_parameter(self, name: str, value: Any) -> None:
        """Makes an attribute part of the state; None keeps its place but is not saved."""
        self._parameters.append(name)
        setattr(self, name, value)

    def register_buffer(self, name: str, value: Any) -> None:
        """As a parameter, but not learned."""
        self._buffers.append(name)
        setattr(self, name, value)

    def __setstate__(self, state: Any) -> None:
        """Attributes that a layer had not yet when it was pickled are as the constructor sets them."""
        own, slots = state if isinstance(state, tuple) else (state, None)
        ours = next(base for base in type(self).__mro__ if base.__module__.startswith("cnorm."))
        self.__dict__.update({**_defaults(ours), **(own or {})})
        for name, value in (slots or {}).items():
            setattr(self, name, value)

    def _fill(self, values: Mapping[str, Any]) -> None:
        """Fills those of these arrays that the layer has; none if one of them can't be written to."""
        arrays: dict[str, Any] = {name: getattr(self, name, None) for name in values}
        arrays = {n: a for n, a in arrays.items() if a is not None and not isinstance(a, Uninitialized)}
        check_writeable(arrays)
        with np.errstate(all="ignore"):
            for name, array in arrays.items():
                array[...] = values[name]

    def train(self: Self, mode: bool = True) -> Self:
        """Sets training mode; returns the layer."""
        if not isinstance(mode, (bool, np.bool_)):
            raise ValueError(f"mode: expected a bool, got {mode!r}")
        self.training = bool(mode)
        return self

    def eval(self: Self) -> Self:
        """Sets evaluation mode; returns the layer."""
        return self.train(False)

    def _state(self) -> OrderedDict[str, Any]:
        names = (*self._parameters, *self._buffers)
        return OrderedDict((n, getattr(self, n)) for n in names if getattr(self, n) is not None)

    def state_dict(self) -> OrderedDict[str, Any]:
        """Parameters and buffers under torch's keys, in torch's order; the arrays themselves."""
        state = self._state()
        state._metadata = OrderedDict({"": {"version": self._version}})  # type: ignore[attr-defined]
        return state

    def _optional_keys(self, version: int | None) -> set[str]:
        """Keys a state_dict of that version may lack or carry in vain without an error."""
        return set()

    def _refused_keys(self, version: int | None) -> set[str]:
        """Keys that are an error in a state_dict of that version even if not strict."""
        return set()

    def _own_keys(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """A state_dict with what others keep under other keys under those of the layer."""
        return without_parametrizations(state_dict)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copies values into the parameters and buffers; all or nothing.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            NumPy arrays or torch tensors. What torch's `weight_norm` and `spectral_norm` made of parameters,
            under keys of their own, is put together first.
        strict : bool
            Raise for missing and unexpected keys.

        Returns
        -------
        IncompatibleKeys
            `missing_keys` and `unexpected_keys`.

        Raises
        ------
        TypeError
            `state_dict` is not a mapping, or a value is not numeric.
        ValueError
            A shape that differs, a parameter or buffer that is read-only; with `strict`, keys that differ.
            Nothing is loaded then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict: expected a mapping, got {type(state_dict).__name__}")
        own = self._state()
        metadata = getattr(state_dict, "_metadata", {})
        state_dict = self._own_keys(state_dict)
        version = metadata.get("", {}).get("version")
        optional, refused = self._optional_keys(version), self._refused_keys(version)
        missing = [k for k in own if k not in state_dict and k not in optional]
        unexpected = [k for k in state_dict if k not in own and k not in optional | refused]
        errors = [f"{k}: the layer tracks no statistics" for k in state_dict if k in refused]
        if strict and missing:
            errors.append(f"missing keys {missing}")
        if strict and unexpected:
            errors.append(f"unexpected keys {unexpected}")
        known = [k for k in own if k in state_dict]
        known = [k for k in known if not (is_uninitialized(own[k]) and is_uninitialized(state_dict[k]))]
        values = {k: _loadable(state_dict[k], own[k], k) for k in known}
        for key, value in values.items():
            current = own[key]
            if isinstance(current, np.ndarray) and value.shape != current.shape:
                errors.append(f"{key}: expected shape {current.shape}, got {value.shape}")
            elif isinstance(current, np.ndarray) and not current.flags.writeable:
                errors.append(f"{key}: expected a writeable array to load into, but the layer's is read-only")
        if errors:
            raise ValueError(f"state_dict for {type(self).__name__}: " + "; ".join(errors))
        there = {key for key in values if isinstance(own[key], np.ndarray)}
        with np.errstate(all="ignore"):
            made = {key: self._materialize(value) for key, value in values.items() if key not in there}
        for key in there:
            own[key][...] = values[key]
        for key, value in made.items():
            setattr(self, key, value)
        return IncompatibleKeys(missing, unexpected)

    def _materialize(self, value: Array) -> Array:
        """A loaded value for what a lazy layer has not allocated yet."""
        return value.copy()

    def forward(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        """The layer's result for `input`, written to `out` if given."""
        raise TypeError(f"{type(self).__name__} has no forward of its own")

    def __call__(self, input: ArrayLike, out: Out = None, **fused: Any) -> Array:
        return self.forward(input, out=out, **fused)

    def extra_repr(self) -> str:
        """The arguments `repr` shows."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def rank_of(input: Any) -> int:
    """The number of dimensions of any array-like."""
    ndim = getattr(input, "ndim", None)
    return ndim if isinstance(ndim, int) else to_ndarray(input, "input").ndim


def check_rank(input: Any, ranks: tuple[int, ...]) -> None:
    """Raises unless input has one of the ranks."""
    ndim = input.ndim if type(input) is np.ndarray else rank_of(input)
    if ndim not in ranks:
        wanted = " or ".join(f"{r}D" for r in ranks)
        raise ValueError(f"input: expected {wanted} input, got {ndim}D input")
