"""Gates of rms_norm: what they accept, and norm and gate block by block, each in the cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cnorm._accept.arrays import Array, as_input, empty, native
from cnorm._accept.axes import as_int
from cnorm._accept.options import Curve, as_activation
from cnorm._native import core, norms

# Elements of a block for each thread.
_AT_ONCE = 2**17
_ITSELF = ("leaky_relu", 1.0)  # as an activation: of no activation


class Gate(NamedTuple):
    """A gate without gaps, its activation, and whether it comes before the norm."""

    array: Array
    curve: Curve
    first: bool

    def apart_from(self, a: Array) -> Gate:
        """In memory of its own, if a shares it."""
        return self._replace(array=self.array.copy()) if np.may_share_memory(self.array, a) else self


def as_gate(gate: Any, activation: Any, norm_before_gate: Any, x: Array, out: Any) -> Gate | None:
    """The gate of x, apart from the memory of `out`."""
    if gate is None and activation == "silu" and norm_before_gate is True:
        return None
    curve = as_activation(_ITSELF if activation is None else activation, "gate_activation")
    if not isinstance(norm_before_gate, (bool, np.bool_)):
        raise TypeError(f"norm_before_gate: expected a bool, got {norm_before_gate!r}")
    if gate is None:
        return None
    g = as_input(gate, "gate")
    if g.shape != x.shape:
        raise ValueError(f"gate: expected the shape of input {x.shape}, got {g.shape}")
    if g.dtype.newbyteorder("=") != x.dtype.newbyteorder("="):
        raise TypeError(f"gate: expected the dtype of input {x.dtype}, got {g.dtype}")
    g = np.ascontiguousarray(native(g)).reshape(x.shape)
    if not g.flags.aligned or (isinstance(out, np.ndarray) and np.may_share_memory(g, out)):
        g = g.copy()
    return Gate(g, curve, not norm_before_gate)


def as_group_size(group_size: Any, sizes: tuple[int, ...]) -> int | None:
    """A divisor of the one size that is normalized over."""
    if group_size is None:
        return None
    size = as_int(group_size, "group_size")
    if len(sizes) != 1:
        raise ValueError(f"group_size: expected a normalized_shape of one size, got {sizes}")
    if size <= 0 or sizes[0] % size:
        raise ValueError(f"group_size: expected a divisor of {sizes[0]}, got {size}")
    return size


def by_blocks(norm: Callable[[Array, Array], None], x: Array, y: Array, gate: Gate, row_axes: int) -> None:
    """y from x by `norm` and the gate; norm takes rows of the last `row_axes` dimensions, or all of x."""
    if not x.size:
        return
    z = y if y.flags.c_contiguous and y.flags.aligned else empty(y, y.dtype)
    if gate.first and not (x.flags.c_contiguous and x.flags.aligned):
        x = x.copy(order="C")
    if row_axes == 0 or not x.flags.c_contiguous:
        _apply(norm, x, z, gate.array, gate)
    else:
        shape = (-1, *x.shape[x.ndim - row_axes :])
        rows, to, gates = x.reshape(shape), z.reshape(shape), gate.array.reshape(shape)
        step = max(1, _AT_ONCE * core.get_num_threads() // math.prod(shape[1:]))
        for i in range(0, len(rows), step):
            _apply(norm, rows[i : i + step], to[i : i + step], gates[i : i + step], gate)
    if z is not y:
        y[...] = z


def _apply(norm: Callable[[Array, Array], None], x: Array, y: Array, g: Array, gate: Gate) -> None:
    if gate.first:
        norms.gate(x, g, y, gate.curve)
        norm(y, y)
    else:
        norm(x, y)
        norms.gate(y, g, y, gate.curve)
