"""Fails when cnorm falls below its floors: python -m bench.guard. Ratios only, never times.

The floors are those that --record wrote to guard.json for this kind of CPU, else those of the table here.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.cases import BY_NAME
from bench.machine import describe, kind
from bench.measure import BASE, measure, prepare
from bench.peers import CONTENDERS, FRESH, PREALLOCATED

RECORDED = Path(__file__).parent / "guard.json"
SHARE = 0.7  # of the lowest ratio recorded
SECONDS = 0.5  # for each entry
Ratios = dict[str, float]  # peer -> its time over cnorm's


class Entry(NamedTuple):
    """What is measured, and floors that hold on every CPU known, however busy it is."""

    case: str
    mode: str
    floors: Ratios
    threads: int = 1

    def __str__(self) -> str:
        return f"{self.case}, {self.mode}, {self.threads}t"


ENTRIES = (
    Entry("layer_norm (8,768)", FRESH, {"torch": 0.2, "numpy": 1.0}),
    Entry("layer_norm (2048,768)", PREALLOCATED, {"copy": 0.15}),
    Entry("layer_norm (2048,768) output 16 bytes past a line", PREALLOCATED, {"copy": 0.1, "numpy": 1.0}),
    Entry("layer_norm (2048,768) bfloat16", FRESH, {"torch": 0.3}),
    Entry("rms_norm (2048,4096)", FRESH, {"torch": 1.0, "numpy": 1.5}),
    Entry("layer_norm_int8 (2048,768)", FRESH, {"torch": 0.8, "copy": 0.1}),
    Entry("batch_norm_eval (32,64,56,56)", PREALLOCATED, {"copy": 0.35, "torch": 0.5}),
    Entry("batch_norm_train (32,64,56,56)", FRESH, {"torch": 1.2}),
    Entry("instance_norm (8,64,128,128)", PREALLOCATED, {"copy": 0.3}),
    Entry("masked_layer_norm (32,512,256) 50% padding", FRESH, {"copy": 0.2, "numpy": 3.0}),
    Entry("moments (4096,4096) axes (0,1)", FRESH, {"copy": 0.5, "numpy": 1.5}),
)
Measurement = Callable[[Entry], Ratios]


def ratios(entry: Entry) -> Ratios:
    """Interleaved medians of an entry, on new arrays; peers that are not installed are missing."""
    case = BY_NAME[entry.case]
    prepared = prepare(case, entry.threads, (BASE, *entry.floors))
    record = measure(case, entry.threads, entry.mode, prepared, SECONDS)
    assert record, f"{case} has no mode {entry.mode}"
    return {name: t["ratio"] for name, t in record["times"].items() if name != BASE}


def passes(entry: Entry, measurement: Measurement, say: Callable[[str], None]) -> bool:
    """Is every ratio above its floor, at the second try at the latest?"""
    for attempt in ("", " (again)"):
        measured = measurement(entry)
        shown = ", ".join(f"{name} {r:.2f} (floor {entry.floors[name]})" for name, r in measured.items())
        failed = any(r < entry.floors[name] for name, r in measured.items())
        say(f"{'too slow' if failed else 'ok'}{attempt}: {entry}: {shown}")
        if not failed:
            return True
    return False


def run(entries: list[Entry], measurement: Measurement, say: Callable[[str], None]) -> bool:
    """All entries, each tried once more before it counts as failed."""
    failed = [entry for entry in entries if not passes(entry, measurement, say)]
    return not failed


def held_to(recorded: dict[str, Any], of_kind: str) -> list[Entry]:
    """The entries with the floors recorded on a kind of CPU, where there are any."""
    floors = recorded.get(of_kind, {}).get("floors", {})
    return [entry._replace(floors={**entry.floors, **floors.get(str(entry), {})}) for entry in ENTRIES]


def floors_of(measured: list[Ratios], before: Ratios) -> Ratios:
    """From several measurements of an entry, in two digits after the point; never above those of before."""
    lowest = {name: min(m[name] for m in measured) for name in measured[0]}
    found = {name: math.floor(100 * SHARE * ratio) / 100 for name, ratio in lowest.items()}
    return before | {name: min(floor, before.get(name, floor)) for name, floor in found.items()}


def record(
    times: int, before: dict[str, Ratios], measurement: Measurement, say: Callable[[str], None]
) -> dict[str, Any]:
    """What is written about this kind of CPU. The entries take turns: a busy minute hits them all."""
    measured: dict[str, list[Ratios]] = {}
    for _ in range(times):
        for entry in ENTRIES:
            found = measurement(entry)
            measured.setdefault(str(entry), []).append(found)
            say(f"{entry}: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in found.items()))
    facts = describe()
    peers = {name for entry in ENTRIES for name in entry.floors} & set(facts["versions"])
    return {
        "cpu": facts["cpu"],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "versions": {name: facts["versions"][name] for name in sorted(peers)},
        "floors": {name: floors_of(found, before.get(name, {})) for name, found in measured.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write or lower the floors of this kind of CPU")
    parser.add_argument("--times", type=int, default=5, help="to measure each entry for --record")
    options = parser.parse_args(arguments)
    recorded, here = json.loads(RECORDED.read_text()), kind()
    for name in sorted({n for entry in ENTRIES for n in entry.floors if not CONTENDERS[n].installed}):
        print(f"{name} is not installed: its floors are not checked")
    if options.record:
        before = recorded.get(here, {}).get("floors", {})
        recorded[here] = record(options.times, before, ratios, print)
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        return 0
    print(f"{here}: floors of {recorded[here]['date']}" if here in recorded else f"{here}: floors of any CPU")
    return 0 if run(held_to(recorded, here), ratios, print) else 1


if __name__ == "__main__":
    sys.exit(main())
