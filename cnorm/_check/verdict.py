"""The verdict as text: a short table, and one line that says it."""

from __future__ import annotations

import time
from typing import Any

from cnorm._check.cases import NAMES, VALUES, float_dtypes
from cnorm._check.formulas import BOUNDS
from cnorm._check.run import Outcome, all_threads, run, steps
from cnorm._system.config import config
from cnorm._system.progress import progress

SHOWN = 20  # of what is wrong


def table(outcome: Outcome, facts: dict[str, Any]) -> list[str]:
    """A line for each instruction set and for all threads, a column for each dtype."""
    dtypes = [dtype.name for dtype in float_dtypes()]
    threads = f"{all_threads()} threads"
    lines = [("", dtypes, "")]
    for isa in facts["isas"]:
        name = isa["name"]
        if name == facts["isa"]:
            errors = [f"{outcome.errors.get(d, 0):.1e}" for d in dtypes]
            lines.append((name, errors, "largest error against the formulas"))
            lines.append(
                (name, marks(outcome, f"{all_threads()} threads", dtypes), f"{all_threads()} threads")
            )
        elif isa["available"]:
            lines.append((name, marks(outcome, name, dtypes), threads))
        else:
            lines.append((name, ["-"] * len(dtypes), f"not on this CPU: no {', '.join(isa['missing'])}"))
    lines.append(
        ("allowed", [f"{BOUNDS[d]:.0e}" for d in dtypes], "of max(1, value), before rounding to 16 bits")
    )
    return [
        f"{name:10}{''.join(f'{cell:>12}' for cell in cells)}   {rest}".rstrip()
        for name, cells, rest in lines
    ]


def marks(outcome: Outcome, who: str, dtypes: list[str]) -> list[str]:
    """Did it give our bits?"""
    return ["same bits" if outcome.bits.get((who, d)) else "WRONG" for d in dtypes]


def check() -> int:
    """Runs everything and prints the verdict; 0 if all is right, else 1."""
    start, facts = time.perf_counter(), config()
    with progress(steps()) as at:
        outcome = run(at)
    seconds = time.perf_counter() - start
    print(f"cnorm {facts['cnorm']}, {facts['cpu']}, {facts['platform']}")
    print(f"{len(outcome.functions)} operations; layouts: {', '.join(NAMES)}; values: {'; '.join(VALUES)}")
    print()
    print(*table(outcome, facts), "", sep="\n")
    if not outcome.wrong:
        print(f"all kernels are right on this machine ({outcome.results} results, {seconds:.1f} s)")
        return 0
    print(f"{len(outcome.wrong)} of {outcome.results} results are wrong on this machine:")
    print(*(f"  {line}" for line in outcome.wrong[:SHOWN]), sep="\n")
    if len(outcome.wrong) > SHOWN:
        print(f"  and {len(outcome.wrong) - SHOWN} more")
    return 1
