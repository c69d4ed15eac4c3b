"""Norm, then symmetric int8 by rows, in two steps: cnorm's norm and NumPy, torch, numba."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import cnorm.functional as F
from bench.cases import Case
from bench.data import EPS, Array, Data
from bench.peers import FRESH, PREALLOCATED, Calls

Norm = Callable[[], Any]


def norm_of(case: Case, d: Data, y: Array) -> Norm:
    """cnorm's float form into y."""
    if case.operation == "rms_norm_int8":
        return partial(F.rms_norm, d.x, case.parameter_shape, d.weight, EPS, out=y)
    return partial(F.layer_norm, d.x, case.parameter_shape, d.weight, d.bias, out=y)


def ours(case: Case, d: Data) -> Callable[..., Any]:
    """In one pass."""
    if case.operation == "rms_norm_int8":
        return partial(F.rms_norm_int8, d.x, case.parameter_shape, d.weight, EPS)
    return partial(F.layer_norm_int8, d.x, case.parameter_shape, d.weight, d.bias)


def two_step_calls(case: Case, d: Data) -> Calls:
    """cnorm's norm, then NumPy, every array given; a product with the reciprocal saves the division."""
    y, wide = np.empty_like(d.x), np.empty(case.shape, np.float32)
    norm, scale = norm_of(case, d, y), np.empty((*case.shape[:-1], 1), np.float32)
    magnitudes = np.empty_like(wide)

    def run() -> tuple[Array, Array]:
        norm()
        values = y
        if y.dtype != np.float32:
            np.copyto(wide, y)
            values = wide
        np.abs(values, out=magnitudes)
        np.max(magnitudes, axis=-1, keepdims=True, out=scale)
        np.divide(scale, np.float32(127), out=scale)
        np.multiply(values, 1 / scale, out=wide)
        np.rint(wide, out=wide)
        np.copyto(d.out, wide, casting="unsafe")
        return d.out, scale

    return {FRESH: run, PREALLOCATED: run}


def torch_two_steps(norm: Callable[[], Any]) -> Any:
    """Of torch's own norm; float32 from the norm on."""
    y = norm().float()
    scale = y.abs().amax(-1, keepdim=True).div_(127)
    return (y * scale.reciprocal()).round_().char(), scale


def numba_two_steps(fill: Callable[[Array], Any], kernel: Callable[..., Any], d: Data) -> Calls:
    """numba's norm, then a kernel that quantizes row by row; every array given."""
    y, scale = np.empty_like(d.x), np.empty((*d.x.shape[:-1], 1), np.float32)

    def run() -> tuple[Array, Array]:
        fill(y)
        kernel(y, d.out, scale[:, 0])
        return d.out, scale

    return {FRESH: run, PREALLOCATED: run}
