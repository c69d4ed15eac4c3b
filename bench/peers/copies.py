"""The limit of the memory: the input copied into an existing array, by one thread and by several."""

from __future__ import annotations

import threading
from functools import partial
from itertools import pairwise

import numpy as np

from bench.cases import Case
from bench.data import Array, Data
from bench.peers import MODES, Calls

SMALLEST = 1 << 18  # bytes; waking a thread costs more than copying less


class Worker:
    """A sleeping daemon thread; np.copyto lets other threads run meanwhile."""

    def __init__(self) -> None:
        self.go, self.done = threading.Lock(), threading.Lock()
        self.go.acquire()
        self.done.acquire()
        self.task: tuple[Array, Array] | None = None
        threading.Thread(target=self.serve, daemon=True).start()

    def start(self, task: tuple[Array, Array]) -> None:
        """Wakes the thread."""
        self.task = task
        self.go.release()

    def wait(self) -> None:
        """Until the part is copied; the arrays are let go."""
        self.done.acquire()
        self.task = None

    def serve(self) -> None:
        """One copy each time it is woken."""
        while True:
            self.go.acquire()
            if self.task is not None:
                np.copyto(*self.task)
            self.done.release()


WORKERS: list[Worker] = []


def parallel_copy(tasks: list[tuple[Array, Array]]) -> None:
    """All parts side by side, the first by this thread."""
    workers = WORKERS[: len(tasks) - 1]
    for worker, task in zip(workers, tasks[1:], strict=True):
        worker.start(task)
    np.copyto(*tasks[0])
    for worker in workers:
        worker.wait()


def in_parts(out: Array, x: Array, parts: int) -> list[tuple[Array, Array]]:
    """Target and source of each part of two arrays that lie in memory alike."""
    target, source = out.ravel(order="K"), x.ravel(order="K")
    bounds = [source.size * i // parts for i in range(parts + 1)]
    return [(target[lo:hi], source[lo:hi]) for lo, hi in pairwise(bounds)]


def serial_calls(case: Case, d: Data, threads: int) -> Calls:
    """np.copyto, for any layout; of pictures the output, which is larger."""
    if case.is_picture:
        return dict.fromkeys(MODES, partial(np.copyto, d.out, np.ones_like(d.out)))
    return dict.fromkeys(MODES, partial(np.copyto, d.out if d.out.dtype == d.x.dtype else d.x.copy(), d.x))


def parallel_calls(case: Case, d: Data, threads: int) -> Calls:
    """For more than one thread, on arrays that are one block of memory and worth it."""
    block = np.shares_memory(d.out.ravel(order="K"), d.out) and d.x.strides == d.out.strides
    if threads == 1 or d.x.nbytes < SMALLEST or not block or case.quantized:
        return {}
    WORKERS.extend(Worker() for _ in range(threads - 1 - len(WORKERS)))
    return dict.fromkeys(MODES, partial(parallel_copy, in_parts(d.out, d.x, threads)))
