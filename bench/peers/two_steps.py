"""A fused case as steps: NumPy adds the residual, a peer normalizes, NumPy applies the activation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.cases import Case
from bench.data import Array, Data, activate
from bench.peers import FRESH, Calls
from cnorm._bench.interleave import Call


def activated(y: Array, activation: str, scratch: Array | None) -> Array:
    """In place, if there is scratch."""
    if scratch is None:
        return activate(y, activation)
    if activation == "relu":
        return np.maximum(y, 0, out=y)
    np.negative(y, out=scratch)
    np.exp(scratch, out=scratch)
    np.add(scratch, 1, out=scratch)
    return np.divide(y, scratch, out=y)


def steps(case: Case, d: Data, norm: Call, scratch: Array | None) -> Call:
    """One call after the other."""

    def run() -> Any:
        if case.residual:
            np.add(d.x, d.residual, out=d.total)
        y = norm()
        if case.activation:
            y = activated(y, case.activation, scratch)
        return (y, d.total) if case.residual else y

    return run


def calls(case: Case, d: Data, threads: int, normalize: Callable[[Case, Data, int], Calls]) -> Calls:
    """In the modes the normalization has."""
    of_norm = replace(d, x=d.total) if case.residual else d
    if case.residual:
        np.add(d.x, d.residual, out=d.total)
    made = normalize(case.plain, of_norm, threads)
    scratch = np.empty_like(d.x)
    return {mode: steps(case, d, call, None if mode == FRESH else scratch) for mode, call in made.items()}
