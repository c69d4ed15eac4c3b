"""What the numbers depend on: CPU, caches, versions, what is absent."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from bench.peers import CONTENDERS, PEERS, installed_version
from cnorm._machine import caches, cpu_model


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe() -> dict[str, Any]:
    """All of it, for the result file."""
    import cnorm
    from cnorm._config import config

    versions = {p: installed_version(CONTENDERS[p].packages[0]) for p in PEERS}
    return {
        "cpu": cpu_model(),
        "caches": caches(),
        "cores": cores(),
        "isa": config()["isa"],
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {
            "cnorm": cnorm.__version__,
            "Python": platform.python_version(),
            "numpy": np.__version__,
            **{p: v for p, v in versions.items() if v and CONTENDERS[p].installed},
        },
        "absent": [p for p in PEERS if not CONTENDERS[p].installed],
    }
