"""Arguments of the examples: python examples/X.py --save FOLDER writes FOLDER/X.svg; needs matplotlib."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

INK, BLUE, RED, GREY = "#222222", "#1f77b4", "#d62728", "#dddddd"


def picture(draw: Callable[[Any], Any] | None) -> None:
    """With --save, writes the figure that `draw` makes with matplotlib.pyplot; the same file every time.

    None: there is nothing to draw, and --save is refused.
    """
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write the picture there, if there is one"
    )
    folder = parser.parse_args().save
    if folder is None:
        return
    if draw is None:
        parser.error("--save: this example has no picture")
    try:
        import matplotlib
    except ImportError:
        parser.error("--save needs matplotlib: pip install matplotlib")

    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "cnorm", "svg.fonttype": "none", "font.size": 9})
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False})
    figure = draw(plt)
    path = folder / f"{Path(sys.argv[0]).stem}.svg"
    # White behind: the page that shows it may be dark.
    figure.savefig(path, bbox_inches="tight", facecolor="white", metadata={"Date": None})
    print(f"wrote {path}")
