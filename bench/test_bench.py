"""pytest-benchmark suite: each case in each mode, all contenders interleaved; the record is in extra_info."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from bench.cases import Case
from bench.measure import BASE, Prepared, measure, prepare
from bench.peers import MODES


@pytest.fixture(scope="module")
def prepared(case: Case, threads: int) -> Iterator[Prepared]:
    """Shared by the modes; the arrays are let go afterwards."""
    yield prepare(case, threads)
    gc.collect()


@pytest.mark.parametrize("mode", MODES)
def test_case(
    benchmark: Any, case: Case, threads: int, mode: str, prepared: Prepared, request: pytest.FixtureRequest
) -> None:
    record = measure(case, threads, mode, prepared, request.config.getoption("--seconds"))
    if record is None:
        pytest.skip("not offered by cnorm")
    benchmark.group = str(case)
    benchmark.extra_info.update(record)
    benchmark.pedantic(prepared.calls[mode][BASE], rounds=5, warmup_rounds=1)
