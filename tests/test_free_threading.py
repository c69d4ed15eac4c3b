"""Python threads at the same time: the same bits as one alone, and the GIL stays off where it can be."""

from __future__ import annotations

import sysconfig
import threading
from collections.abc import Callable

import numpy as np
import pytest
from operations import OPERATIONS
from processes import run
from reference import DTYPES
from strategies import fill

import cnorm

WORKERS = 8

free_threaded = pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this interpreter always has the GIL"
)


def at_once(work: Callable[[int], None]) -> None:
    """work(0) ... work(7), each in a thread, from one moment on; the first exception is raised."""
    barrier, problems = threading.Barrier(WORKERS), []

    def begin(i: int) -> None:
        try:
            barrier.wait(60)
            work(i)
        except BaseException as problem:
            problems.append(problem)

    workers = [threading.Thread(target=begin, args=(i,)) for i in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if problems:
        raise problems[0]


@free_threaded
def test_import_leaves_the_gil_off() -> None:
    code = (
        "import sys, warnings; warnings.simplefilter('error')\n"
        "import cnorm, cnorm.nn, cnorm.preprocessing, numpy as np\n"
        "cnorm.functional.layer_norm(np.eye(4), (4,)); print(sys._is_gil_enabled())"
    )
    done = run(code)
    assert done.stdout.strip() == "False", done.stderr


@pytest.mark.parametrize("shape", [(2, 4, 3, 5), (8, 16, 48, 65)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_operations_on_shared_arrays(dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
    x = fill(shape, dtype, 1)

    def call(number: int) -> bytes:
        operation = OPERATIONS[number % len(OPERATIONS)]
        p = operation.parameters(shape, np.float32, np.random.default_rng(number))
        return operation.call(x, **p).tobytes()

    alone = [call(number) for number in range(len(OPERATIONS))]

    def work(i: int) -> None:
        for number in range(len(OPERATIONS)):
            number = (number + 2 * i) % len(OPERATIONS)
            assert call(number) == alone[number], OPERATIONS[number]

    at_once(work)


def test_a_shared_layer() -> None:
    layer = cnorm.nn.BatchNorm2d(16)
    x = fill((8, 16, 33, 40), np.dtype(np.float32), 2)
    layer(x)
    layer.eval()
    alone = layer(x)

    def work(i: int) -> None:
        for _ in range(20):
            assert np.array_equal(layer(x), alone)

    at_once(work)


def test_the_number_of_threads_changes_meanwhile() -> None:
    x = fill((64, 16, 33, 40), np.dtype(np.float32), 3)
    alone = cnorm.standardize(x, (0, 2, 3))
    before = cnorm.get_num_threads()

    def work(i: int) -> None:
        for n in range(1, 5):
            cnorm.set_num_threads(n)
            assert np.array_equal(cnorm.standardize(x, (0, 2, 3)), alone)

    try:
        at_once(work)
    finally:
        cnorm.set_num_threads(before)


def test_the_first_calls_of_a_process() -> None:
    """What is looked up once (bfloat16, the helpers, lazy modules) is looked up by eight at once."""
    pytest.importorskip("ml_dtypes")
    code = (
        "import threading, ml_dtypes, numpy as np, cnorm, cnorm.functional as F\n"
        "x = np.arange(600 * 1024).reshape(600, 1024).astype(ml_dtypes.bfloat16)\n"
        "barrier, results = threading.Barrier(8), []\n"
        "def work():\n"
        "    barrier.wait(60)\n"
        "    y = F.layer_norm(x, (1024,)), cnorm.nn.RMSNorm(1024)(x), cnorm.preprocessing.scale(x)\n"
        "    results.append(tuple(a.tobytes() for a in y))\n"
        "workers = [threading.Thread(target=work) for _ in range(8)]\n"
        "[w.start() for w in workers]; [w.join() for w in workers]\n"
        "print(len(results), len(set(results)))"
    )
    done = run(code, CNORM_NUM_THREADS="4")
    assert done.stdout.split() == ["8", "1"], done.stderr
