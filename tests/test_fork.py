"""fork(): a child computes the same bits and ends, whatever ran in the parent."""

from __future__ import annotations

import ctypes.util
import importlib.util
import os
from glob import glob

import pytest
from processes import run

pytestmark = pytest.mark.thorough

if not hasattr(os, "fork"):
    pytest.skip("no fork on this system", allow_module_level=True)

# `right()` computes once more; `forked(n)`: n children, every tenth with a child of its own, all right?
# Whoever hangs dies by its alarm.
START = """
import multiprocessing, os, signal, threading
import numpy as np, cnorm
x = np.random.default_rng(0).standard_normal((2048, 768)).astype(np.float32)
def compute():
    return cnorm.functional.layer_norm(x, (768,)).tobytes()
def right(_=None):
    return compute() == expected
def child(generations):
    pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            os._exit(not (right() and (generations == 1 or child(generations - 1)) and right()))
        finally:
            os._exit(2)
    return os.waitpid(pid, 0)[1] == 0
def forked(n):
    return all(child(2 if i % 10 == 0 else 1) and right() for i in range(n))
cnorm.set_num_threads(1)
expected = compute()
cnorm.set_num_threads(2)
"""


def holds(code: str) -> None:
    """What the code prints is True and nothing else."""
    done = run(START + code)
    assert done.stdout.strip() == "True", done.stdout + done.stderr


def test_children_and_grandchildren() -> None:
    holds("print(right() and forked(100))")


def test_multiprocessing() -> None:
    holds(
        """
with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
    print(right() and pool.map(right, range(100), chunksize=1) == [True] * 100 and right())
"""
    )


def test_while_another_thread_computes() -> None:
    holds(
        """
ended, rights = threading.Event(), []
def work():
    while not ended.is_set():
        rights.append(right())
thread = threading.Thread(target=work)
thread.start()
good = forked(100)
ended.set()
thread.join()
print(good and len(rights) > 0 and all(rights))
"""
    )


USES = {
    "torch": "import torch; torch.nn.functional.layer_norm(torch.ones(2048, 768), (768,))",
    "sklearn": """
from sklearn.metrics import pairwise_distances_argmin_min as nearest
nearest(x[:1000].astype(np.float64), x[:1000].astype(np.float64))
""",
}


@pytest.mark.parametrize("library", USES)
@pytest.mark.parametrize("first", ["library", "cnorm"])
def test_beside_other_libraries(library: str, first: str) -> None:
    """Both have used threads, in either order, when the process forks; the child uses ours."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}")
    use = USES[library]
    if first == "library":
        holds(f"{use}\nprint(right() and forked(20))")
    else:
        holds(f"good = right()\n{use}\nprint(good and forked(20))")


def llvm_openmp() -> str | None:
    names = ("/usr/lib/llvm-*/lib/libomp.so*", "/usr/lib/*/libomp.so*")
    found = ctypes.util.find_library("omp") or ctypes.util.find_library("iomp5")
    return found or next((path for name in names for path in sorted(glob(name))), None)


def test_beside_llvm_openmp() -> None:
    library = llvm_openmp()
    if library is None:
        pytest.skip("needs LLVM's libomp")
    holds(
        f"""
import ctypes
omp = ctypes.CDLL({library!r}, ctypes.RTLD_GLOBAL)
seen = set()
member = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: seen.add(threading.get_ident()))
def region():
    omp.GOMP_parallel(member, None, 2, 0)
region()
good = right() and len(seen) == 2 and forked(20)
region()
print(good and forked(20))
"""
    )
