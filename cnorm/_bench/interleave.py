"""Times calls in turn, round after round, and turns the times into ratios within a round.

It imports nothing of cnorm: bench/worker.py runs it beside another build.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Call = Callable[[], Any]
Clock = Callable[[], float]
Timer = Callable[[int], float]  # how often to call -> seconds of one call
Summary = dict[str, dict[str, float]]  # name -> what is told of its turns

TURN = 300e-6  # a turn repeats its call until it lasts about this long, in seconds
LONG = 0.1  # a call of so many seconds is believed the first time
PATIENCE = 4  # a turn this many times longer than the base's is left out of some rounds
MOST_REPEATS, MOST_SKIPPED = 2000, 8
FEWEST_ROUNDS, FEWEST_TIMINGS, MOST_ROUNDS = 7, 3, 3000
WARM = 0.016  # seconds, on several threads: those of libgomp spin on for 6 ms, on the core the next one needs


def timer(call: Call, clock: Clock = time.perf_counter, warm: float = 0, before: Call | None = None) -> Timer:
    """Times a call; it runs before, once at least and for `warm` seconds: its time depends on what its
    neighbour left in the cache, and on the neighbour's threads, which may spin on.

    `before` comes before each call instead and is not timed: what it leaves in the caches is what counts.
    """

    def after(repeats: int) -> float:
        spent = 0.0
        for _ in range(repeats):
            before()  # type: ignore[misc]
            start = clock()
            call()
            spent += clock() - start
        return spent / repeats

    def run(repeats: int) -> float:
        start = clock()
        call()
        while clock() - start < warm:
            call()
        start = clock()
        for _ in range(repeats):
            call()
        return (clock() - start) / repeats

    return after if before else run


@dataclass
class Turn:
    """How often a call is repeated in a turn, in which rounds it takes part, and what it took."""

    timer: Timer
    repeats: int = 1
    every: int = 1
    times: dict[int, float] = field(default_factory=dict)  # round -> seconds of one call


def once(timer: Timer) -> float:
    """The shorter of two calls."""
    first = timer(1)
    return first if first > LONG else max(min(first, timer(1)), 1e-9)


def plan(timers: dict[str, Timer], base: str) -> dict[str, Turn]:
    """Repeats short calls and rations long ones, so that the base gets its rounds."""
    single = {name: once(timer) for name, timer in timers.items()}
    repeats = {name: max(1, min(MOST_REPEATS, round(TURN / t))) for name, t in single.items()}
    allowance = PATIENCE * max(single[base] * repeats[base], TURN)
    turns = {}
    for name, timer in timers.items():
        every = round(single[name] * repeats[name] / allowance)
        turns[name] = Turn(timer, repeats[name], max(1, min(MOST_SKIPPED, every)))
    return turns


@contextmanager
def no_collection() -> Iterator[None]:
    """The garbage collector waits."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def interleave(
    timers: dict[str, Timer],
    base: str,
    seconds: float,
    clock: Clock = time.perf_counter,
    seed: int = 0,
) -> dict[str, Turn]:
    """Round robin in a new order each round, until the time is up and everyone was timed enough."""
    turns = plan(timers, base)
    order = random.Random(seed)
    end = clock() + seconds
    with no_collection():
        for number in range(MOST_ROUNDS):
            names = [name for name, turn in turns.items() if number % turn.every == 0]
            order.shuffle(names)
            for name in names:
                turns[name].times[number] = turns[name].timer(turns[name].repeats)
            fewest = min(len(turn.times) for turn in turns.values())
            if number + 1 >= FEWEST_ROUNDS and fewest >= FEWEST_TIMINGS and clock() >= end:
                break
    return turns


def ratios(turns: dict[str, Turn], name: str, base: str) -> list[float]:
    """Time of `name` over the base's in each round both took part in."""
    ours = turns[base].times
    return [seconds / ours[r] for r, seconds in turns[name].times.items() if r in ours]


def summary(turns: dict[str, Turn], base: str) -> Summary:
    """For each name: seconds (median, minimum), ratio to the base (median, lowest), rounds."""
    result = {}
    for name, turn in turns.items():
        seconds, quotients = list(turn.times.values()), ratios(turns, name, base)
        result[name] = {
            "median": statistics.median(seconds),
            "minimum": min(seconds),
            "ratio": statistics.median(quotients),
            "lowest": min(quotients),
            "rounds": len(seconds),
        }
    return result


def compared(
    calls: Mapping[str, Call],
    base: str,
    seconds: float,
    warm: float = 0,
    before: Call | None = None,
    clock: Clock = time.perf_counter,
) -> Summary:
    """The summary of calls that took turns."""
    timers = {name: timer(call, clock, warm, before) for name, call in calls.items()}
    return summary(interleave(timers, base, seconds, clock), base)
