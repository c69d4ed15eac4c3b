"""Ratios over stored runs: columns by run, marks where the last two differ."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import history

STORED = Path(__file__).parent / "stored.json"


def slowed(folder: Path, factor: float) -> Path:
    """The stored run with cnorm slower by a factor in its first record."""
    run = json.loads(STORED.read_text())
    times = run["benchmarks"][0]["extra_info"]["times"]
    times["torch"]["ratio"] /= factor
    path = folder / "0002_slowed.json"
    path.write_text(json.dumps(run))
    return path


def test_a_column_for_each_run(tmp_path: Path) -> None:
    lines = history.table("torch", [STORED, slowed(tmp_path, 1.5)])
    first = json.loads(STORED.read_text())["benchmarks"][0]["extra_info"]
    ratio = first["times"]["torch"]["ratio"]
    assert lines[0].split()[-2:] == ["stored", "0002_slowed"]
    assert lines[1].startswith(f"{first['case']}, {first['threads']}t, {first['mode']}")
    assert lines[1].split()[-3:] == [f"{ratio:.2f}", f"{ratio / 1.5:.2f}", "slower"]
    assert not any(line.endswith(("slower", "faster")) for line in lines[2:])


@pytest.mark.parametrize(
    ("found", "mark"),
    [([2.0, 1.0], "slower"), ([1.0, 2.0], "faster"), ([1.0, 1.05], "1.05"), ([None, 2.0], "2.00")],
)
def test_marks(found: list[float | None], mark: str) -> None:
    assert history.line(("case", 1, "fresh"), found).split()[-1] == mark


def test_a_run_without_the_peer_leaves_a_gap(tmp_path: Path) -> None:
    run = json.loads(STORED.read_text())
    del run["benchmarks"][0]["extra_info"]["times"]["torch"]
    path = tmp_path / "0002.json"
    path.write_text(json.dumps(run))
    gone = history.table("torch", [STORED, path])
    assert len(gone) == len(history.table("torch", [STORED]))


def test_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["history", "copy", str(STORED)])
    history.main()
    assert capsys.readouterr().out.startswith("time of copy over that of cnorm")
