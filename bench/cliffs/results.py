"""The figures of a run, as a file and in parts."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.cliffs.cells import CALL, Cell
from bench.cliffs.measure import Figure


@dataclass
class Results:
    """Every figure, where and how long it was measured, and what the smallest call takes."""

    machine: dict[str, Any]
    seconds: float
    smallest: float
    figures: list[Figure]

    @property
    def map(self) -> list[Figure]:
        """Cells that are counted in copies, the worst first."""
        return sorted((f for f in self.figures if f.cell.place != CALL), key=lambda f: -f.copies)

    @property
    def calls(self) -> list[Figure]:
        """Calls on one row, the slowest first."""
        return sorted((f for f in self.figures if f.cell.place == CALL), key=lambda f: -f.beside)

    @property
    def compared(self) -> list[Figure]:
        """Cells with a peer, the worst first."""
        return sorted((f for f in self.figures if f.peer), key=lambda f: f.against or 0)

    @property
    def slower(self) -> list[Figure]:
        """Those whose peer is faster."""
        return [f for f in self.compared if (f.against or 0) < 1]


def store(results: Results, path: Path) -> None:
    """As JSON."""
    path.parent.mkdir(exist_ok=True)
    figures = [{**f._asdict(), "cell": asdict(f.cell)} for f in results.figures]
    path.write_text(json.dumps({**vars(results), "figures": figures}))


def load(path: Path) -> Results:
    """What was stored."""
    stored = json.loads(path.read_text())
    figures = [Figure(**{**f, "cell": Cell(**f["cell"])}) for f in stored.pop("figures")]
    return Results(**stored, figures=figures)
