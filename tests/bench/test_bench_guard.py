"""The guard passes, retries and fails on made-up ratios; its floors name real cases and contenders."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bench import guard
from bench.cases import BY_NAME
from bench.peers import CONTENDERS, MODES

ENTRY = {"case": "a", "threads": 1, "mode": "fresh", "floors": {"copy": 0.5, "torch": 1.0}}


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
    entries = json.loads(guard.FLOORS.read_text())["entries"]
    assert entries
    for entry in entries:
        assert entry["case"] in BY_NAME
        assert entry["mode"] in MODES
        assert set(entry["floors"]) <= set(CONTENDERS)
        assert all(0 < floor < 10 for floor in entry["floors"].values())


def test_it_measures() -> None:
    entry = {
        "case": "layer_norm (8,768)",
        "threads": 1,
        "mode": "fresh",
        "floors": {"numpy": 0.0, "copy": 0.0},
    }
    measured = guard.ratios(entry, 0)
    assert set(measured) == {"numpy", "copy"}
    assert min(measured.values()) > 0
