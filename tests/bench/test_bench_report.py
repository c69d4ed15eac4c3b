"""The report renders from a stored result file of made-up numbers."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from bench import results as res
from bench import tables
from bench.cases import BY_NAME
from bench.machine import describe
from bench.report import BEGIN, END, READMES, ROOT, replaced, write, write_readmes
from bench.shown import CHINESE, ENGLISH, SHOWN, Words, short

STORED = Path(__file__).parent / "stored.json"
README = f"# cnorm\n\n{BEGIN}\nold\n{END}\n\n## License\n"


@pytest.fixture
def results() -> res.Results:
    return res.load([STORED])


def test_records_follow_the_table_of_cases(results: res.Results) -> None:
    assert [r["operation"] for r in results.select(1, "fresh")] == ["layer_norm", "layer_norm", "moments"]
    assert results.threads == [1, 2]


def test_later_files_replace_earlier_ones(tmp_path: Path) -> None:
    stored = json.loads(STORED.read_text())
    stored["benchmarks"] = stored["benchmarks"][:1]
    record = stored["benchmarks"][0]["extra_info"]
    record["times"]["torch"]["ratio"] = 123.0
    later = tmp_path / "later.json"
    later.write_text(json.dumps(stored))
    merged = res.load([STORED, later])
    assert len(merged.records) == len(res.load([STORED]).records)
    assert [res.ratio(r, "torch") for r in merged.records].count(123) == 1
    stored["machine_info"]["cpu"] = "another"
    later.write_text(json.dumps(stored))
    with pytest.raises(SystemExit, match="another machine"):
        res.load([STORED, later])


def test_what_is_read_off_a_record(results: res.Results) -> None:
    one, two = results.select(1, "fresh")[1], results.select(2, "fresh")[0]
    assert res.fastest_peer(one) == ("numba", 0.8)
    assert res.fastest_ratio(one) == 0.8
    assert res.limit(one) == 0.5
    assert res.limit(two) == 0.4
    assert res.ratio(one, "thinc") is None
    assert res.fastest_peer({"times": {}}) is None
    assert res.limit({"times": {}}) is None
    assert res.geometric_mean([2, None, 8]) == pytest.approx(4)
    assert res.geometric_mean([None]) is None


def test_numbers() -> None:
    assert [tables.number(v) for v in (None, 0.5, 9.99, 12.3)] == ["", "0.50", "9.99", "12"]
    assert [tables.duration(s) for s in (1.5e-6, 0.25)] == ["1.5 µs", "250.00 ms"]


def test_tables_are_well_formed(results: res.Results) -> None:
    for text in (
        tables.document(results, ["size-1"]),
        *(short(results, "a.png", w) for w in (ENGLISH, CHINESE)),
    ):
        lines = text.splitlines()
        for i, line in enumerate(lines):
            if line.startswith("|---"):
                columns = line.count("|")
                block = [lines[i - 1], line]
                for row in lines[i + 1 :]:
                    if not row.startswith("|"):
                        break
                    block.append(row)
                assert {row.count("|") for row in block} == {columns}
        assert "Imaginary CPU" in text
        assert "torch 2.13.0" in text
    assert "Not installed: scipy, thinc." in tables.document(results, [])
    assert "bottleneck, error 0.03" in tables.document(results, [])


@pytest.mark.parametrize("words", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_short_table_has_a_line_for_each_case_shown(results: res.Results, words: Words) -> None:
    """Without numbers where the run left it out."""
    lines = short(results, "a.png", words).splitlines()
    names = [names[words.place] for names in SHOWN.values()]
    assert [line.split(" | ")[0] for line in lines[-len(SHOWN) :]] == [f"| {name}" for name in names]
    measured = [line for line in lines[-len(SHOWN) :] if "µs" in line or "ms" in line]
    ran = ("layer_norm (1,768)", "layer_norm (2048,768)", "moments (4096,4096) axes (0,1)")
    call, hot, moments = (SHOWN[name][words.place] for name in ran)
    assert measured == [
        f"| {call} | (1, 768) | 1.0 µs | 15 | 3.00 | 1.50 Numba |",
        f"| {hot} | (2048, 768) | 500.0 µs | 4.00 | 1.00 | 0.80 Numba |",
        f"| {moments} | (4096, 4096) | 5.00 ms | 6.00 | 20 | 6.00 NumPy |",
    ]


def test_the_readmes_show_the_same_cases() -> None:
    assert [name for name in BY_NAME if name in SHOWN] == list(SHOWN)
    numbers = []
    for name, words in READMES.items():
        part = (ROOT / name).read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
        rows = part.splitlines()[-len(SHOWN) :]
        assert [row.split(" | ")[0] for row in rows] == [f"| {n[words.place]}" for n in SHOWN.values()]
        assert all(" | ".join(row.split(" | ")[1:]).count("|") == 5 for row in rows)
        numbers.append([row.split(" | ")[1:] for row in rows])
    assert numbers[0] == numbers[1]


def test_readme_part_is_replaced() -> None:
    assert replaced(README, "new") == README.replace("old", "new")
    assert all((ROOT / name).read_text(encoding="utf-8").count(BEGIN) == 1 for name in READMES)


def test_everything_is_written(results: res.Results, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in READMES:
        (tmp_path / name).write_text(README, encoding="utf-8")
    write_readmes(results, tmp_path)
    for name in READMES:
        assert "(docs/img/readme.png)" in (tmp_path / name).read_text(encoding="utf-8")
    write(results, tmp_path)
    images = {p.name for p in (tmp_path / "docs" / "img").iterdir()}
    assert {"readme.png", "readme.svg", "overview.svg", "size-1.svg"} <= images
    document = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(img/(.*?)\)", document))
    assert linked | {"readme.png"} == images


def test_charts_are_the_same_each_time(results: res.Results, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from bench import charts

    for name, draw in itertools.product(("a.svg", "b.svg"), (charts.overview, charts.readme)):
        charts.save(draw(results), tmp_path / f"{draw.__name__}-{name}")
    for kind in ("overview", "readme"):
        assert (tmp_path / f"{kind}-a.svg").read_bytes() == (tmp_path / f"{kind}-b.svg").read_bytes()


def test_machine() -> None:
    facts = describe()
    assert facts["cores"] >= 1
    assert {"cnorm", "Python", "numpy"} <= set(facts["versions"])
    assert not set(facts["absent"]) & set(facts["versions"])
