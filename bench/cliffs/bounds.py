"""How many copies a cell may take on a kind of CPU: recorded in bounds.json, held with a margin."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.cliffs.cells import Cell
from bench.cliffs.measure import SECONDS, Figure
from bench.machine import describe

RECORDED = Path(__file__).parent / "bounds.json"
MARGIN = 1.5  # over the bound of the same kind of CPU
STRANGE = 3.0  # over the loosest bound of the kinds with the same instruction set
TRIES = 3  # of a cell that is above, alone and for longer, before it counts

Bounds = dict[str, dict[str, dict[str, float]]]  # function -> series -> length -> copies
Recorded = dict[str, dict[str, Any]]  # kind of CPU -> its facts and bounds
Limit = Callable[[Cell], float | None]
Measurement = Callable[[Cell, float], Figure]


def look_up(bounds: Bounds, cell: Cell) -> float | None:
    """The bound of a cell, if there is one."""
    return bounds.get(cell.function, {}).get(cell.series, {}).get(str(cell.length))


def held_to(recorded: Recorded, kind: str) -> tuple[str, Limit | None]:
    """What a kind of CPU is held to, in words and as a limit; no limit where none like it is known."""
    if kind in recorded:
        own = recorded[kind]["bounds"]
        return f"bounds of {recorded[kind]['date']} times {MARGIN:g}", lambda c: times(
            MARGIN, look_up(own, c)
        )
    alike = {name: of["bounds"] for name, of in recorded.items() if name.split()[0] == kind.split()[0]}
    if not alike:
        return "no bounds for its instruction set: nothing is checked", None

    def loosest(cell: Cell) -> float | None:
        return times(STRANGE, max((b for of in alike.values() if (b := look_up(of, cell))), default=None))

    return f"the loosest bounds of {', '.join(sorted(alike))} times {STRANGE:g}", loosest


def times(factor: float, bound: float | None) -> float | None:
    """Of what there is."""
    return None if bound is None else factor * bound


def above(figure: Figure, limit: Limit) -> bool:
    """Does it take more copies than it may? What has no bound may take any number."""
    bound = limit(figure.cell)
    return bound is not None and figure.copies > bound


def fails(figure: Figure, limit: Limit, again: Measurement, say: Callable[[str], None]) -> bool:
    """Is a cell above its limit at every try?"""
    for attempt in range(TRIES + 1):
        if not above(figure, limit):
            return False
        told = f"{figure.cell}: {figure.copies:.1f} copies, {limit(figure.cell):.1f} allowed"
        say(f"above its bound{' again' if attempt else ''}: {told}")
        if attempt < TRIES:
            figure = again(figure.cell, 4 * SECONDS)
    return True


def failed(
    figures: Iterable[Figure], limit: Limit, again: Measurement, say: Callable[[str], None]
) -> list[Cell]:
    """The cells that count."""
    return [figure.cell for figure in figures if fails(figure, limit, again, say)]


def usual(runs: list[list[Figure]]) -> Bounds:
    """Of several runs of the same cells, the median copies of each in two digits or as a whole number."""
    bounds: Bounds = {}
    for figures in zip(*runs, strict=True):
        cell, copies = figures[0].cell, statistics.median(f.copies for f in figures)
        series = bounds.setdefault(cell.function, {}).setdefault(cell.series, {})
        series[str(cell.length)] = round(copies) if copies >= 10 else float(f"{copies:.2g}")
    return bounds


def merged(before: Bounds, found: Bounds) -> Bounds:
    """What was measured now instead of what was; the rest stays."""
    result = {name: {s: dict(lengths) for s, lengths in series.items()} for name, series in before.items()}
    for name, series in found.items():
        for label, lengths in series.items():
            result.setdefault(name, {}).setdefault(label, {}).update(lengths)
    return result


def entry(bounds: Bounds) -> dict[str, Any]:
    """What is written about this kind of CPU."""
    facts = describe()
    versions = {name: facts["versions"][name] for name in ("cnorm", "numpy")}
    date = time.strftime("%Y-%m-%d", time.gmtime())
    return {"cpu": facts["cpu"], "date": date, "versions": versions, "bounds": bounds}


def dumped(recorded: Recorded) -> str:
    """JSON with a line for each series."""
    text = json.dumps(recorded, indent=1, sort_keys=True)
    lengths = re.compile(r"\{\s+((?:\"\d+\": [\d.]+,?\s+)+)\}")
    return lengths.sub(lambda found: f"{{{' '.join(found[1].split())}}}", text) + "\n"


def read() -> Recorded:
    """All kinds."""
    return json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
