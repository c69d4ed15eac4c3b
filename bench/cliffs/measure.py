"""Times one cell: the call, a copy of its array and the peer, in turn."""

from __future__ import annotations

import ctypes
import itertools
import sys
import time
import warnings
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

import cnorm.functional as F
from bench.cliffs.cells import CALL, COLD, HOT, Cell
from bench.cliffs.functions import FUNCTIONS, Keywords
from bench.cliffs.options import OUT, options
from bench.cliffs.peers import PEERS
from bench.cliffs.scene import Scene
from bench.peers import set_threads
from cnorm._bench.interleave import Call, compared

OURS, COPY, PEER, ROWS = "cnorm", "copy", "peer", "rows"
SECONDS = 0.05  # for a cell
RING = 64 << 20  # bytes a cold call walks over before it meets its arrays again: more than caches hold
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt


class Figure(NamedTuple):
    """Seconds of each in a cell, the least of all rounds; `rows`: of one row of 64 among many."""

    cell: Cell
    call: float
    copy: float
    peer: float | None = None
    rows: float | None = None

    @property
    def copies(self) -> float:
        """The call's time over a copy's."""
        return self.call / self.copy

    @property
    def against(self) -> float | None:
        """The peer's time over the call's: below 1, the peer is faster."""
        return self.peer / self.call if self.peer else None

    @property
    def beside(self) -> float:
        """Seconds of a call beside its kernel."""
        return self.call - (self.rows or 0)


def keywords(cell: Cell, s: Scene) -> Keywords:
    """Those of the option; the scene may change with it."""
    return options(cell.function)[cell.option](s) if cell.option else {}


def call_of(cell: Cell, s: Scene) -> Call:
    """cnorm's."""
    build, given = FUNCTIONS[cell.function].build, keywords(cell, s)
    if cell.option == OUT:
        result = build(s, {})()
        given = {"out": s.like(result[0] if isinstance(result, tuple) else result)}
    return build(s, given)


def copy_of(cell: Cell, s: Scene) -> Call:
    """Of the same bytes, from the same layout to that of a result."""
    x = FUNCTIONS[cell.function].copied(s)
    y = s.like(x)
    return lambda: np.copyto(y, x)


def peer_of(cell: Cell, s: Scene) -> Call | None:
    """The same job by another, if it can."""
    if cell.option == OUT or cell.place == COLD or cell.function not in PEERS:
        return None
    try:
        call = PEERS[cell.function](s, keywords(cell, s))
        if call:
            call()
    except (TypeError, ValueError, ImportError):  # of the dtype, or not installed
        return None
    return call


def scene_of(cell: Cell) -> Scene:
    """On new arrays."""
    return Scene(cell, FUNCTIONS[cell.function].form)


def contenders(cell: Cell, peers: bool = True) -> dict[str, Call]:
    """What takes turns in a cell."""
    s = scene_of(cell)
    made: dict[str, Call | None] = {OURS: call_of(cell, s), COPY: copy_of(cell, s)}
    if peers:
        made[PEER] = peer_of(cell, s)
    if cell.place == CALL:
        many = replace(cell, place=HOT)
        made[ROWS] = call_of(many, scene_of(many))
    return {name: call for name, call in made.items() if call}


def walking(cell: Cell) -> dict[str, Call]:
    """The same calls on one set of arrays after another: each finds arrays that have left the caches."""
    count = RING // (2 * scene_of(cell).x.nbytes) + 1
    sets = [contenders(cell, peers=False) for _ in range(count)]
    turn = itertools.cycle(sets)  # one for both, or one would find what the other has just fetched

    def next_of(name: str) -> Call:
        return lambda: next(turn)[name]()

    return {name: next_of(name) for name in sets[0]}


def least(calls: dict[str, Call], seconds: float) -> dict[str, float]:
    """Seconds of each, the least of all rounds, by the clock of this thread: it stands while others run."""
    found = compared(calls, OURS, seconds, clock=time.thread_time)
    return {name: of["minimum"] for name, of in found.items()}


def measure(cell: Cell, seconds: float = SECONDS, peers: bool = True) -> Figure:
    """Least times of interleaved rounds, on new arrays."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        calls = walking(cell) if cell.place == COLD else contenders(cell, peers)
        found = least(calls, seconds)
    rows = found[ROWS] / scene_of(replace(cell, place=HOT)).m if ROWS in found else None
    return Figure(cell, found[OURS], found[COPY], found.get(PEER), rows)


def smallest_call() -> float:
    """Seconds of a call by the short way whose kernel has next to nothing to do."""
    x = np.ones((1, 1), np.float32)
    return least({OURS: partial(F.layer_norm, x, (1,))}, SECONDS)[OURS]


def prepare() -> None:
    """One thread; malloc gives nothing back, or new outputs would wait for pages now and then."""
    set_threads(1, (OURS,))
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):  # glibc
            for parameter in (TRIM_THRESHOLD, MMAP_THRESHOLD):
                library.mallopt(parameter, 1 << 30)
