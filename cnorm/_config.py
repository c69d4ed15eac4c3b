"""Threads and build facts: what a user may set or ask."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np

from cnorm import _core
from cnorm._axes import as_int
from cnorm._version import __version__

__all__ = ["get_num_threads", "set_num_threads", "show_config", "threads"]


def set_num_threads(n: int) -> None:
    """Sets how many threads one call may use.

    Parameters
    ----------
    n : int
        At least 1. Small calls use one thread whatever is set.

    Raises
    ------
    TypeError, ValueError
        `n` is not an int, or below 1.

    Examples
    --------
    >>> import cnorm
    >>> before = cnorm.get_num_threads()
    >>> cnorm.set_num_threads(1)
    >>> cnorm.get_num_threads()
    1
    >>> cnorm.set_num_threads(before)
    """
    n = as_int(n, "n")
    if n < 1:
        raise ValueError(f"n: expected at least 1 thread, got {n}")
    _core.set_num_threads(min(n, 4096))


def get_num_threads() -> int:
    """How many threads one call may use.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Context manager: at most `n` threads inside, what was set before afterwards.

    Examples
    --------
    >>> import cnorm
    >>> with cnorm.threads(1):
    ...     cnorm.get_num_threads()
    1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        _core.set_num_threads(before)


def config() -> dict[str, Any]:
    """The facts `show_config` prints."""
    return {
        "cnorm": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **_core.info(),
        "threads": get_num_threads(),
        "CNORM_CPU": os.environ.get("CNORM_CPU"),
        "CNORM_NUM_THREADS": os.environ.get("CNORM_NUM_THREADS"),
    }


def show_config() -> None:
    """Prints versions, the instruction sets compiled and chosen, and the number of threads.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.show_config()  # doctest: +ELLIPSIS
    cnorm ...
    """
    facts = config()
    isas = ", ".join(f"{i['name']}{'' if i['available'] else ' (not on this CPU)'}" for i in facts["isas"])
    print(f"cnorm             {facts['cnorm']}")
    print(f"NumPy             {facts['numpy']}, Python {facts['python']}, {facts['platform']}")
    print(f"instruction set   {facts['isa']} (compiled: {isas})")
    print(f"OpenMP            {'yes' if facts['openmp'] else 'no'}, threads {facts['threads']}")


def read_environment() -> None:
    """Takes CNORM_NUM_THREADS; OMP_NUM_THREADS is read by the OpenMP runtime itself."""
    value = os.environ.get("CNORM_NUM_THREADS")
    if value is None:
        return
    if not value.strip().isdigit() or int(value) < 1:
        raise ImportError(f"CNORM_NUM_THREADS: expected a positive number, got {value!r}")
    set_num_threads(int(value))
