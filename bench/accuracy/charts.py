"""The errors as charts: lines over ratio and size, a panel for each dtype or layout."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from bench.accuracy.measure import DTYPES, LAYOUTS, ROUNDED, USUAL_RATIO, USUAL_SIZE, Record
from bench.accuracy.tables import TITLES, columns
from bench.charts import STYLES, save

MARKS = {**STYLES, ROUNDED: ("#17becf", "_")}


def lines(axes: Any, records: list[Record], over: str, title: str) -> None:
    """Error against ratio or size; a cross at the top of the panel where a contender gave NaN or inf."""
    for name in columns(records):
        points = [(getattr(r, over), r.errors[name]) for r in records if name in r.errors]
        color, marker = MARKS[name]
        finite = [(x, max(y, 0.1)) for x, y in sorted(points) if math.isfinite(y)]
        if finite:
            axes.plot(*zip(*finite, strict=True), color=color, marker=marker, markersize=4, label=name)
        for x in (x for x, y in points if not math.isfinite(y)):
            axes.plot([x], [0.98], marker="x", color=color, transform=axes.get_xaxis_transform())
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, loc="left")
    axes.set_xlabel("mean/std" if over == "ratio" else "elements in a group")
    axes.grid(color="#dddddd", linewidth=0.6)


def panels(chosen: dict[str, list[Record]], over: str, quantity: str) -> Any:
    """One panel for each title, side by side, with one scale."""
    figure, row = plt.subplots(1, len(chosen), figsize=(3.1 * len(chosen), 3.4), sharey=True)
    for axes, (title, records) in zip(row, chosen.items(), strict=True):
        lines(axes, records, over, title)
    kind = "absolute" if quantity == "value" else "relative"
    row[0].set_ylabel(f"{TITLES[quantity].lower()}: largest {kind} error, eps")
    found = {
        label: line for axes in row for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    row[-1].legend(found.values(), found, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def of(records: list[Record], quantity: str, layout: str, dtype: str, over: str) -> list[Record]:
    """Records along one axis of the measurements."""
    own = [r for r in records if (r.quantity, r.layout, r.dtype) == (quantity, layout, dtype)]
    return [r for r in own if (r.size == USUAL_SIZE if over == "ratio" else r.ratio == USUAL_RATIO)]


def figures(records: list[Record]) -> dict[str, Any]:
    """All charts by name."""
    made = {}
    for quantity in TITLES:
        by_dtype = {dtype: of(records, quantity, "rows", dtype, "ratio") for dtype in DTYPES}
        by_layout = {name: of(records, quantity, name, "float32", "ratio") for name in LAYOUTS}
        sizes = {
            f"{dtype}, {name}": of(records, quantity, name, dtype, "size")
            for dtype in ("float32", "float64")
            for name in LAYOUTS[:2]
        }
        made[f"accuracy-{quantity}-dtypes"] = panels(by_dtype, "ratio", quantity)
        made[f"accuracy-{quantity}-layouts"] = panels(by_layout, "ratio", quantity)
        made[f"accuracy-{quantity}-sizes"] = panels(sizes, "size", quantity)
    return made


def draw(records: list[Record], folder: Path) -> list[str]:
    """As SVG; their names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = figures(records)
    for name, figure in made.items():
        save(figure, folder / f"{name}.svg")
    return list(made)
