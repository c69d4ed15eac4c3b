"""Options of the benchmark run, and the machine's description in the result file."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cases import chosen
from bench.machine import cores, describe
from bench.shown import SHOWN


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=2.0, help="for each case, mode and number of threads")
    parser.addoption("--match", default="", help="only cases whose name contains this; | between several")
    parser.addoption("--shown", action="store_true", help="only the cases of the READMEs' table")
    parser.addoption("--threads", default="1,2", help="numbers of threads, with commas between")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        cases = chosen(metafunc.config.getoption("--match"))
        if metafunc.config.getoption("--shown"):
            cases = [case for case in cases if str(case) in SHOWN]
        metafunc.parametrize("case", cases, ids=str, scope="module")
    if "threads" in metafunc.fixturenames:
        wanted = [int(n) for n in metafunc.config.getoption("--threads").split(",")]
        metafunc.parametrize("threads", [n for n in wanted if n <= cores()], ids="{}t".format, scope="module")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    machine_info.clear()
    machine_info.update(describe())
