"""Rounds, rations and ratios, with a clock that the calls themselves move."""

from __future__ import annotations

import gc

from cnorm._bench import interleave as il


class Clock:
    """Time passes only in calls."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, *seconds: float) -> il.Call:
        """Takes these durations in turn."""
        state = {"n": 0}

        def run() -> None:
            self.now += seconds[state["n"] % len(seconds)]
            state["n"] += 1
            self.log.append(name)

        return run

    def turns(self, budget: float, **seconds: float) -> dict[str, il.Turn]:
        """Interleaved calls of constant duration; the first is the base."""
        timers = {name: il.timer(self.call(name, s), self) for name, s in seconds.items()}
        return il.interleave(timers, next(iter(seconds)), budget, self)


def test_a_call_is_warmed_up_and_repeated() -> None:
    clock = Clock()
    assert il.timer(clock.call("a", 1, 2, 3), clock)(2) == 2.5
    assert clock.log == ["a"] * 3
    assert il.timer(clock.call("b", 5, 4), clock)(1) == 4
    assert clock.log[3:] == ["b"] * 2


def test_a_call_is_warmed_up_for_a_time() -> None:
    clock = Clock()
    assert il.timer(clock.call("a", 1, 2, 3, 7), clock, warm=6)(1) == 7
    assert il.timer(clock.call("b", 5, 4), clock, warm=4)(1) == 4


def test_what_comes_before_is_not_timed() -> None:
    clock = Clock()
    assert il.timer(clock.call("a", 1, 2, 3), clock, before=clock.call("b", 100))(2) == 1.5
    assert clock.log == ["b", "a"] * 2


def test_repeats_fill_a_turn() -> None:
    clock = Clock()
    turns = clock.turns(0.0, ours=il.TURN / 10, slow=5 * il.TURN, instant=0.0)
    assert turns["ours"].repeats == 10
    assert turns["slow"].repeats == 1
    assert turns["instant"].repeats == il.MOST_REPEATS


def test_a_long_call_is_estimated_once() -> None:
    clock = Clock()
    il.plan(
        {"short": il.timer(clock.call("s", 0.01), clock), "long": il.timer(clock.call("l", 1), clock)},
        "short",
    )
    assert clock.log == ["s"] * 4 + ["l"] * 2


def test_a_much_slower_peer_sits_out_most_rounds() -> None:
    turns = Clock().turns(10.0, ours=0.01, peer=0.02, slow=0.24, slowest=100.0)
    assert turns["peer"].every == 1
    assert turns["slow"].every == 6
    assert turns["slowest"].every == il.MOST_SKIPPED
    assert len(turns["ours"].times) > len(turns["slow"].times) >= il.FEWEST_TIMINGS


def test_everyone_is_timed_enough_whatever_the_budget() -> None:
    turns = Clock().turns(0.0, ours=0.01, slow=100.0)
    assert len(turns["ours"].times) >= il.FEWEST_ROUNDS
    assert len(turns["slow"].times) == il.FEWEST_TIMINGS


def test_the_budget_ends_a_run() -> None:
    clock = Clock()
    turns = clock.turns(1.0, ours=0.01, peer=0.01)
    assert len(turns["ours"].times) == 25
    assert len(Clock().turns(1e9, ours=0.01).keys()) == 1


def test_neighbours_change() -> None:
    clock = Clock()
    clock.turns(5.0, a=0.01, b=0.01, c=0.01)
    log = clock.log[::2]  # each is warmed up
    rounds = [tuple(log[i : i + 3]) for i in range(6, len(log), 3)]
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len(set(rounds)) == 6


def test_ratios_are_taken_within_rounds() -> None:
    """A machine that is twice as slow for a while does not change them."""
    turns = {
        "ours": il.Turn(lambda _: 0.0, times={0: 1.0, 1: 2.0, 2: 1.0}),
        "peer": il.Turn(lambda _: 0.0, times={0: 3.0, 1: 6.0}),
    }
    assert il.ratios(turns, "peer", "ours") == [3, 3]
    found = il.summary(turns, "ours")
    assert found["ours"] == {"median": 1, "minimum": 1, "ratio": 1, "lowest": 1, "rounds": 3}
    assert found["peer"] == {"median": 4.5, "minimum": 3, "ratio": 3, "lowest": 3, "rounds": 2}


def test_compared() -> None:
    log: list[str] = []
    found = il.compared({name: lambda name=name: log.append(name) for name in "ab"}, "a", 0.0)  # type: ignore[misc]
    assert set(log) == set(found) == {"a", "b"}
    assert found["a"]["ratio"] == 1
    assert found["a"]["rounds"] >= il.FEWEST_ROUNDS
    assert found["b"]["rounds"] >= il.FEWEST_TIMINGS


def test_the_collector_comes_back() -> None:
    with il.no_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
