"""The map, printed and written to docs/; fails where a cell is above its bound: python -m bench.cliffs.

A cell is above where it takes more copies of its array than bounds.json has for this kind of CPU, by half.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.cliffs import bounds
from bench.cliffs.cells import Cell
from bench.cliffs.crossing import cells, quick, wanting
from bench.cliffs.measure import SECONDS, Figure, measure, prepare, smallest_call
from bench.cliffs.results import Results, load, store
from bench.cliffs.tables import SHOWN, page, printed, section
from bench.machine import describe, kind
from bench.report import ROOT, replaced

MARKS = "<!-- cliffs -->", "<!-- /cliffs -->"
FEW = 5  # of the worst are printed by CI
STORED = ".benchmarks/cliffs.json"


def chosen(match: str, few: bool) -> list[Cell]:
    """Cells whose name contains the text, or one of several with | between."""
    return [
        cell
        for cell in cells()
        if any(part in str(cell) for part in match.split("|")) and (not few or quick(cell))
    ]


def measurable(wanted: list[Cell]) -> list[Cell]:
    """Without those that need what is not installed, which is told."""
    for name in sorted({wanting(cell) for cell in wanted} - {""}):
        print(f"{name} is not installed: cells that need it are left out")
    return [cell for cell in wanted if not wanting(cell)]


def measured(wanted: list[Cell], seconds: float, peers: bool) -> Results:
    """One after another; on a terminal with a count."""
    start, figures = time.perf_counter(), list[Figure]()
    for number, cell in enumerate(wanted, 1):
        if sys.stderr.isatty():
            print(f"\r{number}/{len(wanted)} {cell!s:70.70}", end="", file=sys.stderr)
        figures.append(measure(cell, seconds, peers))
    if sys.stderr.isatty():
        print(f"\r{'':90}\r", end="", file=sys.stderr)
    return Results(describe(), time.perf_counter() - start, smallest_call(), figures)


def write(results: Results, root: Path) -> None:
    """docs/cliffs.md, the section of docs/develop/performance.md, docs/img."""
    from bench.cliffs.picture import draw

    docs = root / "docs"
    images = [f"img/{name}" for name in draw(results, docs / "img")]
    (docs / "cliffs.md").write_text(page(results, images), encoding="utf-8")
    performance = docs / "develop" / "performance.md"
    text = replaced(performance.read_text(encoding="utf-8"), section(results, images), MARKS)
    performance.write_text(text, encoding="utf-8")
    print(f"\ndocs/cliffs.md, docs/develop/performance.md and {len(images)} charts in {root}")


def check(results: Results) -> int:
    """1 if a cell is above its limit, however often it is tried."""
    here = kind()
    words, limit = bounds.held_to(bounds.read(), here)
    print(f"\n{here}: {words}")
    if limit is None:
        return 0
    unknown = sum(limit(figure.cell) is None for figure in results.figures)
    print(f"{unknown} cells have no bound" if unknown else "every cell has a bound")
    above = bounds.failed(results.figures, limit, partial(measure, peers=False), print)
    print("\n".join(f"too slow: {cell}" for cell in above) or "no cell is above it")
    return int(bool(above))


def record(runs: list[list[Figure]]) -> None:
    """Bounds of this kind of CPU."""
    recorded, here = bounds.read(), kind()
    before = recorded.get(here, {}).get("bounds", {})
    recorded[here] = bounds.entry(bounds.merged(before, bounds.usual(runs)))
    bounds.RECORDED.write_text(bounds.dumped(recorded), encoding="utf-8")
    print(f"{len(runs[0])} cells of {here} in {bounds.RECORDED.name}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", default="", help="only cells whose name contains this, or one of a|b")
    parser.add_argument(
        "--quick", action="store_true", help="few cells, without peers, under a minute: for CI"
    )
    parser.add_argument("--seconds", type=float, help="for each cell")
    parser.add_argument("--record", action="store_true", help="write the bounds of this kind of CPU")
    parser.add_argument("--times", type=int, default=3, help="to measure each cell for --record")
    parser.add_argument("--load", type=Path, help="a stored run instead of a new one")
    parser.add_argument("--root", type=Path, default=ROOT, help="where docs are written")
    options = parser.parse_args(arguments)
    prepare()
    seconds = options.seconds or SECONDS / (2 if options.quick else 1)
    wanted = measurable(chosen(options.match, options.quick))
    if options.record and not options.load:
        record([measured(wanted, seconds, peers=False).figures for _ in range(options.times)])
        return 0
    results = load(options.load) if options.load else measured(wanted, seconds, not options.quick)
    if options.record:
        if any(results.machine[fact] != describe()[fact] for fact in ("cpu", "isa")):
            parser.error("--load: expected a run of this kind of CPU for --record")
        record([results.figures])
        return 0
    print(*printed(results, FEW if options.quick else SHOWN), sep="\n")
    if not (options.match or options.quick):
        store(results, options.root / STORED)
        write(results, options.root)
    return check(results)


if __name__ == "__main__":
    sys.exit(main())
