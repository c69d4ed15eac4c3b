"""Measuring, bounds and pages of the map, by made-up figures; nothing is asked of a time but to be one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.cliffs import __main__ as command
from bench.cliffs import bounds, measure, scene
from bench.cliffs.cells import CALL, COLD, PLACES, Cell
from bench.cliffs.crossing import cells, wanting
from bench.cliffs.functions import FUNCTIONS
from bench.cliffs.measure import Figure
from bench.cliffs.results import Results, load, store
from bench.cliffs.tables import page, printed, section
from bench.machine import kind
from bench.report import ROOT

CELL = Cell("moments")
US = 1e-6
FIRST = "docs/img/cliffs.svg"
MACHINE = {
    "cpu": "X",
    "caches": {"L2": "1 MiB"},
    "isa": "x86-64-v3",
    "versions": {"cnorm": "1", "torch": "2"},
}


def copies(number: float, cell: Cell = CELL) -> Figure:
    """A cell that takes so many copies."""
    return Figure(cell, number * US, US)


def sequence(*numbers: float) -> Callable[[Cell, float], Figure]:
    """Measures these, one after another."""
    left = list(numbers)
    return lambda cell, seconds: copies(left.pop(0), cell)


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scenes of few elements, no time to spend."""
    monkeypatch.setattr(scene, "IN_L2", 1 << 13)
    monkeypatch.setattr(scene, "BEYOND_L2", 1 << 14)
    monkeypatch.setattr(measure, "RING", 1 << 16)


@pytest.mark.usefixtures("little")
@pytest.mark.parametrize("place", PLACES)
def test_it_measures(place: str) -> None:
    found = measure.measure(Cell("functional.layer_norm", length=64, place=place), 0.0)
    assert found.call > 0
    assert found.copy > 0
    assert (found.peer is None) == (place == COLD)
    assert (found.rows is not None) == (place == CALL)


@pytest.mark.usefixtures("little")
def test_cold_calls_walk_over_memory() -> None:
    """Each call in turn is on other arrays, whoever makes it."""
    seen = []

    def note(cell: Cell, peers: bool) -> dict[str, Any]:
        number = len(made)
        made.append(number)
        return dict.fromkeys((measure.OURS, measure.COPY), lambda: seen.append(number))

    made: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "contenders", note)
        walking = measure.walking(Cell("moments", place=COLD, length=64))
    for name in (measure.OURS, measure.COPY) * 4:
        walking[name]()
    assert len(made) >= 4
    assert seen[: len(made)] == made[: len(seen)]


def test_a_figure() -> None:
    figure = Figure(CELL, 6 * US, 2 * US, 3 * US, 1 * US)
    assert figure.copies == pytest.approx(3)
    assert figure.against == pytest.approx(0.5)
    assert figure.beside == pytest.approx(5 * US)
    assert copies(1).against is None


RECORDED: bounds.Recorded = {
    "v4 A 1": {"date": "now", "bounds": {"moments": {"float32": {"768": 4.0}}}},
    "v4 B 2": {"date": "now", "bounds": {"moments": {"float32": {"768": 6.0, "3": 9.0}}}},
}


@pytest.mark.parametrize(
    ("here", "length", "expected"),
    [
        ("v4 A 1", 768, 4.0 * bounds.MARGIN),
        ("v4 A 1", 3, None),
        ("v4 C 3", 768, 6.0 * bounds.STRANGE),
        ("v4 C 3", 3, 9.0 * bounds.STRANGE),
        ("v4 C 3", 4, None),
    ],
)
def test_a_strange_cpu_is_held_to_the_loosest_bounds_of_its_kernels(
    here: str, length: int, expected: float | None
) -> None:
    _, limit = bounds.held_to(RECORDED, here)
    assert limit
    assert limit(Cell("moments", length=length)) == expected


def test_nothing_is_checked_where_nobody_knows() -> None:
    words, limit = bounds.held_to(RECORDED, "neon C 3")
    assert limit is None
    assert "nothing is checked" in words


