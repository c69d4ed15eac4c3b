"""What the system tells about the CPU, read from files like its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnorm._system.machine import caches, cpu_model


def put(folder: Path, **files: str) -> None:
    folder.mkdir()
    for name, value in files.items():
        (folder / name).write_text(f"{value}\n")


def test_caches(tmp_path: Path) -> None:
    put(tmp_path / "index0", type="Data", level="1", size="32K")
    put(tmp_path / "index1", type="Instruction", level="1", size="32K")
    put(tmp_path / "index2", type="Unified", level="2", size="512K")
    put(tmp_path / "index3", type="Unified", level="3", size="32768K")
    put(tmp_path / "index4", type="Unified", level="4")
    assert caches(tmp_path) == {"L1d": "32 KiB", "L2": "512 KiB", "L3": "32 MiB"}
    assert caches(tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("text", "name"), [("processor : 0\nmodel name\t: Some CPU @ 3 GHz\n", "Some CPU @ 3 GHz"), ("", None)]
)
def test_cpu_model(tmp_path: Path, text: str, name: str | None) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(text)
    assert cpu_model(info) == (name or cpu_model(tmp_path / "missing"))
