"""Bottleneck's own tests of its reductions and moving windows, run on ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

from cnorm import stats

bn = pytest.importorskip("bottleneck")
pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.thorough]

FILES = ("reduce_test", "input_modification_test", "list_input_test", "scalar_input_test", "move_test")
OURS = {name: getattr(stats, name) for name in stats.__all__ if hasattr(bn, name)}


def functions(kind: str) -> list[Any]:
    """What their tests are parametrized with: what we have of a kind, of others nothing."""
    moves = [function for name, function in OURS.items() if name.startswith("move_")]
    reductions = [function for name, function in OURS.items() if not name.startswith("move_")]
    return {"reduce": reductions, "move": moves, "all": reductions + moves}.get(kind, [])


PATCHES = {**OURS, "get_functions": functions}


def their_tests(file: str) -> ModuleType:
    """A file of bottleneck/tests, imported while the names stand for our functions."""
    original = importlib.util.find_spec(f"bottleneck.tests.{file}")
    if original is None or original.origin is None:
        pytest.skip("Bottleneck came without its tests", allow_module_level=True)
    spec = importlib.util.spec_from_file_location(f"bottleneck.tests.ours_{file}", original.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(bn, **PATCHES):
        spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def ours() -> Iterator[None]:
    """Their bodies say `bn.nanmax`."""
    with mock.patch.multiple(bn, **PATCHES):
        yield


MODULES = {file: their_tests(file) for file in FILES}
their_arrays = MODULES["reduce_test"].arrays
# The input that is left out: float16, which gives float32 here; for windows what is byte-swapped, which
# theirs leave so.
MODULES["reduce_test"].arrays = lambda name: (a for a in their_arrays(name) if a.dtype != np.float16)
MODULES["move_test"].arrays = lambda name: (
    a for a in their_arrays(name) if a.dtype != np.float16 and a.dtype.isnative
)
SELECTED = {
    f"{name}_of_{file}": function
    for file, module in MODULES.items()
    for name, function in vars(module).items()
    if name.startswith("test_")
}
globals().update(SELECTED)


def test_selection() -> None:
    """The files are the ones we think they are."""
    assert len(SELECTED) > 10
    assert set(OURS) >= {
        "nansum",
        "nanmean",
        "nanvar",
        "nanstd",
        "nanmin",
        "nanmax",
        "ss",
        "anynan",
        "allnan",
        "move_sum",
        "move_mean",
        "move_var",
        "move_std",
        "move_min",
        "move_max",
        "move_argmin",
        "move_argmax",
    }
