"""Result files: records of cases and the machine they were measured on."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.cases import BY_NAME
from bench.peers import LIMITS, PEERS

Record = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """All records, in the order of the table of cases."""

    machine: dict[str, Any]
    records: list[Record]

    def select(self, threads: int, mode: str) -> list[Record]:
        """Of one number of threads and one way to give the output."""
        return [r for r in self.records if r["threads"] == threads and r["mode"] == mode]

    @property
    def threads(self) -> list[int]:
        """The numbers of threads measured."""
        return sorted({r["threads"] for r in self.records})


def load(paths: Iterable[Path]) -> Results:
    """Files of pytest-benchmark; later ones replace what earlier ones measured on the same machine."""
    machine: dict[str, Any] = {}
    merged: dict[tuple[str, int, str], Record] = {}
    for path in paths:
        stored = json.loads(path.read_text())
        if machine and machine != stored["machine_info"]:
            raise SystemExit(f"{path}: measured on another machine or with other versions")
        machine = stored["machine_info"]
        for benchmark in stored["benchmarks"]:
            record = benchmark["extra_info"]
            merged[record["case"], record["threads"], record["mode"]] = record
    place = {name: i for i, name in enumerate(BY_NAME)}
    return Results(machine, sorted(merged.values(), key=lambda r: place.get(r["case"], len(place))))


def ratio(record: Record, name: str) -> float | None:
    """Time of a contender over cnorm's."""
    times = record["times"].get(name)
    return times["ratio"] if times else None


def peers_of(records: list[Record]) -> list[str]:
    """Those that took part somewhere."""
    return [p for p in PEERS if any(p in r["times"] for r in records)]


def fastest_peer(record: Record) -> tuple[str, float] | None:
    """Name and ratio of the peer that took least time."""
    measured = {p: record["times"][p]["ratio"] for p in PEERS if p in record["times"]}
    if not measured:
        return None
    name = min(measured, key=lambda p: measured[p])
    return name, measured[name]


def fastest_ratio(record: Record) -> float | None:
    """Of the peer that took least time."""
    fastest = fastest_peer(record)
    return fastest[1] if fastest else None


def limit(record: Record) -> float | None:
    """Time of the faster copy over cnorm's: 1 is the speed of the memory."""
    measured = [record["times"][c]["ratio"] for c in LIMITS if c in record["times"]]
    return min(measured) if measured else None


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """Of those that were measured."""
    measured = [r for r in ratios if r]
    return statistics.geometric_mean(measured) if measured else None
