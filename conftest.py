"""Doctests of modules that can be imported here; the whole suite on every core, and once more thinly."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

PASSED = "cnorm/passed"  # in pytest's cache: the tests that passed in the last run of everything
ROOT = Path(__file__).parent
NEEDED = {"cnorm", "numpy", *sys.stdlib_module_names}


def lacks(module: str) -> str | None:
    """The library that a module of ours wants and that is not installed; None for any other error or none."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        missing = getattr(first, "name", None) or ""
        optional = missing.partition(".")[0] not in NEEDED
        return missing if isinstance(first, ModuleNotFoundError) and optional else None
    except Exception:
        return None  # collecting the module says more
    return None


def pytest_make_collect_report(collector: pytest.Collector) -> pytest.CollectReport | None:
    """Skips the doctests of a module for want of a library, as pytest.importorskip does with tests."""
    if not isinstance(collector, DoctestModule) or not collector.path.is_relative_to(ROOT / "cnorm"):
        return None
    parts = collector.path.relative_to(ROOT).with_suffix("").parts
    missing = lacks(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    if missing is None:
        return None
    why = (str(collector.path), 1, f"Skipped: no module named {missing!r}")
    return pytest.CollectReport(collector.nodeid, "skipped", why, [])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thin",
        action="store_true",
        help="of each test that passed in the last run of everything only its first and last parameters",
    )


def is_everything(config: pytest.Config) -> bool:
    """Was pytest given nothing that chooses tests?"""
    option = config.option
    chosen = option.collectonly or option.markexpr or option.keyword or option.thin
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at its options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """A run of everything takes every core, if pytest-xdist is there; what is named runs here, at once."""
    worker = hasattr(config, "workerinput")  # one of pytest-xdist's own, which must start no more
    if worker or not is_everything(config):
        return
    if config.pluginmanager.hasplugin("cacheprovider"):
        config.pluginmanager.register(Recorder(config))
    if getattr(config.option, "numprocesses", 0) is None and not config.option.usepdb:  # no -n was given
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        config.option.numprocesses = min(cores, 8)
        config.option.dist = "worksteal"


class Recorder:
    """Keeps the names of the tests that pass."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.passed = config, set[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.passed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.config.cache.set(PASSED, sorted(self.passed))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thinly, where more can run than could then: what did not pass, and a try of what did."""
    if not config.option.thin:
        return
    passed = set(config.cache.get(PASSED, []))
    ends: dict[str, list[pytest.Item]] = {}
    for item in items:
        ends.setdefault(item.nodeid.partition("[")[0], [item])[1:] = [item]
    left_out = passed - {item.nodeid for pair in ends.values() for item in pair}
    again = [item for item in items if item.nodeid in left_out]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item.nodeid not in left_out]
