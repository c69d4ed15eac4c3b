"""Doctests of modules that can be imported here; the whole suite on every core."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule

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


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at its options
def pytest_cmdline_main(config: pytest.Config) -> None:
    """A run of everything takes every core, if pytest-xdist is there; what is named runs here, at once."""
    option, everything = config.option, config.args_source is pytest.Config.ArgsSource.TESTPATHS
    worker = hasattr(config, "workerinput")  # one of pytest-xdist's own, which must start no more
    if worker or not everything or option.collectonly or option.usepdb or option.markexpr:
        return
    if getattr(option, "numprocesses", 0) is None:  # no -n was given
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        option.numprocesses = min(cores, 8)
        option.dist = "worksteal"
