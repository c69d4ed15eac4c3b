"""The results in markdown: all of them, and the short form of the README."""

from __future__ import annotations

from typing import Any

from bench.peers import FRESH, MODES, PREALLOCATED
from bench.results import (
    Record,
    Results,
    fastest_peer,
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

# The rows of the README, in the order of the table of cases: of every kind, and not only those that win.
SHOWN = (
    "layer_norm (1,768)",
    "layer_norm (2048,768)",
    "rms_norm (128,768)",
    "layer_norm_int8 (2048,768)",
    "batch_norm_eval (32,64,56,56)",
    "batch_norm_train (32,64,56,56)",
    "group_norm (8,320,64,64) 32 groups",
    "moments (4096,4096) axes (0,1)",
    "zscore (1000000,20)",
    "masked_layer_norm (32,512,256) 50% padding",
)


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
    where = f"{machine['cpu']}, {machine['cores']} cores ({caches}), {machine['system']}"
    return f"{where}, {machine['isa']} kernels;\n{versions}.{absent}"


def count(threads: int) -> str:
    """1 thread, 2 threads."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


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
    lines = ["# Benchmarks", "", "Written by `make bench-report` from a run of `make bench`.", "", MEANING]
    lines += ["", machine_line(results.machine), *disagreements(results), ""]
    lines += [f"![{name}](img/{name}.svg)" for name in images]
    for threads in results.threads:
        for mode in MODES:
            records = results.select(threads, mode)
            if records:
                lines += ["", f"## {count(threads)}, {TITLES[mode]}", "", *full_table(records)]
    return "\n".join(lines) + "\n"


def named(fastest: tuple[str, float] | None) -> str:
    """Ratio and name of the fastest peer."""
    return f"{number(fastest[1])} {fastest[0]}" if fastest else ""


def short_row(results: Results, fresh: Record, threads: int) -> str:
    """A case: new output against torch and the fastest, given output against the fastest and the copy."""
    given = next((r for r in results.select(threads, PREALLOCATED) if r["case"] == fresh["case"]), None)
    cells = [fresh["case"], duration(fresh["times"]["cnorm"]["median"])]
    cells += [number(ratio(fresh, "torch")), named(fastest_peer(fresh))]
    if given is None:
        return row([*cells, "", "", number(limit(fresh))])
    cells.append(duration(given["times"]["cnorm"]["median"]))
    return row([*cells, named(fastest_peer(given)), number(limit(given))])


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


def short(results: Results, image: str) -> str:
    """The README's part: means over all cases, a chart, and ten of the cases with the fewest threads."""
    threads = results.threads[0]
    columns = ["case", "new output", "torch", "fastest peer", "`out=`", "fastest peer", "copy"]
    lines = [MEANING, "", machine_line(results.machine), "", *means_table(results), ""]
    lines += [f"![ratios to the peers]({image})", "", f"{count(threads)}, ten of the cases; all are in"]
    lines += ["[docs/benchmarks.md](docs/benchmarks.md).", "", *head(columns)]
    lines += [short_row(results, r, threads) for r in results.select(threads, FRESH) if r["case"] in SHOWN]
    return "\n".join(lines)
