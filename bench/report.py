"""Ratios against the peers, interleaved in one run: python -m bench.report [--threads N] [--readme]."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import cnorm
from bench.agreement import agrees
from bench.cases import CASES, Case, make, reference
from bench.peers import PEERS, installed, set_threads

README = Path(__file__).parent.parent / "README.md"
RESULTS = Path(__file__).parent / "results.json"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def interleaved(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, list[float]]:
    """Times every call in turn, round after round, until the time is up (at least 5 rounds)."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while len(times["cnorm"]) < 5 or (time.perf_counter() < end and len(times["cnorm"]) < 2000):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def measure(case: Case, seconds: float) -> dict[str, Any]:
    """Median seconds of each peer, and median over the rounds of peer / cnorm."""
    data = make(case)
    expected = reference(case, data)
    calls: dict[str, Callable[[], Any]] = {}
    for name in PEERS:
        run = PEERS[name][1](case, data) if installed(name) else None
        if run is None:
            continue
        if not agrees(run(), expected, case.dtype):
            raise SystemExit(f"{name} disagrees on {case}")
        calls[name] = run
    del expected
    calls["copy"] = lambda: np.copyto(data.out, data.x)
    times = interleaved(calls, seconds)
    return {
        "case": str(case),
        "median": {name: statistics.median(t) for name, t in times.items()},
        "ratio": {
            name: statistics.median(a / b for a, b in zip(t, times["cnorm"], strict=True))
            for name, t in times.items()
        },
    }


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def duration(seconds: float) -> str:
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def table(results: list[dict[str, Any]], threads: int) -> str:
    """Markdown: our median, then each peer's time over ours."""
    peers = [p for p in (*PEERS, "copy") if p != "cnorm" and any(p in r["ratio"] for r in results)]
    versions = ", ".join(
        f"{p} {version(p if p != 'sklearn' else 'scikit-learn')}" for p in peers if p != "copy"
    )
    isa = cnorm._config.config()["isa"]
    lines = [
        f"Time of a peer over cnorm's (above 1: cnorm is faster), medians of rounds, {threads} thread,",
        f"{cpu_model()}, {isa} kernels, Python {platform.python_version()}, {versions}.",
        "`copy` is `np.copyto` into an existing array of that size, the limit of the memory.",
        "cnorm writes to `out=`, peers allocate.",
        "",
        "| case | cnorm | " + " | ".join(peers) + " |",
        "|---|---|" + "---|" * len(peers),
    ]
    for r in results:
        cells = [f"{r['ratio'][p]:.2f}" if p in r["ratio"] else "" for p in peers]
        lines.append(f"| {r['case']} | {duration(r['median']['cnorm'])} | " + " | ".join(cells) + " |")
    means = []
    for p in peers:
        ratios = [r["ratio"][p] for r in results if p in r["ratio"]]
        means.append(f"{statistics.geometric_mean(ratios):.2f}")
    lines.append("| geometric mean | | " + " | ".join(means) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case")
    parser.add_argument("--match", default="", help="only cases that contain this text")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    set_threads(options.threads)
    results = []
    for case in CASES:
        if options.match in str(case):
            results.append(measure(case, options.seconds))
            print(results[-1]["case"], {k: round(v, 2) for k, v in results[-1]["ratio"].items()}, flush=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    text = table(results, options.threads)
    print(text)
    if options.readme:
        before, rest = README.read_text().split(BEGIN)
        README.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


if __name__ == "__main__":
    main()
