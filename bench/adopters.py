"""Packages that stand to gain, each run with cnorm: python -m bench.adopters [--match NAME] [--save].

Each row is an example of examples/adopters, run in a process of its own; the page is made of adopters.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import cnorm
from bench.report import ROOT
from bench.tables import duration, head, number, row
from cnorm._system.config import config
from cnorm._system.machine import cpu_model

Records = dict[str, dict[str, Any]]  # example -> what it measured, where and when

EXAMPLES = ROOT / "examples" / "adopters"
RESULTS = ROOT / "bench" / "adopters.json"
PAGE = "docs/adopters.md"
HEADS = ["package", "call", "array", "today", "with cnorm", "today / with cnorm", "difference"]
HEADS += ["from float64, today", "from float64, with cnorm", "lines", "script"]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")

TEXT = """# Adopters

Written by `make adopters`.

What packages compute today, and the same by cnorm: each row is a script of at most twenty lines in
[examples/adopters](https://github.com/cnorm-cpu/cnorm/tree/main/examples/adopters), run with the package
installed; where none is, the script holds its formula. `make adopters-test` runs the packages' own tests,
layers and models with cnorm in the place of what is timed here.

Both take turns in one process on one thread; a time is the least processor time of a call. Differences are
the largest over max(1, value): of both results, and of each from the same in float64 (of float64 arrays in
long double). Lines are those that stand for cnorm in the script, imports included.

What the scripts had to mind:

- `standardize` divides by the deviation of the data; one with a correction of 1 is a `weight` of
  `sqrt(1 - 1 / n)` (nilearn, scanpy, NeMo). A constant group is 0 there, as these packages have it.
- Moments of float32 are float32, where fast-array-utils and scanpy's own are float64.
- model2vec gathers vectors before their mean is taken; that is most of the time, with and without.
- Windows are cut at the ends, where Kaldi's CMVN takes the first full window: one more line.
- stable-baselines3 asserts that statistics are of its own class: a subclass of it holds `RunningMoments`.
- xarray and pandas ask for Bottleneck once, while they are imported; for filling and ranks xarray asks again,
  and must get the real one ([holes](holes.md)).
- Keras' NumPy backend asks for jax. torchvision and torchaudio must be built for the torch that is there;
  in the run below only their Python was, which is all that these calls need.
"""


def environment() -> dict[str, str]:
    """One thread, and cnorm of this tree."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": path}


def run(example: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """One example, which prints JSON."""
    command = [sys.executable, "-W", "ignore", str(example), "--json", *options]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def pin() -> None:
    """To one CPU, the last that this process may use."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def facts() -> dict[str, str]:
    """Where and when."""
    date = time.strftime("%Y-%m-%d", time.gmtime())
    versions = {"cnorm": cnorm.__version__, "numpy": np.__version__}
    return {"cpu": cpu_model(), "isa": config()["isa"], "date": date, **versions}


def measured(match: str) -> Records:
    """Examples whose packages are installed, one after another."""
    records: Records = {}
    for example in sorted(EXAMPLES.glob("[a-z]*.py")):
        if match not in example.stem:
            continue
        done = run(example)
        if done.returncode == 0:
            found = json.loads(done.stdout.splitlines()[-1])
            records[example.stem] = {"example": example.stem, **found, **facts()}
            print(line(records[example.stem]), flush=True)
        elif "ModuleNotFoundError" in done.stderr:
            print(f"{example.stem} is left out: {done.stderr.splitlines()[-1]}", flush=True)
        else:
            raise SystemExit(f"{example}:\n{done.stderr}")
    return records


def line(record: dict[str, Any]) -> str:
    """A row of the table."""
    package = f"{record['package']} {record['version'] or '(its formula)'}"
    today, ours = record["seconds"]["today"], record["seconds"]["ours"]
    apart = [record["difference"], record["errors"]["today"], record["errors"]["ours"]]
    cells = [package, f"`{record['call']}`", record["arrays"], duration(today), duration(ours)]
    last = [str(record["lines"]), f"`{record['example']}`"]
    return row([*cells, number(today / ours), *(f"{value:.1g}" for value in apart), *last])


def page(records: Records) -> str:
    """docs/adopters.md: a table for each machine and version, the rows by package."""
    lines = [TEXT]
    places = sorted({(r["cpu"], r["isa"], r["cnorm"], r["numpy"]) for r in records.values()})
    for place in places:
        here = {e: r for e, r in records.items() if (r["cpu"], r["isa"], r["cnorm"], r["numpy"]) == place}
        cpu, isa, ours, numpy = place
        lines += [f"{cpu}, {isa} kernels; cnorm {ours}, NumPy {numpy}.", "", *head(HEADS)]
        lines += [*(line(here[example]) for example in sorted(here)), ""]
    return "\n".join(lines)


def load(path: Path = RESULTS) -> Records:
    """What was stored."""
    stored: Records = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return stored


def save(records: Records, root: Path) -> None:
    """The results, and the page of them."""
    (root / RESULTS.relative_to(ROOT)).write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")
    (root / PAGE).write_text(page(records), encoding="utf-8")
    print(f"{len(records)} rows: {PAGE} in {root}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", default="", help="only examples whose name contains this")
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name} and {PAGE}")
    parser.add_argument("--page", action="store_true", help="the page once more, without a run")
    parser.add_argument("--root", type=Path, default=ROOT, help="where they are written")
    options = parser.parse_args(arguments)
    if options.page:
        save(load(), options.root)
        return
    pin()
    print(*head(HEADS), sep="\n")
    found = measured(options.match)
    if options.save:
        known = {
            example: record for example, record in load().items() if (EXAMPLES / f"{example}.py").exists()
        }
        save({**known, **found}, options.root)


if __name__ == "__main__":
    main()
