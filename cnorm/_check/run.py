"""The run: this process against the formulas, other instruction sets and thread counts against its bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import cnorm
from cnorm._check.cases import Case, Results, float_dtypes, large_cases, small_cases
from cnorm._check.formulas import BOUNDS, Expected
from cnorm._system.config import config

# Two even where one is set: what several threads compute is checked, not how fast.
LEAST = 2
WORKER = "from cnorm._check.run import worker; worker()"

Digests = dict[str, int]  # of a result, by case and layout


def digest(results: Results) -> int:
    """Of every bit; the sign and payload of NaN say nothing."""
    found = 0
    for a in results:
        a = np.ascontiguousarray(a)
        nan = a != a
        if nan.any():
            a = np.where(nan, np.array(np.nan, a.dtype), a)
        found = zlib.crc32(a.view(np.uint8).data, zlib.crc32(f"{a.shape}{a.dtype}".encode(), found))
    return found


def digests(dtype: np.dtype[Any], *, small: bool = True) -> Digests:
    """Bits of every result, as this process computes it with the present number of threads."""
    cases = [*(small_cases(dtype) if small else ()), *large_cases(dtype)]
    return {f"{case}, {layout}": digest(case.run(layout)) for case in cases for layout in case.layouts}


def worker() -> None:
    """In a process of another instruction set: the bits of all results, as JSON."""
    warnings.simplefilter("ignore")
    with cnorm.threads(all_threads()):
        print(json.dumps({dtype.name: digests(dtype) for dtype in float_dtypes()}))


def all_threads() -> int:
    """As many as a call may use, but several."""
    return max(LEAST, cnorm.get_num_threads())


def start_worker(isa: str) -> subprocess.Popen[str]:
    """A process that computes the same by another instruction set."""
    root = str(Path(cnorm.__file__).parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    threads = str(cnorm.get_num_threads())
    environment = {**os.environ, "CNORM_CPU": isa, "CNORM_NUM_THREADS": threads, "PYTHONPATH": path}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", WORKER], env=environment, stdout=pipe, stderr=pipe, text=True
    )


@dataclass
class Outcome:
    """What was found: the largest error of each dtype, and everything that is wrong."""

    errors: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    bits: dict[tuple[str, str], bool] = field(default_factory=dict)  # (who, dtype): the same as ours?
    results: int = 0
    functions: set[str] = field(default_factory=set)

    def compare(self, case: Case, dtype: str) -> Digests:
        """A case against its formula in every layout; the bits of the results."""
        found, wanted = {}, case.expected() if case.compared else ()
        expected: list[Expected] = []
        self.functions.add(case.operation.name.split()[0])
        for layout in case.layouts:
            results = case.run(layout)
            found[f"{case}, {layout}"] = digest(results)
            self.results += 1
            expected = expected or [
                Expected(e, r.dtype) for e, r in zip(wanted, results, strict=bool(wanted))
            ]
            for target, result in zip(expected, results, strict=bool(wanted)):
                error, bound = target.error(result), BOUNDS[result.dtype.name]
                self.errors[dtype] = max(self.errors.get(dtype, 0.0), error * BOUNDS[dtype] / bound)
                if not error <= bound:
                    self.wrong.append(f"{dtype}: {case}, {layout}: error {error:.2g}, allowed {bound:g}")
        return found

    def same(self, who: str, dtype: str, ours: Digests, theirs: Digests) -> None:
        """Compares bits with ours."""
        differ = [name for name, bits in theirs.items() if ours.get(name) != bits]
        self.bits[who, dtype] = bool(theirs) and not differ
        self.wrong += [f"{dtype}: {name}: {who} gives other bits" for name in differ]
        self.results += len(theirs)


def run(at: Callable[[str], None] = lambda step: None) -> Outcome:
    """Everything, without warnings: zscore warns of nearly constant columns. `at` is told each step."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        workers: dict[str, subprocess.Popen[str]] = {}
        try:
            for name in other_sets():
                workers[name] = start_worker(name)
            return compare_all(workers, at)
        finally:  # interrupted, from the first of them on, they would go on
            for process in workers.values():
                process.kill()
            for process in workers.values():
                process.wait()


def other_sets() -> list[str]:
    """The instruction sets of this machine beside the one in use."""
    facts = config()
    return [isa["name"] for isa in facts["isas"] if isa["available"] and isa["name"] != facts["isa"]]


def steps() -> int:
    """How many `run` tells of."""
    return 2 * len(float_dtypes()) + len(other_sets())


def compare_all(workers: dict[str, subprocess.Popen[str]], at: Callable[[str], None]) -> Outcome:
    """Formulas here, then threads, then what the other instruction sets found meanwhile."""
    outcome = Outcome()
    ours: dict[str, Digests] = {}
    for dtype in float_dtypes():
        name = dtype.name
        at(f"{name}: formulas")
        with cnorm.threads(1):
            ours[name] = {}
            for case in (*small_cases(dtype), *large_cases(dtype)):
                ours[name] |= outcome.compare(case, name)
        at(f"{name}: {all_threads()} threads")
        with cnorm.threads(all_threads()):
            outcome.same(f"{all_threads()} threads", name, ours[name], digests(dtype, small=False))
    for isa, process in workers.items():
        at(f"{isa}: bits")
        printed, complaint = process.communicate()
        if process.returncode:
            last = (complaint.strip().splitlines() or ["no message"])[-1]
            outcome.wrong.append(f"{isa}: the process ended with {process.returncode}: {last}")
            continue
        for name, theirs in json.loads(printed).items():
            outcome.same(isa, name, ours[name], theirs)
    return outcome
