"""Rows normalized with care: what layer_norm, rms_norm and the int8 forms ask of arguments; the call."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from cnorm._accept.arrays import Array, Output, as_input, as_parameter, check_out
from cnorm._accept.axes import against_axes, as_number, check_affine, normalized_axes
from cnorm._accept.masks import as_mask, unmasked
from cnorm._accept.options import Curve, Options, Sum, as_activation, as_eps_mode, as_sum
from cnorm._native import norms
from cnorm._norms.gated import as_gate, as_group_size, by_blocks

__all__ = ["Rows", "normalized"]


def normalized(
    input: Any,
    normalized_shape: Any,
    weight: Any,
    bias: Any,
    eps: float | None,
    how: Options,
    kind: str,
) -> Any:
    """Parameters have exactly the shape of the axes."""
    call, out = Rows(input, normalized_shape, weight, bias, eps, how, kind), how.out
    x, curve, mode = call.x, as_activation(how.activation), as_eps_mode(how.eps_mode)
    if out is not None:
        check_out(x.shape, x.dtype, out)
    gate = as_gate(how.gate, how.gate_activation, how.norm_before_gate, x, out)
    total = as_sum(x, how.residual, how.residual_out, out)
    parts = None
    if total is not None:
        call.keep_apart(total)
        gate = None if gate is None else gate.apart_from(total.h)
        total.add(now=gate is not None)
        if total.parts is not None:
            parts = call.split(total.parts[0]), call.split(total.parts[1])
    target = Output(x if total is None else total.h, out)
    norm = partial(_norm, call, kind, curve, mode, parts)
    if gate is None:
        norm(call.split(target.x), call.split(target.y))
    else:
        by_blocks(norm, call.split(target.x), call.split(target.y), gate, call.row_axes)
        if call.mask is not None:
            np.copyto(call.split(target.y), 0, where=~call.mask, casting="unsafe")
    y = call.result(target.done())
    return y if total is None else (y, call.result(total.h))


def _norm(call: Rows, kind: str, curve: Curve, mode: int, parts: Any, x: Array, y: Array) -> None:
    """Of all of x, or of rows."""
    (w, b), axes, more = call.affine, call.axes, call.ndim - x.ndim
    if more:
        axes, w, b = tuple(a - more for a in axes), _last(w, x), _last(b, x)
    norms.normalize(x, y, axes, w, b, call.eps, kind, False, call.mask, curve, parts, eps_mode=mode)


def _last(p: Array | None, x: Array) -> Array | None:
    """A parameter against the last dimensions, those of x; a row alone has one more in front."""
    return None if p is None else p.reshape((1,) * (x.ndim - p.ndim) + p.shape[max(p.ndim - x.ndim, 0) :])


class Rows:
    """The checked arguments of `normalized`; what masks a result.

    Axes, parameters and mask are those of `split(x)`: a group size makes the axis two, groups first.
    """

    __slots__ = ("affine", "axes", "eps", "grouped", "mask", "ndim", "result", "split", "x")

    def __init__(
        self,
        input: Any,
        normalized_shape: Any,
        weight: Any,
        bias: Any,
        eps: float | None,
        how: Options,
        kind: str,
    ) -> None:
        data, where, self.result = unmasked(input, how.where)
        out = how.out
        self.x = x = as_input(data)
        self.axes, shape = normalized_axes(x, normalized_shape, how.axis)
        w, b = as_parameter(weight, "weight", x, out), as_parameter(bias, "bias", x, out)
        check_affine(w, "weight", shape)
        check_affine(b, "bias", shape)
        w = _with_offset(w, as_number(how.weight_offset, "weight_offset"))
        if eps is None and kind == "rms":
            eps = float(np.finfo(np.float64 if x.dtype.itemsize == 8 else np.float32).eps)
        self.eps = as_number(eps, "eps")
        self.mask = as_mask(where, x, out)
        self.affine = against_axes(w, self.axes, x.ndim), against_axes(b, self.axes, x.ndim)
        self.split, self.ndim = _itself, x.ndim
        size = as_group_size(how.group_size, shape)
        self.grouped = size is not None
        if size is not None:
            self._make_groups(size)

    @property
    def row_axes(self) -> int:
        """How many of the last dimensions are rows; 0: not these are normalized over, or not all of them."""
        n = len(self.axes)
        trailing = sorted(self.axes) == list(range(self.ndim - n, self.ndim)) and self.mask is None
        return n + self.grouped if trailing else 0

    def keep_apart(self, total: Sum) -> None:
        """Parameters and mask from the memory of a sum."""
        w, b = self.affine
        self.affine, self.mask = (total.spare(w), total.spare(b)), total.spare(self.mask)

    def _make_groups(self, size: int) -> None:
        (axis,) = self.axes

        def split(a: Array) -> Array:
            groups = (-1, size) if a.size else (a.shape[axis] // size, size)
            sizes = groups if a.shape[axis] > 1 or size == 1 else (1, 1)
            return a.reshape(*a.shape[:axis], *sizes, *a.shape[axis + 1 :])

        w, b = self.affine
        self.affine = None if w is None else split(w), None if b is None else split(b)
        self.mask = None if self.mask is None else split(self.mask)
        self.split, self.axes, self.ndim = split, (axis + 1,), self.ndim + 1


def _itself(a: Array) -> Array:
    return a


def _with_offset(weight: Array | None, offset: float) -> Array | None:
    """The weight with its offset, added in the compute dtype."""
    if offset == 0:
        return weight
    if weight is None:
        raise ValueError("weight_offset: expected a weight to add it to, got None")
    with np.errstate(all="ignore"):
        return np.add(weight, offset, dtype=weight.dtype)
