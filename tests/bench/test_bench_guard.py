"""The guard passes, retries, fails, records by made-up ratios; its floors name real cases and contenders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import guard
from bench.cases import BY_NAME
from bench.machine import kind
from bench.peers import CONTENDERS, FRESH, MODES

ENTRY = guard.Entry("a", FRESH, {"copy": 0.5, "torch": 1.0})


def sequence(*measured: guard.Ratios) -> Callable[[guard.Entry], guard.Ratios]:
    """Measures these, one after another."""
    left = list(measured)
    return lambda entry: left.pop(0)


@pytest.mark.parametrize(
    ("measured", "expected", "tries"),
    [
        ([{"copy": 0.6, "torch": 1.5}], True, 1),
        ([{"copy": 0.5, "torch": 1.0}], True, 1),
        ([{"copy": 0.6, "torch": 0.9}, {"copy": 0.6, "torch": 1.1}], True, 2),
        ([{"copy": 0.4, "torch": 1.5}, {"copy": 0.4, "torch": 1.5}], False, 2),
        ([{"copy": 0.6}], True, 1),
    ],
)
def test_passes(measured: list[guard.Ratios], expected: bool, tries: int) -> None:
    said: list[str] = []
    assert guard.passes(ENTRY, sequence(*measured), said.append) == expected
    assert len(said) == tries
    assert ("too slow" in said[-1]) == (not expected)


def test_all_entries_are_tried_although_one_fails() -> None:
    said: list[str] = []
    bad, good = {"copy": 0.1}, {"copy": 1.0}
    assert not guard.run([ENTRY, ENTRY], sequence(bad, bad, good), said.append)
    assert len(said) == 3
    assert guard.run([ENTRY], sequence(good), said.append)


def test_floors_name_what_there_is() -> None:
    entries = {str(entry): entry for entry in guard.ENTRIES}
    assert len(entries) == len(guard.ENTRIES)
    for entry in guard.ENTRIES:
        assert entry.case in BY_NAME
        assert entry.mode in MODES
        assert set(entry.floors) <= set(CONTENDERS)
    for recorded in json.loads(guard.RECORDED.read_text()).values():
        assert set(recorded["floors"]) <= set(entries)
        for name, floors in recorded["floors"].items():
            assert set(floors) <= set(entries[name].floors)
            assert min(floors.values()) > 0


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry."""
    monkeypatch.setattr(guard, "ENTRIES", (ENTRY,))


@pytest.mark.usefixtures("alone")
def test_floors_are_a_share_of_the_lowest_ratio() -> None:
    said: list[str] = []
    measured = sequence(
        {"copy": 1.0, "torch": 3.0}, {"copy": 0.9, "torch": 3.004}, {"copy": 2.0, "torch": 5.0}
    )
    found = guard.record(3, {}, measured, said.append)
    assert found["floors"] == {"a, fresh, 1t": {"copy": 0.63, "torch": 2.1}}
    assert len(said) == 3
    assert set(found) == {"cpu", "date", "versions", "floors"}


@pytest.mark.usefixtures("alone")
def test_recording_again_lowers_floors_and_raises_none() -> None:
    before = {"a, fresh, 1t": {"copy": 0.5, "torch": 2.5}}
    found = guard.record(1, before, sequence({"copy": 1.0, "torch": 3.0}), lambda line: None)
    assert found["floors"] == {"a, fresh, 1t": {"copy": 0.5, "torch": 2.1}}
    found = guard.record(1, before, sequence({"copy": 1.0}), lambda line: None)
    assert found["floors"] == before


@pytest.mark.usefixtures("alone")
def test_another_kind_of_cpu_is_held_to_the_floors_of_the_table() -> None:
    recorded = {"v4 AMD": {"floors": {"a, fresh, 1t": {"copy": 0.7}}}}
    assert guard.held_to(recorded, "v3 AMD") == [ENTRY]
    assert guard.held_to(recorded, "v4 AMD")[0].floors == {"copy": 0.7, "torch": 1.0}


@pytest.mark.usefixtures("alone")
def test_what_is_recorded_is_what_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"another kind": {"floors": {}}}
    monkeypatch.setattr(guard, "RECORDED", tmp_path / "guard.json")
    guard.RECORDED.write_text(json.dumps(other))
    monkeypatch.setattr(guard, "ratios", lambda entry: {"copy": 1.0, "torch": 3.0})
    assert guard.main(["--record", "--times", "2"]) == 0
    stored = json.loads(guard.RECORDED.read_text())
    assert stored == other | {kind(): stored[kind()]}
    assert guard.main([]) == 0
    monkeypatch.setattr(guard, "ratios", lambda entry: {"copy": 0.69, "torch": 3.0})
    assert guard.main([]) == 1
    assert "copy 0.69 (floor 0.7)" in capsys.readouterr().out


def test_the_kind_of_a_cpu(tmp_path: Path) -> None:
    cores = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: X\n\nvendor_id\t: B\n"
    (tmp_path / "x86").write_text(cores)
    (tmp_path / "arm").write_text("processor : 0\nCPU implementer : 0x41\nCPU part : 0xd40\n")
    isa = kind().split()[0]
    assert kind(tmp_path / "x86") == f"{isa} GenuineIntel 6 143"
    assert kind(tmp_path / "arm") == f"{isa} 0x41 0xd40"
    assert kind(tmp_path / "none").startswith(f"{isa} ")


def test_it_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "SECONDS", 0.0)
    measured = guard.ratios(guard.Entry("layer_norm (8,768)", FRESH, {"numpy": 0.0, "copy": 0.0}))
    assert set(measured) == {"numpy", "copy"}
    assert min(measured.values()) > 0