@pytest.mark.parametrize(
    ("first", "again", "expected", "said"),
    [
        (3.0, (), False, 0),
        (3.1, (3.0,), False, 1),
        (3.1, (3.1, 3.1, 2.9), False, 3),
        (3.1, (3.1, 3.1, 3.1), True, 4),
    ],
)
def test_a_cell_counts_after_three_more_tries(
    first: float, again: tuple[float, ...], expected: bool, said: int
) -> None:
    told: list[str] = []
    assert (
        bounds.failed([copies(first)], lambda cell: 3.0, sequence(*again), told.append) == [CELL] * expected
    )
    assert len(told) == said


def test_a_cell_without_a_bound_passes() -> None:
    assert bounds.failed([copies(99)], lambda cell: None, sequence(), print) == []


def test_a_bound_is_the_median_in_two_digits() -> None:
    other = Cell("stats.sum", "out=", 3)
    runs = [[copies(n, CELL), copies(10 * n, other)] for n in (4.04, 2.0, 4.06)]
    assert bounds.usual(runs) == {
        "moments": {"float32": {"768": 4.0}},
        "stats.sum": {"float32, out=": {"3": 40}},
    }


def test_what_is_measured_again_is_replaced() -> None:
    before: bounds.Bounds = {"moments": {"float32": {"768": 4.0, "3": 2.0}}, "a": {"b": {"1": 1.0}}}
    found: bounds.Bounds = {"moments": {"float32": {"768": 3.0}, "float64": {"3": 5.0}}}
    assert bounds.merged(before, found) == {
        "moments": {"float32": {"768": 3.0, "3": 2.0}, "float64": {"3": 5.0}},
        "a": {"b": {"1": 1.0}},
    }
    assert before["moments"]["float32"]["768"] == 4.0


def test_the_file_has_a_line_for_each_series() -> None:
    text = bounds.dumped(RECORDED)
    assert json.loads(text) == RECORDED
    assert '"float32": {"3": 9.0, "768": 6.0}\n' in text


def test_bounds_name_cells_that_are_there() -> None:
    known = {(cell.function, cell.series, str(cell.length)) for cell in cells()}
    for recorded in bounds.read().values():
        assert set(recorded) == {"cpu", "date", "versions", "bounds"}
        for function, series in recorded["bounds"].items():
            for label, lengths in series.items():
                assert {(function, label, length) for length in lengths} <= known
                assert min(lengths.values()) > 0


