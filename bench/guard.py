"""Fails when cnorm falls below the floors of guard.json: python -m bench.guard. Ratios only, never times."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.cases import BY_NAME
from bench.measure import BASE, measure, prepare
from bench.peers import CONTENDERS

FLOORS = Path(__file__).parent / "guard.json"
Ratios = dict[str, float]  # peer -> its time over cnorm's
Entry = dict[str, Any]


def ratios(entry: Entry, seconds: float) -> Ratios:
    """Interleaved medians of an entry; peers that are not installed are missing."""
    case, threads, mode = BY_NAME[entry["case"]], entry["threads"], entry["mode"]
    prepared = prepare(case, threads, (BASE, *entry["floors"]))
    record = measure(case, threads, mode, prepared, seconds)
    assert record, f"{case} has no mode {mode}"
    return {name: t["ratio"] for name, t in record["times"].items() if name != BASE}


def below(entry: Entry, measured: Ratios) -> Ratios:
    """The ratios under their floor."""
    return {name: r for name, r in measured.items() if r < entry["floors"][name]}


def passes(entry: Entry, measurement: Callable[[Entry], Ratios], say: Callable[[str], None]) -> bool:
    """Is every ratio above its floor, at the second try at the latest?"""
    for attempt in ("", " (again)"):
        measured = measurement(entry)
        shown = ", ".join(f"{name} {r:.2f} (floor {entry['floors'][name]})" for name, r in measured.items())
        failed = below(entry, measured)
        verdict = "too slow" if failed else "ok"
        say(f"{verdict}{attempt}: {entry['case']} {entry['mode']} {entry['threads']} thread: {shown}")
        if not failed:
            return True
    return False


def run(entries: list[Entry], measurement: Callable[[Entry], Ratios], say: Callable[[str], None]) -> bool:
    """All entries, each tried once more before it counts as failed."""
    failed = [entry for entry in entries if not passes(entry, measurement, say)]
    return not failed


def main() -> int:
    stored = json.loads(FLOORS.read_text())
    for name in sorted({n for e in stored["entries"] for n in e["floors"] if not CONTENDERS[n].installed}):
        print(f"{name} is not installed: its floors are not checked")
    return 0 if run(stored["entries"], lambda e: ratios(e, stored["seconds"]), print) else 1


if __name__ == "__main__":
    sys.exit(main())
