"""All results in markdown."""

from __future__ import annotations

from typing import Any

from bench.peers import FRESH, MODES, PREALLOCATED
from bench.results import (
    Record,
    Results,
    fastest_ratio,
    geometric_mean,
    limit,
    peers_of,
    ratio,
)
from cnorm._bench.interleave import Summary

TITLES = {FRESH: "new output", PREALLOCATED: "output given"}
MEANING = (
    "Numbers are the time of a peer over cnorm's: above 1, cnorm is faster. They are medians of the ratios\n"
    "within rounds in which every contender ran in turn, on the same arrays, after its result was checked.\n"
    "`copy` is the same ratio for `np.copyto` into an existing array (with more threads, the faster of that\n"
    "and a parallel copy): 1 is the speed of the memory."
)


PEERS_MEANT = (
    "`numba` stands for loops written by hand for that very shape and compiled; `lut` for a table of all\n"
    "results of a byte, looked up by NumPy; a peer's column is empty where it has no such operation."
)
CAPTIONS = {
    "readme": "Where users stand: times of others over cnorm's; right of the line cnorm is faster",
    "size-1": "Rows of 768 on one thread: bytes per second against the size of the data",
    "size-2": "Rows of 768 on two threads: bytes per second against the size of the data",
}


def duration(seconds: float) -> str:
    """In a unit that fits."""
    return f"{seconds * 1e6:.1f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.2f} ms"


def number(value: float | None) -> str:
    """A ratio, or nothing."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def row(cells: list[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def head(cells: list[str]) -> list[str]:
    """The first two lines of a table."""
    return [row(cells), "|" + "---|" * len(cells)]


def compared_row(cells: list[str], found: Summary, theirs: str) -> str:
    """Another's time, cnorm's, and their ratio."""
    times = [duration(found[who]["median"]) for who in (theirs, "cnorm")]
    return row([*cells, *times, number(found[theirs]["ratio"])])


def machine_line(machine: dict[str, Any]) -> str:
    """Where and with what."""
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    absent = f" Not installed: {', '.join(machine['absent'])}." if machine["absent"] else ""
    where = f"{machine['cpu']}, {count(machine['cores'], 'core')} ({caches}), {machine['system']}"
    return f"{where}, {machine['isa']} kernels;\n{versions}.{absent}"


def count(number: int, what: str = "thread") -> str:
    """1 thread, 2 threads."""
    return f"{number} {what}{'s' if number > 1 else ''}"


def full_table(records: list[Record]) -> list[str]:
    """A line per case, a column per peer."""
    peers = peers_of(records)
    lines = head(["case", "cnorm", *peers, "copy"])
    for r in records:
        cells = [number(ratio(r, p)) for p in peers]
        lines.append(row([r["case"], duration(r["times"]["cnorm"]["median"]), *cells, number(limit(r))]))
    means = [number(geometric_mean(ratio(r, p) for r in records)) for p in peers]
    return [*lines, row(["geometric mean", "", *means, number(geometric_mean(map(limit, records)))])]


def disagreements(results: Results) -> list[str]:
    """Peers that were left out of a case, with their error."""
    found = {(r["case"], peer): error for r in results.records for peer, error in r["disagree"].items()}
    if not found:
        return []
    lines = [f"- {case}: {peer}, error {error:.2g}" for (case, peer), error in found.items()]
    return ["", "Left out, as the result is wrong (error over max(1, value)):", "", *lines]


def document(results: Results, images: list[str]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench-report` from a run of `make bench`.",
        "",
        MEANING,
        PEERS_MEANT,
    ]
    lines += ["", machine_line(results.machine), "", *means_table(results)]
    for name, caption in CAPTIONS.items():
        lines += ["", f"![{caption}](img/{name}.svg)", "", f"*{caption}*"] if name in images else []
    lines += ["", "[Every operation as a chart](img/overview.svg).", *disagreements(results)]
    for threads in results.threads:
        for mode in MODES:
            records = results.select(threads, mode)
            if records:
                lines += ["", f"## {count(threads)}, {TITLES[mode]}", "", *full_table(records)]
    return "\n".join(lines) + "\n"


def means_table(results: Results) -> list[str]:
    """Geometric means over all cases, for each number of threads and mode."""
    peers = peers_of(results.records)
    lines = head(["geometric mean", "fastest peer", *peers, "copy"])
    for threads in results.threads:
        for mode in MODES:
            records = results.select(threads, mode)
            means = [geometric_mean(map(fastest_ratio, records))]
            means += [geometric_mean(ratio(r, p) for r in records) for p in peers]
            means.append(geometric_mean(map(limit, records)))
            lines.append(row([f"{count(threads)}, {TITLES[mode]}", *map(number, means)]))
    return lines
