"""What calls on tiny arrays take, every public function by its options: python -m bench.calls."""

from __future__ import annotations

import argparse
import sys
import timeit
from collections.abc import Sequence
from typing import Any

import numpy as np

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
import cnorm.stats as S
from bench.calls_table import BASE, CALLS, MOST
from cnorm import nn


def namespace() -> dict[str, Any]:
    """The modules, arrays of a few elements, and objects that have seen them."""
    plain = arrays()
    return {"cnorm": cnorm, "F": F, "P": P, "S": S, **plain, **mixed(plain), **objects()}


def arrays() -> dict[str, Any]:
    """About 3, so that none is constant or negative on the whole."""
    r = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return (r.standard_normal(shape) + 3).astype(np.float32)

    x, maps, f32 = floats(4, 16), floats(2, 3, 4, 4), np.float32
    return {
        "x": x,
        "y": np.empty_like(x),
        "y4": np.empty(4, f32),
        "other_x": floats(4, 16),
        "positive": np.exp(x),
        "wide": x.astype(np.float64),
        "half": x.astype(np.float16),
        "whole": np.arange(64).reshape(4, 16),
        "mask": x > x.min(0),
        "weights": np.abs(floats(4, 16)),
        "row": floats(16),
        "one_row": floats(1, 16),
        "one": floats(1),
        "c3": floats(3),
        "c4": np.abs(floats(4)),
        "maps": maps,
        "maps_y": np.empty_like(maps),
        "maps_mask": maps > 1.5,
        "mean3": np.zeros(3, f32),
        "var3": np.ones(3, f32),
        "mean4": np.zeros(4, f32),
        "var4": np.ones(4, f32),
        "mix3": np.zeros(3, f32),
        "mix2": np.zeros(2, f32),
        "kernels": floats(4, 3, 3, 3),
        "last": floats(2, 4, 4, 3),
        "tokens": floats(2, 8, 16),
        "lengths": np.array([3, 8]),
        "shown": cnorm.length_mask([3, 8], 8),
        "m3": np.array([0.4, 0.5, 0.6]),
        "s3": np.array([0.2, 0.2, 0.2]),
        "picture": r.integers(0, 255, (8, 8, 3)).astype(np.uint8),
        "chw": np.empty((3, 8, 8), f32),
        "labels": np.array([0, 1, 0, 1]),
        "offsets": np.array([0, 2, 4]),
    }


def mixed(plain: dict[str, Any]) -> dict[str, Any]:
    """The same in other dtypes, and in parts of larger arrays."""
    maps = plain["maps"]
    return {
        "row64": plain["row"].astype(np.float64),
        "zeros64": np.zeros(3),
        "ones64": np.ones(3),
        "half_row": plain["row"].astype(np.float16),
        "half_y4": np.empty(4, np.float16),
        "half_mean3": np.zeros(3, np.float16),
        "half_var3": np.ones(3, np.float16),
        "half_maps": maps.astype(np.float16),
        "half_tokens": plain["tokens"].astype(np.float16),
        "wide_maps": maps.astype(np.float64),
        "some_maps": np.concatenate([maps, maps], 1)[:, :3],
        "part": np.repeat(plain["x"], 2, 1)[:, :16],
        "part_y": np.zeros((4, 32), np.float32)[:, ::2],
    }


def objects() -> dict[str, Any]:
    """Layers as they stand after the constructor, scalers and moments of (4, 16)."""
    x = arrays()["x"]
    return {
        "running": cnorm.RunningMoments(16).update(x),
        "other": cnorm.RunningMoments(16).update(x + 1),
        "standard": P.StandardScaler().fit(x),
        "minmax": P.MinMaxScaler().fit(x),
        "maxabs": P.MaxAbsScaler().fit(x),
        "normalizer": P.Normalizer().fit(x),
        "bn": nn.BatchNorm2d(3).eval(),
        "bn_train": nn.BatchNorm2d(3),
        "ln": nn.LayerNorm(16),
        "gn": nn.GroupNorm(3, 3),
        "inorm": nn.InstanceNorm2d(3),
        "rms": nn.RMSNorm(16),
        "lrn": nn.LocalResponseNorm(5),
        "grn": nn.GlobalResponseNorm(3),
        "sn": nn.SwitchNorm2d(3).eval(),
        "frozen": nn.FrozenBatchNorm2d(3),
    }


def most(call: str) -> float:
    """Multiples of the base that a call may take."""
    group = next(name for name, calls in CALLS.items() if call in calls)
    return MOST.get(call, MOST[group])


def chosen(match: str = "") -> list[str]:
    """The expressions that contain the text."""
    return [call for calls in CALLS.values() for call in calls if match in call]


def measure(calls: Sequence[str], rounds: int = 15, each: float = 1e-3) -> dict[str, float]:
    """The least seconds of each call and of the base, taking turns."""
    names = namespace()
    timers = {call: timeit.Timer(call, globals=names) for call in dict.fromkeys([BASE, *calls])}
    counts = {call: max(1, int(each / max(timer.timeit(3) / 3, 1e-7))) for call, timer in timers.items()}
    least = dict.fromkeys(timers, float("inf"))
    for _ in range(rounds):
        for call, timer in timers.items():
            least[call] = min(least[call], timer.timeit(counts[call]) / counts[call])
    return least


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--match", default="", help="calls that contain this text")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args(arguments)
    least = measure(chosen(options.match), options.rounds)
    base = least.pop(BASE)
    print(f"{base * 1e6:8.2f} us {1:6.1f}  {BASE}")
    for call, seconds in sorted(least.items(), key=lambda item: -item[1]):
        mark = f"  more than {most(call)}" if seconds > most(call) * base else ""
        print(f"{seconds * 1e6:8.2f} us {seconds / base:6.1f}  {call}{mark}")
    return 0


def beyond(calls: Sequence[str], rounds: int = 3, each: float = 2e-4, tries: int = 4) -> dict[str, float]:
    """Multiples of the base that are more than they may be, at every try."""
    found = {}
    for _ in range(tries):
        least = measure(calls, rounds, each)
        base = least[BASE]
        found = {call: least[call] / base for call in calls if least[call] > most(call) * base}
        calls = [*found]
    return found


if __name__ == "__main__":
    sys.exit(main())
