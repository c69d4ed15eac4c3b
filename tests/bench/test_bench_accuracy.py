"""The accuracy page: exact values are exact, and tables and charts come from records."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import cnorm
from bench.accuracy import measure, tables, windows
from bench.accuracy.__main__ import write
from bench.accuracy.measure import Record
from bench.machine import describe
from bench.report import BEGIN, END, ROOT

INF = float("inf")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """Small groups of every layout and of two dtypes, and made-up ones of another size."""
    found = []
    for layout in measure.LAYOUTS:
        for dtype in ("float16", "float32"):
            found += measure.records_of(dtype, layout, measure.USUAL_SIZE, measure.USUAL_RATIO)
    for quantity in tables.TITLES:
        found.append(
            Record(quantity, "float32", "rows", 64, measure.USUAL_RATIO, {"cnorm": 2.0, "numpy": INF})
        )
    return found


@pytest.mark.parametrize("ratio", [0.0, 1e3, 1e8])
def test_exact_moments(ratio: float) -> None:
    x = np.random.default_rng(0).standard_normal((2, 50)) + ratio
    difference, var = measure.exact_moments(x, (1,))
    for i in range(2):
        values = [Fraction(float(v)) for v in x[i]]
        mean = sum(values) / 50
        true = sum((v - mean) ** 2 for v in values) / 50
        assert abs(Fraction(float(var[i, 0])) / true - 1) < 2.0**-52
        worst = max(abs(Fraction(float(d)) - (v - mean)) for d, v in zip(difference[i], values, strict=True))
        assert worst < 2.0**-50


def test_records(records: list[Record]) -> None:
    """cnorm is measured everywhere, within the bound; nobody is more exact than rounding."""
    for r in records[:-2]:
        assert r.errors["cnorm"] <= 20
        assert {"cnorm", "numpy"} <= r.errors.keys()
        if r.quantity == "value":
            assert min(r.errors.values()) == r.errors[measure.ROUNDED]


def test_errors_are_measured_in_eps() -> None:
    expected = np.array([1.0, 2.0])
    assert measure.largest(np.array([1, 2 + 2.0**-22]), expected, measure.eps_of("float32")) == 2
    assert measure.largest(expected * (1 + 2.0**-10), expected, measure.eps_of("float16"), relative=True) == 1
    assert measure.largest(np.array([1, np.nan]), expected, 1.0) == INF
    assert measure.eps_of("bfloat16") == 2.0**-7


def test_numbers() -> None:
    shown = [tables.number(v) for v in (None, 0.01, 1.234, 999.9, 12345.0, 5e9, INF)]
    assert shown == ["", "<0.1", "1.2", "999.9", "1e4", "5e9", "lost"]
    assert [tables.power(r) for r in (1.0, 1000.0, 1e4, 1e8)] == ["1", "1000", "1e4", "1e8"]


def test_digits() -> None:
    def of(error: float) -> str:
        return tables.digits(Record("value", "float32", "rows", 1024, 1.0, {"cnorm": error}), "cnorm")

    assert [of(e) for e in (0.0, 1.0, 10.0, 1e6, 1e9, INF)] == ["7.2", "6.9", "5.9", "0.9", "none", "none"]
    assert tables.digits(Record("value", "float32", "rows", 1, 1.0), "cnorm") == ""


def test_the_page_is_written(records: list[Record], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "docs" / "develop").mkdir(parents=True)
    page = tmp_path / "docs" / "accuracy.md"
    page.write_text(f"# Accuracy\n\nderived\n{BEGIN}\nold\n{END}\n\n## Sources\n", encoding="utf-8")
    machine = describe()
    write(records, machine, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Accuracy\n\nderived\n")
    assert text.endswith("\n\n## Sources\n")
    assert "\nold\n" not in text
    assert machine["cpu"] in text
    assert re.search(r"^\| 100 \| [67]\.\d \|", text, re.M)  # digits that cnorm kept
    numbers = (tmp_path / "docs" / "develop" / "accuracy.md").read_text(encoding="utf-8")
    assert "| float32 | 64 | 2.0 |" in numbers
    assert "lost" in numbers
    assert machine["cpu"] in numbers
    linked = {line.split("img/")[1][:-1] for line in text.splitlines() if line.startswith("![")}
    drawn = {path.name for path in (tmp_path / "docs" / "img").iterdir()}
    assert drawn == linked


def test_missing_peers_are_named(records: list[Record], monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(measure.CONTENDERS["torch"], packages=("no-such-package",))
    monkeypatch.setitem(measure.CONTENDERS, "torch", absent)
    text = tables.document(records, describe())
    missing = re.search(r"Not installed: ([^.]*)\.", text.replace("\n", " "))
    assert missing is not None
    assert "torch" in missing[1].split(", ")
    assert "torch" not in measure.variances(np.ones((2, 2), np.float32), (1,))


def test_the_page_of_the_project() -> None:
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    for name in measure.NAMES:
        assert name in text
    for line in text.splitlines():
        if line.startswith("!["):
            assert (ROOT / "docs" / line.split("](")[1][:-1]).is_file()


def test_hard_series_stand_beside_pandas() -> None:
    """The page has each series that is hard for running sums; there pandas loses digits."""
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    lines = page.partition(windows.MARKS[0])[2].partition(windows.MARKS[1])[0].strip().splitlines()
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [r[0] for r in rows] == list(windows.HARD)
    found = {r[0]: dict(zip(head[1:], r[1:], strict=True)) for r in rows}
    for name, cells in found.items():
        assert float(cells["cnorm: mean"]) <= 1e-14, name
        assert float(cells["cnorm: variance"]) <= 1e-11, name
    lost = [name for name, cells in found.items() if float(cells["pandas: variance"]) > 1e-11]
    assert {"1e9 + sin, then sin", "noise about 1e8", "steps of 1e7"} <= set(lost)


def test_the_table_of_windows_is_what_is_measured() -> None:
    """Ours and pandas' errors of one series, anew: the same as on the page."""
    pytest.importorskip("bottleneck")
    pytest.importorskip("pandas")
    assert windows.errors(np.full(200, 0.1), cnorm.rolling_moments(np.full(200, 0.1), windows.WINDOW))[1] == 0
    page = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    ours = [[cell.strip() for cell in line.strip("|").split("|")][:3] for line in windows.table()[2:]]
    printed = [line for line in page.splitlines() if line.startswith("| ")]
    for name, *errors in ours:
        (line,) = [p for p in printed if p.startswith(f"| {name} |")]
        shown = [cell.strip() for cell in line.strip("|").split("|")][1:3]
        for now, then in zip(errors, shown, strict=True):
            assert float(now) <= 3 * float(then), (name, now, then)
