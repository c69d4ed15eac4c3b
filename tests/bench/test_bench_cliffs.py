"""The map of cells: every public function and argument is in it, cells can be called, peers do the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm
from bench.cliffs import measure, scene
from bench.cliffs.cells import CALL, CHANNELS_LAST, COLD, HOT, LAYOUTS, PLACES, Cell
from bench.cliffs.crossing import cells, of, quick, wanting
from bench.cliffs.functions import FUNCTIONS
from bench.cliffs.options import EXCEPTIONS, OPTIONS, OUT, PLAIN, options, tried
from bench.cliffs.peers import PEERS
from bench.cliffs.public import WITHOUT, arguments, functions
from bench.cliffs.scene import Scene

CELLS = cells()


@pytest.fixture
def little(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scenes of few elements."""
    monkeypatch.setattr(scene, "IN_L2", 1 << 16)
    monkeypatch.setattr(scene, "BEYOND_L2", 1 << 16)
    monkeypatch.setattr(measure, "RING", 1 << 18)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def test_every_public_function_has_cells() -> None:
    """Or stands in WITHOUT, with the reason."""
    assert set(functions()) == set(FUNCTIONS)
    assert {cell.function for cell in CELLS} == set(FUNCTIONS)


def test_what_has_none_is_there() -> None:
    for name, reason in WITHOUT.items():
        value: Any = cnorm
        for part in name.split("."):
            value = getattr(value, part)
        assert reason


def test_a_new_function_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnorm.functional, "new_norm", lambda x: x, raising=False)
    monkeypatch.setattr(cnorm.functional, "__all__", [*cnorm.functional.__all__, "new_norm"])
    assert set(functions()) - set(FUNCTIONS) == {"functional.new_norm"}


@sweep(function=FUNCTIONS)
def test_every_argument_is_decided_on(function: str) -> None:
    """Has options, or stands in PLAIN."""
    assert [name for name in arguments(function) if tried(function, name) is None] == []


def test_no_decision_is_left_over() -> None:
    by_function = {name: arguments(name) for name in FUNCTIONS}
    everywhere = {name for names in by_function.values() for name in names}
    plain = [name for names in PLAIN.values() for name in names.split()]
    assert {*OPTIONS, *plain} <= everywhere
    assert set(OPTIONS).isdisjoint(plain)
    for function, known in EXCEPTIONS.items():
        assert set(known) <= set(by_function[function])


def test_cells_differ() -> None:
    assert len(set(map(str, CELLS))) == len(CELLS)
    assert str(Cell("moments", OUT, 3, "float64", "Fortran", 0, COLD)) == (
        "moments 3, float64, out=, Fortran, 0 bytes past a line, cold"
    )


def test_every_axis_is_crossed() -> None:
    """Each function in each place, with its dtypes and options; placed ones in layouts and offsets."""
    for name, function in FUNCTIONS.items():
        own = [cell for cell in CELLS if cell.function == name]
        assert {cell.place for cell in own} == set(PLACES)
        assert {cell.dtype for cell in own} == set(function.dtypes)
        assert {cell.option for cell in own} == {"", *options(name)}
        assert min(cell.length for cell in own) >= function.least
        mapped = function.form in (scene.channels, scene.maps)
        assert len({cell.layout for cell in own}) == (1 if not function.laid else 4 if mapped else 3)
        assert len({cell.offset for cell in own}) == (3 if function.laid else 1)


def test_the_quick_cells_are_few_and_of_every_function() -> None:
    few = [cell for cell in CELLS if quick(cell)]
    assert len(few) < len(CELLS) / 3
    assert {cell.function for cell in few} == set(FUNCTIONS)
    assert {cell.place for cell in few} == {HOT, CALL}


@pytest.mark.thorough
@pytest.mark.usefixtures("little")
@sweep(function=FUNCTIONS)
def test_every_cell_can_be_called(function: str) -> None:
    for cell in of(function, FUNCTIONS[function]):
        if not wanting(cell):
            for call in measure.contenders(cell, peers=False).values():
                call()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("offset", [0, 4, 16])
def test_arrays_are_laid_out_and_placed(layout: str, offset: int) -> None:
    s = Scene(Cell("functional.batch_norm", layout=layout, offset=offset, length=5), scene.channels)
    assert s.x.shape == (s.m // 64, 64, 5)
    assert s.x.ctypes.data % 64 == offset
    order = {"Fortran": (2, 1, 0), CHANNELS_LAST: (0, 2, 1)}.get(layout, (0, 1, 2))
    transposed = s.x.transpose(order)
    assert transposed.strides[-1] == (8 if layout == "every second" else 4)
    assert sorted(transposed.strides, reverse=True) == list(transposed.strides)
    out = s.like(s.x)
    assert out.ctypes.data % 64 == offset
    assert not np.may_share_memory(out, s.x)
    if layout != "every second":
        assert out.strides == s.x.strides


def flat(value: Any) -> Iterator[Any]:
    """The arrays of a result."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from flat(part)
    elif not hasattr(value, "get_params"):  # an estimator that was fitted
        yield np.asarray(value.toarray() if hasattr(value, "toarray") else value)


def same(ours: Any, theirs: Any) -> bool:
    """Equal but for roundings, of a value or to a byte; windows that NumPy lacks are NaN."""
    shape = (..., slice(ours.shape[-1] - theirs.shape[-1], None)) if ours.ndim else ()
    off = 1.0 if ours.dtype == np.int8 else 1e-6
    return np.allclose(ours[shape], theirs, rtol=1e-6, atol=off, equal_nan=True)


@pytest.mark.usefixtures("little")
@sweep(function=PEERS)
def test_peers_do_the_same_job(function: str) -> None:
    """With every option they say they have."""
    for library in ("scipy", "sklearn") if function.startswith(("preprocessing", "sparse")) else ():
        pytest.importorskip(library)
    known = FUNCTIONS[function].dtypes
    base = Cell(function, length=16, dtype="float64" if "float64" in known else "float32")
    for option in ("", *options(function)):
        cell = replace(base, option=option)
        theirs = measure.peer_of(cell, measure.scene_of(cell))
        assert theirs or option
        if theirs:
            ours = measure.call_of(cell, measure.scene_of(cell))
            pairs = zip(flat(ours()), flat(theirs()), strict=True)
            assert all(same(a, b) for a, b in pairs), option


def test_who_has_no_peer() -> None:
    """What NumPy, SciPy and scikit-learn lack, or write in a loop over all positions."""
    alone = set(FUNCTIONS) - set(PEERS)
    states = {f"RunningMoments.{name}" for name in ("update", "normalize", "denormalize")}
    norms = {"functional.switchable_norm", "functional.cross_map_lrn2d"}
    assert alone == {*states, *norms, "rolling_standardize", "ewm_moments"}
