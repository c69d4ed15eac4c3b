"""Build facts: what this build and this machine can do."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from cnorm._native import core
from cnorm._system.threads import get_num_threads, source_of_threads
from cnorm._system.version import __version__

__all__ = ["show_config"]


def config() -> dict[str, Any]:
    """The facts `show_config` prints."""
    from cnorm._system.machine import caches, cpu_model  # pathlib takes 3 ms: not at import

    return {
        "cnorm": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": cpu_model(),
        "caches": caches(),
        **core.info(),
        "threads": get_num_threads(),
        "threads_from": source_of_threads(),
        "CNORM_CPU": os.environ.get("CNORM_CPU"),
        "CNORM_NUM_THREADS": os.environ.get("CNORM_NUM_THREADS"),
    }


def isa_lines(facts: dict[str, Any]) -> list[str]:
    """Each compiled instruction set, best first: chosen, or why not."""
    names = [isa["name"] for isa in facts["isas"]]
    width, chosen = max(map(len, names)), names.index(facts["isa"])
    lines = []
    for place, isa in enumerate(facts["isas"]):
        if place == chosen:
            why = "chosen"
        elif not isa["available"]:
            why = f"refused: this CPU or system lacks {', '.join(isa['missing'])}"
        elif place < chosen:
            why = f"refused: above CNORM_CPU={facts['CNORM_CPU']}"
        else:
            why = "not needed: a better one is there"
        lines.append(f"{isa['name']:{width}}  {why}")
    return lines


def show_config() -> None:
    """Prints versions, the instruction sets with the reason for the choice, threads and caches.

    See Also
    --------
    get_num_threads : How many threads a call may use.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.show_config()  # doctest: +ELLIPSIS
    cnorm ...
    """
    facts = config()
    sizes = ", ".join(f"{name} {size}" for name, size in facts["caches"].items())
    rows = {
        "cnorm": [f"{facts['cnorm']}, compiled by {facts['compiler']}"],
        "NumPy": [f"{facts['numpy']}, Python {facts['python']}, {facts['platform']}"],
        "CPU": [facts["cpu"]],
        "caches": [sizes or "the system does not tell"],
        "instruction set": isa_lines(facts),
        "threads": [f"{facts['threads']}, from {facts['threads_from']}; run by: {facts['team']}"],
    }
    for name, lines in rows.items():
        for i, line in enumerate(lines):
            print(f"{'' if i else name:17} {line}")
