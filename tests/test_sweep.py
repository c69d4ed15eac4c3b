"""Sweeps: every case is tried, what fails is named with a line that reruns it and nothing else."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sweep import sweep

Seen = list[tuple[str, int]]


def recorder(seen: Seen, bad: Seen) -> None:
    """Runs a sweep of six cases."""

    @sweep(layout=["rows", "strided rows", "columns"], n=[1, 2])
    def test(layout: str, n: int) -> None:
        seen.append((layout, n))
        assert (layout, n) not in bad, "planted"

    test()


def of(*layouts: str) -> Seen:
    return [(layout, n) for layout in layouts for n in (1, 2)]


def test_every_case_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNORM_SWEEP", raising=False)
    seen: Seen = []
    with pytest.raises(AssertionError, match="2 of 6 cases fail") as failure:
        recorder(seen, [("rows", 2), ("columns", 1)])
    assert seen == of("rows", "strided rows", "columns")
    assert "layout=rows; n=2: AssertionError: planted" in str(failure.value)
    assert "layout=columns; n=1" in str(failure.value)
    assert isinstance(failure.value.__cause__, AssertionError)


@pytest.mark.parametrize(
    ("asked", "cases"),
    [
        ("", of("rows", "strided rows", "columns")),
        ("thin", of("rows", "strided rows")),
        ("layout=strided rows; n=2", [("strided rows", 2)]),
        ("layout=*rows", of("rows", "strided rows")),
        ("n=1;layout=columns;", [("columns", 1)]),
        ("dtype=float16", of("rows", "strided rows", "columns")),
    ],
)
def test_what_is_asked_for(asked: str, cases: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNORM_SWEEP", asked)
    seen: Seen = []
    recorder(seen, [])
    assert seen == cases


def test_a_thin_sweep_has_one_dtype_two_layouts_and_three_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNORM_SWEEP", "thin")
    seen = []

    @sweep(dtype=list(map(np.dtype, ("f2", "f4"))), kind=[np.int8, np.int16], layout="abc", n=range(1, 8))
    def test(dtype: object, kind: object, layout: str, n: int) -> None:
        seen.append((dtype, kind, layout, n))

    test()
    assert seen == [(np.float32, np.int8, layout, n) for layout in "ab" for n in (1, 4, 7)]


def test_none_asked_for_is_a_skip_and_nonsense_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNORM_SWEEP", "layout=no such")
    with pytest.raises(pytest.skip.Exception, match="none of its cases"):
        recorder([], [])
    monkeypatch.setenv("CNORM_SWEEP", "thn")
    with pytest.raises(pytest.UsageError, match="'thn'"):
        recorder([], [])


def test_a_case_that_skips_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CNORM_SWEEP", raising=False)
    refused = {0: pytest.skip, 1: lambda _: None, 2: pytest.fail}

    @sweep(n=[0, 1, 2])
    def test(n: int) -> None:
        refused[n]("planted")

    with pytest.raises(AssertionError, match=r"1 of 3 cases fail\n  n=2: Failed: planted"):
        test()
    refused[2] = refused[1] = pytest.skip
    with pytest.raises(pytest.skip.Exception, match="all skipped"):
        test()


@pytest.mark.parametrize("values", [["a;b"], [object()], [1, "1"]], ids=["separator", "address", "twice"])
def test_labels_can_be_typed(values: list[object]) -> None:
    with pytest.raises(ValueError, match=r"^n:"):
        sweep(n=values)


PLANTED = """
import pytest
from sweep import sweep

@pytest.mark.parametrize("name", ["a b", "c"])
@sweep(n=range(20), layout=["rows", "strided rows"])
def test_planted(name, n, layout, tmp_path):
    assert not (name == "a b" and n % 3 == 2 and layout == "strided rows")
"""


@pytest.mark.thorough
def test_the_line_reruns_that_failure_alone(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "CNORM_SWEEP"))}
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)

    def pytest_says(*arguments: str, **more: str) -> str:
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-c", os.devnull, *arguments]
        command += ["--rootdir", str(tmp_path)]
        return subprocess.run(command, cwd=tmp_path, env=env | more, capture_output=True, text=True).stdout

    said = pytest_says()
    assert "1 failed, 1 passed" in said
    assert "6 of 40 cases fail" in said
    line = next(text.partition("rerun: ")[2] for text in said.splitlines() if "rerun: " in text)
    variable, *words = shlex.split(line)
    assert words[:3] == ["python", "-m", "pytest"]
    name, _, asked = variable.partition("=")
    assert "1 of 1 cases fail" in pytest_says(*words[3:], **{name: asked})