@pytest.fixture
def three(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Three cells whose copies are these; bounds and pages elsewhere."""
    found = {"moments": 2.0, "standardize": 3.0, "stats.sum": 4.0}
    few = [Cell(name) for name in found]
    monkeypatch.setattr(command, "cells", lambda: few)
    monkeypatch.setattr(command, "prepare", lambda: None)
    monkeypatch.setattr(command, "smallest_call", lambda: US)
    monkeypatch.setattr(
        command, "measure", lambda cell, seconds, peers=True: copies(found[cell.function], cell)
    )
    monkeypatch.setattr(bounds, "RECORDED", tmp_path / "bounds.json")
    docs = tmp_path / "docs" / "develop"
    docs.mkdir(parents=True)
    (docs / "performance.md").write_text("# P\n\n<!-- cliffs -->\nbefore\n<!-- /cliffs -->\n\n## End\n")
    return found


def test_what_is_recorded_is_what_is_checked(
    three: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--record", "--times", "2"]) == 0
    assert bounds.read()[kind()]["bounds"]["moments"] == {"float32": {"768": 2.0}}
    assert command.main(["--match", "mo|st"]) == 0
    three["moments"] = 2.9
    assert command.main(["--match", "mo|st"]) == 0
    three["moments"] = 3.1
    assert command.main(["--match", "standardize|sum"]) == 0
    assert command.main(["--quick"]) == 1
    assert "too slow: moments 768, float32" in capsys.readouterr().out
    assert command.main(["--record", "--match", "moments"]) == 0
    assert command.main(["--quick"]) == 0


def test_a_run_of_all_writes_pages(three: dict[str, float], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert command.main(["--root", str(tmp_path)]) == 0
    written = {p.relative_to(tmp_path).as_posix(): p for p in tmp_path.rglob("*.*") if p.is_file()}
    images = {FIRST, "docs/img/cliffs-others.svg"}
    assert {"docs/cliffs.md", "docs/develop/performance.md", *images} <= set(written)
    text = written["docs/develop/performance.md"].read_text()
    assert "before" not in text
    assert "| stats.sum 768, float32 | 4.00 | 4.0 µs | 1.0 µs |" in text
    assert text.endswith("<!-- /cliffs -->\n\n## End\n")
    first = {name: written[name].read_bytes() for name in written}
    stored = tmp_path / ".benchmarks" / "cliffs.json"
    assert command.main(["--root", str(tmp_path), "--load", str(stored)]) == 0
    assert first == {name: written[name].read_bytes() for name in written}
    assert command.main(["--load", str(stored), "--record"]) == 0
    assert bounds.read()[kind()]["bounds"]["stats.sum"] == {"float32": {"768": 4.0}}
    stored.write_text(stored.read_text().replace(kind().split()[0], "of-another"))
    with pytest.raises(SystemExit):
        command.main(["--load", str(stored), "--record"])
    for name in images:
        drawn = written[name].read_text()
        for function in three:
            assert (f">{function}<" in drawn) == (FUNCTIONS[function].fine == (name == FIRST))


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("bench.cliffs.crossing.find_spec", lambda name: None)
    wanted = [CELL, Cell("moments", dtype="bfloat16"), Cell("sparse.moments")]
    assert [wanting(cell) for cell in wanted] == ["", "ml_dtypes", "scipy"]
    assert command.measurable(wanted) == [CELL]
    assert "ml_dtypes is not installed" in capsys.readouterr().out


@pytest.fixture
def results() -> Results:
    """Of two cells and a call."""
    figures = [
        Figure(CELL, 40 * US, US, 10 * US),
        Figure(Cell("stats.sum", "where=", 3), 2 * US, US, 3 * US),
        Figure(Cell("stats.sum", length=64, place=CALL), 7 * US, US, 9 * US, US),
    ]
    return Results(MACHINE, 1.0, US, figures)


def test_results_are_stored(results: Results, tmp_path: Path) -> None:
    store(results, tmp_path / "there" / "cliffs.json")
    assert load(tmp_path / "there" / "cliffs.json") == results


def test_tables(results: Results) -> None:
    lines = printed(results)
    assert "above  30 copies: 1 (50%)" in lines
    assert "above 100 copies: 0 (0%)" in lines
    assert any("40.0 copies" in line and str(CELL) in line for line in lines)
    assert any(line.split()[0] == "6.00" for line in lines if line.endswith(", call"))
    text = page(results, ["a.svg", "b.svg"])
    assert "| moments | 1 | 1 | 1 | 1 | 0 | 40 | 40 | 1 |  |" in text
    assert "| stats.sum | 1 | 0 | 0 | 0 | 0 | 2.00 | 2.00 | 0 | 7.00 |" in text
    assert "1 (33%) of cells with such a peer" in text
    assert "X (L2 1 MiB), x86-64-v3 kernels, one thread; cnorm 1." in text
    assert "| all | 2 | 1 (50%) | 1 (50%) | 1 (50%) | 0 (0%) | 21 | 40 |" in section(results, ["a.svg"])


def test_the_pages_are_there() -> None:
    performance = (ROOT / "docs" / "develop" / "performance.md").read_text(encoding="utf-8")
    for mark in command.MARKS:
        assert performance.count(mark) == 1
    text = (ROOT / "docs" / "cliffs.md").read_text(encoding="utf-8")
    assert [name for name in FUNCTIONS if f"| {name} |" not in text] == []
