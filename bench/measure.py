"""Measures one case: data, agreement of every contender, interleaved times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.agreement import agrees, error
from bench.cases import Case
from bench.data import Data, before_each, make
from bench.oracle import reference
from bench.peers import CONTENDERS, LIMITS, MODES, set_threads
from cnorm._bench.interleave import WARM, Call, compared

BASE = "cnorm"


class Disagreement(Exception):
    """cnorm's own result is wrong."""


@dataclass
class Prepared:
    """Calls by mode and name that agree with the reference, and the error of those that do not."""

    data: Data
    calls: dict[str, dict[str, Call]]
    disagree: dict[str, dict[str, float]]


def admitted(name: str, case: Case, call: Call, expected: Any, disagree: dict[str, float]) -> bool:
    """Does it compute what the case says? A peer that does not is left out and named."""
    if name in LIMITS:
        return True
    largest = error(call(), expected)
    if agrees(name, "int8" if case.quantized else case.dtype, largest):
        return True
    if name == BASE:
        raise Disagreement(f"{case}: error {largest:.3g}")
    disagree[name] = largest
    return False


def prepare(case: Case, threads: int, names: tuple[str, ...] = tuple(CONTENDERS)) -> Prepared:
    """Every installed contender, checked."""
    set_threads(threads, names)
    data = make(case)
    expected = reference(case, data)
    prepared = Prepared(data, {mode: {} for mode in MODES}, {mode: {} for mode in MODES})
    for name in names:
        offered = CONTENDERS[name].calls(case, data, threads) if CONTENDERS[name].installed else {}
        for mode, call in offered.items():
            data.out.fill(0)
            with np.errstate(all="ignore"):  # peers overflow
                if admitted(name, case, call, expected, prepared.disagree[mode]):
                    prepared.calls[mode][name] = call
    return prepared


def measure(case: Case, threads: int, mode: str, prepared: Prepared, seconds: float) -> dict[str, Any] | None:
    """The record of a case in one mode; None where cnorm does not offer it."""
    calls = prepared.calls[mode]
    if BASE not in calls:
        return None
    return {
        "case": str(case),
        "operation": case.operation,
        "elements": case.elements,
        "bytes": prepared.data.x.nbytes + prepared.data.out.nbytes,
        "threads": threads,
        "mode": mode,
        "times": compared(calls, BASE, seconds, WARM if threads > 1 else 0, before_each(case)),
        "disagree": prepared.disagree[mode],
    }
