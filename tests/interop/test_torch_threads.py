"""Threads lent by torch's OpenMP: the same bits, other callers, forked children, other runtimes."""

from __future__ import annotations

import sys

import pytest
from processes import run

pytest.importorskip("torch")
if sys.platform != "linux":
    pytest.skip("torch's runtime is another elsewhere", allow_module_level=True)

START = """
import os, signal, threading
import numpy as np, torch
import cnorm, cnorm.functional as F
from cnorm.interop import _torch_threads as _threads
x = np.random.default_rng(0).standard_normal((1024, 768)).astype(np.float32)
with cnorm.threads(1):
    expected = F.layer_norm(x, (768,))
torch.set_num_threads(3)
cnorm.set_num_threads(4)
t, w = torch.randn(512, 512), torch.randn(512, 512)
def right():
    return (t @ w).shape == (512, 512) and np.array_equal(F.layer_norm(x, (768,)), expected)
def threads():
    return len(os.listdir("/proc/self/task"))
pool = cnorm._native.core.info()["team"] == "pool"
lent = _threads.share_threads()
assert lent == pool, (lent, pool)
"""


def holds(code: str) -> None:
    done = run(START + code)
    assert done.stdout.strip() == "True", done.stdout + done.stderr


def test_in_turns_on_one_pool() -> None:
    """No thread is added to torch's."""
    holds("""
t @ w
before = threads()
good = all(right() for _ in range(50))
print(good and threads() == before)
""")


def test_several_callers() -> None:
    holds("""
results = []
callers = [threading.Thread(target=lambda: results.extend(right() for _ in range(20))) for _ in range(4)]
for thread in callers: thread.start()
for thread in callers: thread.join()
print(results == [True] * 80)
""")


def test_a_forked_child_has_its_own_pool() -> None:
    """torch's own product would hang there."""
    holds("""
good = right()
for _ in range(20):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        os._exit(not np.array_equal(F.layer_norm(x, (768,)), expected))
    good &= os.waitpid(child, 0)[1] == 0 and right()
print(good)
""")


def test_without_such_a_runtime() -> None:
    holds("""
_threads.torch = type("torch", (), {"__file__": "/nowhere/torch/__init__.py"})
print(_threads.share_threads() is False)
""")
