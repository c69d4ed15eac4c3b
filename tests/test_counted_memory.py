"""No temporary of the size of the data: holes, weights, integers and the fits of scalers."""

from __future__ import annotations

import sys

import processes
import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/self/status")

TABLE = 50_000_000
CODE = """
import re, tracemalloc
import numpy as np, cnorm
from cnorm.preprocessing import MinMaxScaler, StandardScaler

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024

cnorm.set_num_threads(1)
rng = np.random.default_rng(0)
x = np.zeros(({bytes} // 200, 50), np.float32)
x[:] = rng.standard_normal(50)
x[::7, 3] = np.nan
samples = rng.random((len(x), 1))
floats, counts = np.ones_like(x), np.ones(x.shape, np.int8)
small = np.full(({bytes} // 50, 50), 3, np.int8)
calls = dict(
    omit=lambda: cnorm.moments(x, 0, nan_policy="omit"),
    rows=lambda: cnorm.moments(x, 1, nan_policy="omit"),
    samples=lambda: cnorm.moments(x, 0, weights=samples, nan_policy="omit"),
    floats=lambda: cnorm.moments(x, 0, weights=floats, nan_policy="omit"),
    counts=lambda: cnorm.moments(x, 0, weights=counts, nan_policy="omit"),
    everything=lambda: cnorm.moments(x, weights=samples, nan_policy="omit"),
    turned=lambda: cnorm.moments(x.T, 1, where=np.ones((1, len(x)), bool), nan_policy="omit"),
    int8=lambda: cnorm.moments(small, 0),
    uint8=lambda: cnorm.moments(small.view(np.uint8), None),
    standard=lambda: StandardScaler().fit(x),
    standard_by_samples=lambda: StandardScaler().fit(x, sample_weight=samples[:, 0]),
    minmax=lambda: MinMaxScaler().fit(x),
)
for call in calls.values():
    call()  # what is made once is there before anything is measured
for name, call in calls.items():
    open("/proc/self/clear_refs", "w").write("5")
    before = peak()
    call()
    resident = peak() - before
    tracemalloc.start()
    call()
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(name, resident, traced)
"""


def test_no_temporary() -> None:
    """Each takes less than a hundredth of the table, but for what its rows have as results or weights."""
    done = processes.run(CODE.replace("{bytes}", str(TABLE)))
    assert done.returncode == 0, done.stderr
    rows = TABLE // 200
    allowed = {"rows": rows * 5 * 8 * 3, "turned": 2 * rows}
    too_much = []
    for line in done.stdout.splitlines():
        name, resident, traced = line.split()
        most = max(int(resident), int(traced))
        if most > TABLE // 100 + allowed.get(name, 0):
            too_much.append(line)
    assert too_much == []
