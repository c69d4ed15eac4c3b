"""What the numbers depend on: CPU, caches, versions, what is absent."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import CONTENDERS, PEERS, installed_version
from cnorm._system.machine import caches, cpu_model

# What /proc/cpuinfo calls maker, family and model: on x86, then on ARM.
KIND = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")


def cores() -> int:
    """Those this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kind(info: Path = Path("/proc/cpuinfo")) -> str:
    """The kernels' instruction set, and maker, family and model of the CPU, whose name a cloud may hide."""
    from cnorm._system.config import config

    lines = info.read_text(errors="replace").splitlines() if info.exists() else []
    facts = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    told = [facts[name] for name in KIND if name in facts] or [cpu_model()]
    return " ".join([config()["isa"], *told])


def describe() -> dict[str, Any]:
    """All of it, for the result file."""
    import cnorm
    from cnorm._system.config import config

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
