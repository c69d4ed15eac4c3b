"""The map in words: what is printed, and its pages of docs/."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from itertools import groupby

from bench.cliffs.cells import BEYOND, COLD, DTYPES, HOT, USUAL_OFFSET, Cell
from bench.cliffs.measure import Figure
from bench.cliffs.results import Results
from bench.tables import duration, head, number, row

THRESHOLDS = (3, 10, 30, 100)
SHOWN = 30
VERSIONS = ("cnorm", "numpy", "scipy", "sklearn")
LIMITS = (1.5e-6, 5e-6, 20e-6)  # seconds of a call beside its kernel


def share(part: int, whole: int) -> str:
    """A number and its share."""
    return f"{part} ({part / whole:.0%})" if whole else str(part)


def counts(figures: list[Figure]) -> list[str]:
    """How many are above each threshold."""
    return [share(sum(f.copies > limit for f in figures), len(figures)) for limit in THRESHOLDS]


def where(results: Results) -> str:
    """CPU, kernels and versions."""
    of = results.machine
    caches = ", ".join(f"{name} {size}" for name, size in of["caches"].items())
    versions = ", ".join(f"{name} {of['versions'][name]}" for name in VERSIONS if name in of["versions"])
    return f"{of['cpu']} ({caches}), {of['isa']} kernels, one thread; {versions}."


def microseconds(seconds: float | None) -> str:
    """For calls."""
    return "" if seconds is None else f"{seconds * 1e6:.2f}"


def plain(cell: Cell) -> bool:
    """Hot, laid out as usual, without options."""
    return cell.place == HOT and cell.layout == "C" and cell.offset == USUAL_OFFSET and not cell.option


PARTS: dict[str, Callable[[Cell], bool]] = {
    "all": lambda c: True,
    **{f"{dtype}, hot, plain": lambda c, d=dtype: plain(c) and c.dtype == d for dtype in DTYPES},  # type: ignore[misc]
    "rows up to 32, float32": lambda c: plain(c) and c.dtype == DTYPES[0] and c.length <= 32,
    "with an option": lambda c: c.place == HOT and c.option != "",
    "another layout": lambda c: c.layout != "C",
    COLD: lambda c: c.place == COLD,
    BEYOND: lambda c: c.place == BEYOND,
}


def counts_table(results: Results) -> list[str]:
    """Cells above each threshold, by parts of the map."""
    lines = head(["cells", "number", *(f"above {limit}" for limit in THRESHOLDS), "median", "worst"])
    for name, belongs in PARTS.items():
        own = [f for f in results.map if belongs(f.cell)]
        if own:
            middle = statistics.median(f.copies for f in own)
            lines.append(row([name, str(len(own)), *counts(own), number(middle), number(own[0].copies)]))
    return lines


def worst_table(results: Results) -> list[str]:
    """The cells that take most copies."""
    lines = head(["cell", "copies", "time", "copy"])
    return lines + [
        row([str(f.cell), number(f.copies), duration(f.call), duration(f.copy)]) for f in results.map[:SHOWN]
    ]


def slower_table(figures: list[Figure]) -> list[str]:
    """The cells whose peer is faster."""
    lines = head(["cell", "peer's time over cnorm's", "time", "peer"])
    return lines + [
        row([str(f.cell), number(f.against), duration(f.call), duration(f.peer or 0)]) for f in figures
    ]


def calls_table(figures: list[Figure]) -> list[str]:
    """Calls on one row of 64, in microseconds."""
    lines = head(["call", "µs", "beside its kernel", "copy", "peer"])
    for f in figures:
        name = f"{f.cell.function} {f.cell.option}".strip()
        lines.append(row([name, *map(microseconds, (f.call, f.beside, f.copy, f.peer))]))
    return lines


def functions_table(results: Results) -> list[str]:
    """A line for each function."""
    calls = {f.cell.function: f for f in results.calls if not f.cell.option}
    slower = {name: len(list(own)) for name, own in groupby(sorted(f.cell.function for f in results.slower))}
    above = [f"above {limit}" for limit in THRESHOLDS]
    lines = head(["function", "cells", *above, "median", "worst", "slower than a peer", "call, µs"])
    for name, group in groupby(sorted(results.map, key=lambda f: f.cell.function), lambda f: f.cell.function):
        own = list(group)
        above = [str(sum(f.copies > limit for f in own)) for limit in THRESHOLDS]
        middle, most = (function(f.copies for f in own) for function in (statistics.median, max))
        call = microseconds(calls[name].call if name in calls else None)
        cells = [name, str(len(own)), *above, number(middle), number(most), str(slower.get(name, 0)), call]
        lines.append(row(cells))
    return lines


def calls_line(results: Results) -> str:
    """How many calls take how long."""
    calls = results.calls
    found = (
        f"{share(sum(f.beside > limit for f in calls), len(calls))} above {limit * 1e6:g}" for limit in LIMITS
    )
    return (
        f"Of {len(calls)} calls on one row of 64, microseconds beside their kernels: {', '.join(found)}."
        f" The smallest call, layer_norm of one element, takes {microseconds(results.smallest)}."
    )


def slower_line(results: Results) -> str:
    """How many cells are slower than a peer."""
    slower = share(len(results.slower), len(results.compared))
    return f"Slower than NumPy, SciPy or scikit-learn at the same job: {slower} of cells with such a peer."


def printed(results: Results, shown: int = SHOWN) -> list[str]:
    """For the terminal: counts, and the worst of each kind."""
    lines = [f"{len(results.figures)} cells in {results.seconds:.0f} s. {where(results)}", ""]
    lines += [f"above {t:>3} copies: {c}" for t, c in zip(THRESHOLDS, counts(results.map), strict=True)]
    lines += [f"{f.copies:8.1f} copies  {duration(f.call):>9}  {f.cell}" for f in results.map[:shown]]
    if results.compared:
        lines += ["", slower_line(results)]
        lines += [f"{f.against:8.2f}  {duration(f.call):>9}  {f.cell}" for f in results.slower[:shown]]
    if results.calls:
        lines += ["", calls_line(results)]
        lines += [f"{microseconds(f.beside):>8} µs  {f.cell}" for f in results.calls[:shown]]
    return lines


MEANING = """\
A cell is a public function on rows of a length, a dtype, a layout, with or without one option, in hot or cold
caches. Its figure is the time of the call over that of `np.copyto` of the same array, the least of rounds in
which both took turns, one thread. Arrays are of 64 Ki elements (256 KiB of float32, in L2), beyond L2 of
8 MiB; cold: 64 MiB of other arrays pass between two calls on one. Arrays begin 16 bytes past a cache line, as
NumPy's do, unless said otherwise."""


def section(results: Results, images: list[str]) -> str:
    """That of docs/develop/performance.md."""
    lines = [MEANING, "", where(results), "", *counts_table(results), "", slower_line(results)]
    lines += [calls_line(results), "[All functions](../cliffs.md).", "", picture(f"../{images[0]}")]
    return "\n".join([*lines, "", f"The {SHOWN} worst cells:", "", *worst_table(results)])


def picture(image: str) -> str:
    """A heat map."""
    return f"![copies that each function takes, by row length, dtype, caches and layout]({image})"


def page(results: Results, images: list[str]) -> str:
    """docs/cliffs.md."""
    lines = ["# Cell by cell", "", "Written by `make cliffs`.", "", MEANING, "", where(results), ""]
    lines += map(picture, images)
    lines += ["", "## Functions", "", *functions_table(results)]
    lines += ["", "## Slower than a peer", "", slower_line(results), "", *slower_table(results.slower)]
    lines += ["", "## Calls", "", calls_line(results), "", *calls_table(results.calls)]
    return "\n".join(lines) + "\n"
