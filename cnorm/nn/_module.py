"""What all layers share: mode, ordered parameters and buffers, state_dict, repr."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from cnorm._arrays import FLOATS, Array, to_ndarray

Self = TypeVar("Self", bound="Module")


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found; both empty when everything matched."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys{tuple(self)}"


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


class Module:
    """Base of the layers. Subclasses register parameters and buffers in torch's order."""

    training: bool

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
        return self._state()

    def _optional_keys(self, mapping: Mapping[str, Any]) -> set[str]:
        """Keys a mapping may lack or carry in vain without an error."""
        return set()

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copies values into the parameters and buffers; all or nothing.

        Parameters
        ----------
        state_dict : mapping of str to array_like
            NumPy arrays or torch tensors.
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
            A shape that differs; with `strict`, keys that differ. Nothing is loaded then.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"state_dict: expected a mapping, got {type(state_dict).__name__}")
        own, optional = self._state(), self._optional_keys(state_dict)
        missing = [k for k in own if k not in state_dict and k not in optional]
        unexpected = [k for k in state_dict if k not in own and k not in optional]
        errors = []
        if strict and missing:
            errors.append(f"missing keys {missing}")
        if strict and unexpected:
            errors.append(f"unexpected keys {unexpected}")
        values = {k: to_ndarray(state_dict[k], k) for k in own if k in state_dict}
        for key, value in values.items():
            current = own[key]
            if isinstance(current, np.ndarray) and value.shape != current.shape:
                errors.append(f"{key}: expected shape {current.shape}, got {value.shape}")
            if value.dtype.kind not in "biuf" and value.dtype.name not in FLOATS:
                raise TypeError(f"state_dict: {key}: expected numbers, got {value.dtype}")
        if errors:
            raise ValueError(f"state_dict for {type(self).__name__}: " + "; ".join(errors))
        for key, value in values.items():
            if isinstance(own[key], np.ndarray):
                own[key][...] = value
            else:
                setattr(self, key, self._materialize(value))
        return IncompatibleKeys(missing, unexpected)

    def _materialize(self, value: Array) -> Array:
        """A loaded value for what a lazy layer has not allocated yet."""
        return value.copy()

    def forward(self, input: Any, out: Any = None, **fused: Any) -> Array:
        """The layer's result for `input`, written to `out` if given."""
        raise TypeError(f"{type(self).__name__} has no forward of its own")

    def __call__(self, input: Any, out: Any = None, **fused: Any) -> Array:
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
    ndim = rank_of(input)
    if ndim not in ranks:
        wanted = " or ".join(f"{r}D" for r in ranks)
        raise ValueError(f"input: expected {wanted} input, got {ndim}D input")
