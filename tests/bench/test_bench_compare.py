"""Two builds side by side: the worker's protocol, and the table from made-up builds."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import cnorm
from bench import compare, worker

CASE = "layer_norm (1,768)"


def replies_to(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What a worker in this process says."""
    output = io.StringIO()
    worker.serve(io.StringIO("".join(json.dumps(r) + "\n" for r in requests)), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_worker_times_on_request() -> None:
    first, second = replies_to({"case": CASE, "threads": 1}, {"mode": "fresh", "repeats": 3})
    assert first == {"modes": ["fresh", "preallocated"]}
    assert 0 < second["seconds"] < 1


def test_worker_reports_what_a_build_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("cnorm.functional.layer_norm")
    (reply,) = replies_to({"case": CASE, "threads": 1})
    assert reply["modes"] == []
    assert reply["problem"].startswith("AttributeError")


class Build:
    """A worker with constant times."""

    def __init__(self, seconds: float, reply: dict[str, Any]) -> None:
        self.duration, self.reply = seconds, reply

    def ask(self, **request: Any) -> dict[str, Any]:
        return self.reply

    def seconds(self, mode: str, repeats: int) -> float:
        return self.duration


def test_a_faster_tree() -> None:
    modes = {"modes": ["fresh"]}
    builds: Any = {compare.BASE: Build(3e-3, modes), compare.HEAD: Build(1e-3, modes)}
    records = compare.compare(CASE, 1, builds, 0)
    assert compare.line(records[0]) == f"| {CASE} | 1 | fresh | 3.00 ms | 1.00 ms | 3.00 | 3.00 |"
    assert compare.geometric_mean(records) == "geometric mean of base / head: 3.000"


def test_a_base_without_the_operation() -> None:
    problem = {"modes": [], "problem": "AttributeError: x"}
    builds: Any = {compare.BASE: Build(1, problem), compare.HEAD: Build(1, {"modes": ["fresh"]})}
    records = compare.compare(CASE, 1, builds, 0)
    assert compare.line(records[0]) == f"| {CASE} | 1 | base: AttributeError: x | | | | |"
    assert compare.geometric_mean(records) == "nothing"


def test_a_worker_process() -> None:
    if not Path(cnorm.__file__).is_relative_to(compare.ROOT):
        pytest.skip("needs the extension built in place")
    with compare.Worker(compare.ROOT) as process:
        assert process.ask(case=CASE, threads=1) == {"modes": ["fresh", "preallocated"]}
        assert process.seconds("fresh", 2) > 0
    assert process.process.returncode == 0


def test_an_older_build_is_timed_by_our_clock_and_held_to_our_oracle(tmp_path: Path) -> None:
    """A build from before the clock lived in cnorm, whose self-test is broken."""
    ours = Path(cnorm.__file__).parent
    theirs = tmp_path / "cnorm"
    theirs.mkdir()
    for path in ours.iterdir():
        if path.name not in ("_bench", "_check", "__pycache__"):
            (theirs / path.name).symlink_to(path)
    for name in ("_bench.py", "_check.py"):
        (theirs / name).write_text("raise RuntimeError('theirs')")
    with compare.Worker(tmp_path) as process:
        assert process.ask(case=CASE, threads=1) == {"modes": ["fresh", "preallocated"]}
        assert process.seconds("fresh", 2) > 0


def test_a_worker_refuses_another_tree(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with compare.Worker(tmp_path) as process, pytest.raises(SystemExit, match="ended early"):
        process.ask(case=CASE, threads=1)
    assert process.process.returncode != 0
    assert "not from" in capfd.readouterr().err
