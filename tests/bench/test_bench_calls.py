"""The list of small calls: every public function is there, none takes more than it may."""

from __future__ import annotations

import os
import re
import sys
from types import ModuleType

import pytest

import cnorm
import cnorm.functional
import cnorm.nn
import cnorm.preprocessing
import cnorm.stats
from bench import calls

# Submodules and settings.
OTHERS = {
    *("functional", "nn", "preprocessing", "sparse", "stats", "__version__", "threads", "show_config"),
    *("get_include", "ufuncs"),  # a ufunc's calls are NumPy's
    *(f"{verb}_{what}" for verb in ("get", "set") for what in ("num_threads", "output_cache")),
}


@pytest.mark.parametrize(
    "module", [cnorm, cnorm.functional, cnorm.preprocessing, cnorm.stats], ids=lambda m: m.__name__
)
def test_every_public_function_is_listed(module: ModuleType) -> None:
    listed = set(re.findall(r"\b\w+", " ".join(calls.chosen())))
    assert set(module.__all__) - OTHERS <= listed


def test_every_group_has_a_bound() -> None:
    assert set(calls.CALLS) <= set(calls.MOST)
    assert set(calls.MOST) <= {*calls.CALLS, *calls.chosen()}


def test_every_call_runs() -> None:
    names = calls.namespace()
    for call in calls.chosen():
        eval(call, names)


@pytest.mark.thorough
@pytest.mark.skipif(
    "PYTEST_XDIST_WORKER" in os.environ or sys.gettrace() is not None,
    reason="needs a process alone, without coverage, which slows Python and not C (.ci/run ends with it)",
)
def test_no_call_takes_more_than_it_may() -> None:
    """Ratios in one run; what is beyond its bound is tried again."""
    assert calls.beyond(calls.chosen()) == {}


def test_a_slow_call_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calls.MOST, "moments", 0.01)
    found = calls.beyond(["cnorm.moments(x)", "F.rms_norm(x, (16,), row)"], tries=2)
    assert [*found] == ["cnorm.moments(x)"]
