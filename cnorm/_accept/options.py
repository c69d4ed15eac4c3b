"""Options of norms: what `activation=`, `eps_mode=` and `residual=` accept, and the sum of the latter."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, as_input, check_out, empty_like, overlaps
from cnorm._accept.axes import as_number
from cnorm._native import core

# As the core counts them.
ACTIVATIONS: dict[Any, int] = dict(zip([None, *core.activations()], range(99), strict=False))
EPS_MODES: dict[str, int] = {"inside": 0, "outside": 1, "max": 2}
Curve = tuple[int, float]  # an activation as the core takes it: its number and slope
SLOPE = 0.01  # of "leaky_relu", torch's


class Options(NamedTuple):
    """The keywords of a norm of rows, as they were given."""

    axis: Any = None
    weight_offset: Any = 0.0
    where: Any = None
    residual: Any = None
    residual_out: Any = None
    activation: Any = None
    out: Any = None
    eps_mode: Any = "inside"
    gate: Any = None
    gate_activation: Any = "silu"
    norm_before_gate: Any = True
    group_size: Any = None


def as_activation(activation: Any, name: str = "activation") -> Curve:
    """The core's number of an activation, and the slope of a leaky one."""
    slope = SLOPE
    if isinstance(activation, tuple):
        if len(activation) != 2 or activation[0] != "leaky_relu":
            raise ValueError(f'{name}: expected a name or ("leaky_relu", slope), got {activation!r}')
        activation, slope = activation[0], as_number(activation[1], name)
        if not math.isfinite(slope):
            raise ValueError(f"{name}: expected a finite slope, got {slope}")
    if activation is not None and not isinstance(activation, str):
        raise TypeError(f"{name}: expected a str, a tuple or None, got {type(activation).__name__}")
    if activation not in ACTIVATIONS:
        known = ", ".join(repr(known) for known in ACTIVATIONS if known)
        raise ValueError(f"{name}: expected one of {known}, got {activation!r}")
    return ACTIVATIONS[activation], slope


def as_eps_mode(eps_mode: Any) -> int:
    """The core's number of an `eps_mode`."""
    if not isinstance(eps_mode, str):
        raise TypeError(f"eps_mode: expected a str, got {type(eps_mode).__name__}")
    if eps_mode not in EPS_MODES:
        raise ValueError(f"eps_mode: expected one of {', '.join(map(repr, EPS_MODES))}, got {eps_mode!r}")
    return EPS_MODES[eps_mode]


def _shared(a: Array, b: Array) -> bool:
    """Have the two an element in common? Where that is hard to tell, too."""
    try:
        return np.shares_memory(a, b, max_work=10**6)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


class Sum:
    """h = x + residual: `h`, and the `parts` the core can make it of as it reads it, else None."""

    __slots__ = ("_addends", "h", "parts")

    def __init__(self, x: Array, residual: Any, residual_out: Any, out: Any) -> None:
        r = as_input(residual, "residual")
        if r.shape != x.shape:
            raise ValueError(f"residual: expected the shape of input {x.shape}, got {r.shape}")
        if r.dtype.newbyteorder("=") != x.dtype.newbyteorder("="):
            raise TypeError(f"residual: expected the dtype of input {x.dtype}, got {r.dtype}")
        if residual_out is not None:
            check_out(x.shape, x.dtype, residual_out, "residual_out")
        self.h: Array = empty_like(x) if residual_out is None else residual_out
        if isinstance(out, np.ndarray) and _shared(self.h, out):
            raise ValueError("residual_out: expected memory apart from out")
        self._addends = x, r
        self.parts = self._addends if self._alike(x, r, out) else None

    def _alike(self, x: Array, r: Array, out: Any) -> bool:
        """Do all lie in one way, in the same memory or apart? The core adds where it reads."""
        pairs = [(x, self.h), (r, self.h)]
        if isinstance(out, np.ndarray):
            pairs += [(a, out) for a in (x, r, self.h)]
        return (
            type(self.h) is np.ndarray
            and all(a.dtype.isnative for a in (x, r, self.h))
            and x.strides == r.strides == self.h.strides
            and not any(overlaps(a, b) for a, b in pairs)
        )

    def spare(self, p: Array | None) -> Array | None:
        """A parameter or mask apart from the memory of h."""
        return p.copy() if p is not None and np.may_share_memory(p, self.h) else p

    def add(self, *, now: bool = False) -> None:
        """Makes h if the core is not to; or anyway."""
        self.parts = None if now else self.parts
        if self.parts is None:
            with np.errstate(all="ignore"):
                np.add(*self._addends, out=self.h)


def as_sum(x: Array, residual: Any, residual_out: Any, out: Any) -> Sum | None:
    """The sum a residual asks for."""
    if residual is not None:
        return Sum(x, residual, residual_out, out)
    if residual_out is not None:
        raise ValueError("residual_out: expected a residual to add, got None")
    return None
