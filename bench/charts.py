"""The results as charts: ratios to the peers by operation, speed against size."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator

from bench.peers import FRESH, MODES
from bench.results import Record, Results, fastest_ratio, geometric_mean, limit, peers_of, ratio
from bench.shown import SHOWN, fresh
from bench.tables import TITLES, count

STYLES = {
    "cnorm": ("#000000", "o"),
    "torch": ("#d62728", "o"),
    "onnxruntime": ("#1f77b4", "s"),
    "openvino": ("#9467bd", "D"),
    "numpy": ("#7f7f7f", "^"),
    "numba": ("#2ca02c", "v"),
    "scipy": ("#8c564b", "<"),
    "sklearn": ("#ff7f0e", ">"),
    "thinc": ("#e377c2", "P"),
    "bottleneck": ("#bcbd22", "X"),
    "numbagg": ("#dbdb8d", "*"),
    "pandas": ("#ff9896", "H"),
    "opencv": ("#aec7e8", "p"),
    "lut": ("#c49c94", "8"),
    "copy": ("#17becf", "|"),
}
GREY = "#808080"
SIZES = re.compile(r"layer_norm \(\d+,768\)$")
Row = tuple[str, dict[str, float | None]]  # label, ratio of each peer

matplotlib.rcParams.update({"svg.hashsalt": "cnorm", "svg.fonttype": "none", "font.size": 9})
matplotlib.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})


def save(figure: Any, path: Path) -> None:
    """The same file for the same numbers."""
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    figure.savefig(path, bbox_inches="tight", metadata=metadata, dpi=130, transparent=True)
    plt.close(figure)


def ratio_axis(axes: Any) -> None:
    """Powers of two, plain numbers, a line at equal speed."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, numticks=14))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}" if x >= 1 else f"1/{1 / x:g}"))
    axes.axvline(1, color="black", linewidth=1)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def dots(rows: list[Row], peers: list[str], title: str) -> Any:
    """A line per label, a mark per peer at its ratio."""
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.21 * len(rows)))
    places = range(len(rows), 0, -1)
    axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color="#eeeeee", linewidth=0.6, zorder=0)
    for peer in [*peers, "copy"]:
        points = [(r[peer], y) for (_, r), y in zip(rows, places, strict=True) if r.get(peer)]
        if points:
            color, marker = STYLES[peer]
            axes.scatter(*zip(*points, strict=True), s=26, color=color, marker=marker, label=peer)
    ratio_axis(axes)
    axes.set_yticks(list(places), [label for label, _ in rows])
    axes.set_ylim(0.3, len(rows) + 0.7)
    axes.set_xlabel("time over cnorm's (right of the line: cnorm is faster)")
    axes.set_title(title, loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def by_operation(records: list[Record], peers: list[str]) -> Iterator[Row]:
    """Geometric means over the cases of an operation."""
    for operation in dict.fromkeys(r["operation"] for r in records):
        own = [r for r in records if r["operation"] == operation]
        means = {peer: geometric_mean(ratio(r, peer) for r in own) for peer in peers}
        yield operation, {**means, "copy": geometric_mean(map(limit, own))}


def speed(axes: Any, records: list[Record], title: str) -> None:
    """Bytes moved per second against their number, a line per contender."""
    for name, (color, marker) in STYLES.items():
        timed = [(r["bytes"], r["times"][name]["median"]) for r in records if name in r["times"]]
        points = [(moved, moved / seconds / 1e9) for moved, seconds in sorted(timed)]
        if points:
            axes.plot(*zip(*points, strict=True), color=color, marker=marker, markersize=4, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title(title, loc="left")
    axes.set_xlabel("layer_norm (n,768): bytes read and written")
    axes.grid(color="#dddddd", linewidth=0.6)


def speed_against_size(results: Results, threads: int) -> Any | None:
    """A panel per mode; None if no rows of 768 were measured."""
    chosen = {m: [r for r in results.select(threads, m) if SIZES.match(r["case"])] for m in MODES}
    if not all(chosen.values()):
        return None
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
    for axes, (mode, records) in zip(panels, chosen.items(), strict=True):
        speed(axes, records, f"{count(threads)}, {TITLES[mode]}")
    panels[0].set_ylabel("GB/s")
    panels[0].legend(loc="upper left", bbox_to_anchor=(2.2, 1), fontsize=8)
    return figure


def readme(results: Results) -> Any:
    """The READMEs' chart: a line for each row of their table. Readable on white and on black."""
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.24 * len(SHOWN)))
    found = [fresh(results, case) for case in SHOWN]
    places = range(len(SHOWN), 0, -1)
    marks: dict[str, tuple[str, str, Callable[[Record], float | None]]] = {
        "NumPy": ("#1f9ede", "o", lambda r: ratio(r, "numpy")),
        "torch": ("#e8663c", "s", lambda r: ratio(r, "torch")),
        "the fastest of all": (GREY, "|", fastest_ratio),
    }
    for name, (color, marker, value) in marks.items():
        points = [(q, y) for r, y in zip(found, places, strict=True) if r and (q := value(r))]
        if points:
            size = 90 if marker == "|" else 30
            axes.scatter(*zip(*points, strict=True), s=size, color=color, marker=marker, label=name, zorder=3)
    ratio_axis(axes)
    axes.set_yticks(list(places), [english for english, _ in SHOWN.values()])
    axes.set_ylim(0.3, len(SHOWN) + 0.7)
    axes.set_xlabel("time over cnorm's (right of the line: cnorm is faster)")
    axes.legend(loc="lower right", ncols=3, bbox_to_anchor=(1, 1))
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    for line in axes.lines:
        line.set_color(GREY)
    for part in (*axes.spines.values(), axes.xaxis.label, *axes.get_xticklabels(), *axes.get_yticklabels()):
        part.set_color(GREY)
    for text in axes.get_legend().get_texts():
        text.set_color(GREY)
    axes.tick_params(colors=GREY)
    return figure


def draw_readme(results: Results, folder: Path) -> None:
    """As PNG for the READMEs, as SVG for the site."""
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("png", "svg"):
        save(readme(results), folder / f"readme.{suffix}")


def overview(results: Results) -> Any:
    """Operations, and all cases against their fastest peer."""
    threads = results.threads[0]
    records = results.select(threads, FRESH)
    peers = peers_of(records)
    best = geometric_mean(map(fastest_ratio, records)) or 0
    title = f"{count(threads)}, new output; the fastest peer of each case: {best:.2f} on average"
    return dots(list(by_operation(records, peers)), peers, title)


def draw(results: Results, folder: Path) -> list[str]:
    """All charts as SVG; the names, for the document."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {f"size-{threads}": speed_against_size(results, threads) for threads in results.threads}
    figures = {name: figure for name, figure in sizes.items() if figure}
    for name, figure in figures.items():
        save(figure, folder / f"{name}.svg")
    save(overview(results), folder / "overview.svg")
    return ["readme", "overview", *figures]
