"""Build facts: what this build and this machine can do."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from cnorm import _core
from cnorm._threads import default_threads, get_num_threads
from cnorm._version import __version__

__all__ = ["show_config"]


def config() -> dict[str, Any]:
    """The facts `show_config` prints."""
    return {
        "cnorm": __version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **_core.info(),
        "threads": get_num_threads(),
        "threads_from": default_threads()[1]
        if get_num_threads() == default_threads()[0]
        else "set_num_threads",
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
    print(f"threads           {facts['threads']} ({facts['threads_from']}), run by: {facts['team']}")
