"""How far a long command is, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

__all__ = ["installed", "progress"]


def installed(name: str) -> Any:
    """The module, or None."""
    try:
        return import_module(name)
    except ImportError:
        return None


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """To be called with the name of each step: a bar in a terminal where rich is installed, else lines."""
    rich, console = installed("rich.progress"), installed("rich.console")
    if rich is None or not sys.stderr.isatty():
        numbers = iter(range(1, total + 1))
        yield lambda name: print(f"{next(numbers)}/{total} {name}", file=sys.stderr, flush=True)
        return
    with rich.Progress(console=console.Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda name: bar.update(task, advance=1, description=f"{name:44}")
