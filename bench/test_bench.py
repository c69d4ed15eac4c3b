"""pytest-benchmark suite: every case with every peer, grouped by case."""

from __future__ import annotations

from typing import Any

import pytest

from bench.agreement import agrees
from bench.cases import CASES, Case, make, reference
from bench.peers import PEERS, installed, set_threads


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_case(benchmark: Any, case: Case, peer: str) -> None:
    if not installed(peer):
        pytest.skip(f"{peer} is not installed")
    set_threads(1)
    data = make(case)
    run = PEERS[peer][1](case, data)
    if run is None:
        pytest.skip(f"{peer} has no such operation")
    assert agrees(run(), reference(case, data), case.dtype)
    benchmark.group = str(case)
    benchmark.extra_info["bytes"] = 2 * data.x.nbytes
    benchmark(run)
