"""What the system tells about this CPU: its name and the sizes of its caches."""

from __future__ import annotations

import platform
from pathlib import Path

__all__ = ["caches", "cpu_model"]


def cpu_model(info: Path = Path("/proc/cpuinfo")) -> str:
    """As the system names it."""
    for line in info.read_text(errors="replace").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def caches(folder: Path = Path("/sys/devices/system/cpu/cpu0/cache")) -> dict[str, str]:
    """Size of each data cache of the first core, L1d first; empty where the system does not tell."""
    sizes = {}
    for index in sorted(folder.glob("index*")):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:  # a virtual machine that tells half of it
            continue
        if kind != "Instruction":
            name = f"L{level}d" if kind == "Data" else f"L{level}"
            sizes[name] = plain(size)
    return sizes


def plain(size: str) -> str:
    """32768K as 32 MiB."""
    whole, unit = int(size[:-1]), size[-1]
    if unit == "K" and whole % 1024 == 0:
        whole, unit = whole // 1024, "M"
    return f"{whole} {unit}iB"
