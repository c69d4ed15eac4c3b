"""The map as heat maps: a line for each function, a column for each length, dtype, place and layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path as Outline

from bench.charts import GREY, save
from bench.cliffs.cells import BEYOND, CALL, COLD, DTYPES, LAYOUTS, USUAL_OFFSET, Cell
from bench.cliffs.functions import FUNCTIONS
from bench.cliffs.measure import Figure
from bench.cliffs.results import Results

# Most copies of a band, and its colour, on white and on dark.
BANDS = {1: "#c7e9c0", 3: "#ffffb2", 10: "#fecc5c", 30: "#fd8d3c", 100: "#e31a1c", float("inf"): "#9e0142"}
Column = tuple[int, str, float, str]  # order of the group, its title, order in it, label
GAP = 0.5  # between groups, in columns
SIDE = 0.94  # of a square


def column(cell: Cell) -> Column:
    """Where a cell is shown; of the options, layouts and offsets the worst of several cells."""
    dtype = cell.dtype if cell.dtype in DTYPES else DTYPES[0]  # pictures beside float32
    if cell.place == BEYOND:
        return 5, BEYOND, DTYPES.index(dtype), dtype
    if cell.place == COLD:
        return 4, COLD, cell.length, str(cell.length)
    if cell.offset != USUAL_OFFSET:
        return 6, "offset", min(cell.offset, 1), "element" if cell.offset else "0"
    if cell.layout != "C":
        return 7, "layout", LAYOUTS.index(cell.layout), cell.layout
    if cell.option:
        return 8, "options", cell.length, str(cell.length)
    return DTYPES.index(dtype), dtype, cell.length, str(cell.length)


def worst(figures: list[Figure]) -> dict[tuple[str, Column], float]:
    """Most copies in each place of the picture."""
    found: dict[tuple[str, Column], float] = {}
    for f in figures:
        if f.cell.place != CALL:
            at = (f.cell.function, column(f.cell))
            found[at] = max(f.copies, found.get(at, 0))
    return found


def positions(columns: list[Column]) -> dict[Column, float]:
    """The left ends of columns, groups apart."""
    groups = list(dict.fromkeys(c[:2] for c in columns))
    return {c: i + GAP * groups.index(c[:2]) for i, c in enumerate(columns)}


def square(x: float, y: float) -> Outline:
    """Of one cell, apart from its neighbours."""
    far = SIDE
    return Outline([(x, y), (x + far, y), (x + far, y + far), (x, y + far), (x, y)], closed=True)


def squares(
    found: dict[tuple[str, Column], float], at: dict[Column, float], names: list[str]
) -> Iterator[PathPatch]:
    """One outline for each band: a file of few shapes."""
    least = 0.0
    for most, color in BANDS.items():
        own = [
            square(at[c], names.index(name)) for (name, c), copies in found.items() if least < copies <= most
        ]
        if own:
            yield PathPatch(Outline.make_compound_path(*own), facecolor=color, edgecolor="none")
        least = most


def legend(figure: Any) -> None:
    """The bands."""
    labels = ["at most 1 copy", *(f"to {most}" for most in list(BANDS)[1:-1]), "more"]
    patches = [Patch(color=color, label=label) for color, label in zip(BANDS.values(), labels, strict=True)]
    figure.legend(
        handles=patches, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(BANDS), labelcolor=GREY
    )


def heat_map(figures: list[Figure]) -> Any:
    """Functions down, columns across."""
    found = worst(figures)
    names = list(dict.fromkeys(name for name, _ in found))
    at = positions(sorted({c for _, c in found}))
    width, height = max(at.values()) + 1, len(names)
    figure, axes = plt.subplots(figsize=(2 + 0.17 * width, 1 + 0.17 * height), layout="constrained")
    for shape in squares(found, at, names):
        axes.add_patch(shape)
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_yticks([y + 0.5 for y in range(height)], names)
    axes.set_xticks([x + 0.5 for x in at.values()], [c[3] for c in at], rotation=90)
    axes.tick_params(length=0, labelsize=7, colors=GREY)
    for title in dict.fromkeys(c[1] for c in at):
        start = min(x for c, x in at.items() if c[1] == title)
        axes.text(start + 0.3, -0.3, title, fontsize=8, rotation=40, color=GREY)
    axes.spines[:].set_visible(False)
    legend(figure)
    return figure


def draw(results: Results, folder: Path) -> list[str]:
    """As SVG: functions measured finely, then the others; the names of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {"cliffs": True, "cliffs-others": False}
    for name, fine in kinds.items():
        own = [f for f in results.figures if FUNCTIONS[f.cell.function].fine == fine]
        if own:
            save(heat_map(own), folder / f"{name}.svg")
    return [f"{name}.svg" for name in kinds]
