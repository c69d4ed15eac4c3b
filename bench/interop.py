"""torch models with and without cnorm, interleaved in one run; single layers by size; threads shared.

Single layers are timed after a product of torch's, as in a model: caches are cold then, and the way from
tensor to array costs twenty times what it does in a loop of its own.

python -m bench.interop [--seconds S] [--threads 1 2] [--cpu] [--sizes [--dtypes float32 ...] | --pools]
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

import cnorm
from bench.tables import compared_row, duration, head, number, row
from bench.torch_models import OwnRMSNorm, models
from cnorm._bench.interleave import Call, Clock, Summary, compared
from cnorm.interop.torch import accelerate

ROWS: list[tuple[int, ...]] = [(rows, 768) for rows in (1, 8, 32, 64, 128, 512, 4096)]
PICTURES: list[tuple[int, ...]] = [(1, 64, side, side) for side in (4, 14, 28, 56, 112, 224)]
LAYERS: dict[str, tuple[Any, list[tuple[int, ...]]]] = {
    "LayerNorm": (nn.LayerNorm(768), ROWS),
    "RMSNorm": (nn.RMSNorm(768), ROWS),
    "a model's own RMSNorm": (OwnRMSNorm(768), ROWS),
    "BatchNorm2d": (nn.BatchNorm2d(64), PICTURES),
    "GroupNorm": (nn.GroupNorm(32, 64), PICTURES),
    "InstanceNorm2d": (nn.InstanceNorm2d(64), PICTURES),
}
DTYPES = ("float32", "float64", "float16", "bfloat16")


def both(model: Any, x: Any, seconds: float, clock: Clock, before: Call | None = None) -> Summary:
    """The summary of a model as it is and accelerated, each time after another call."""
    ours = accelerate(copy.deepcopy(model))
    calls = {"cnorm": lambda: ours(x), "torch": lambda: model(x)}
    with torch.inference_mode():
        assert torch.allclose(ours(x), model(x), rtol=0.05, atol=0.05)
        return compared(calls, "cnorm", seconds, before=before, clock=clock)


def model_rows(threads: int, seconds: float, clock: Clock) -> Iterator[str]:
    """End to end."""
    for name, (model, x) in models().items():
        for layout in ("", ", channels-last") if x.dim() == 4 else ("",):
            if layout:
                model, x = (t.to(memory_format=torch.channels_last) for t in (copy.deepcopy(model), x))
            found = both(model, x, seconds, clock)
            yield compared_row([f"{name}{layout}", str(threads)], found, "torch")


def layer_rows(threads: int, seconds: float, clock: Clock, dtypes: list[str]) -> Iterator[str]:
    """One layer by size, contiguous and channels-last."""
    left, right = torch.randn(256, 768), torch.randn(768, 768)
    for name, (layer, shapes) in LAYERS.items():
        for dtype in dtypes:
            for layout in ("", ", channels-last") if shapes is PICTURES else ("",):
                cells = []
                for shape in shapes:
                    x = torch.randn(shape).to(getattr(torch, dtype))
                    x = x.to(memory_format=torch.channels_last) if layout else x
                    model = copy.deepcopy(layer).eval().to(x.dtype)
                    found = both(model, x, seconds, clock, lambda: left @ right)
                    cells.append(f"{x.numel()}: {number(found['torch']['ratio'])}")
                yield row([f"{name} {dtype}{layout}", str(threads), *cells])


def pool_rows(threads: int, seconds: float, clock: Clock) -> Iterator[str]:
    """A product of torch's and a norm of either, alone and in turns: is one in the other's way?"""
    x, weight = torch.randn(4096, 768), torch.randn(768, 768)  # large enough for cnorm
    plain = nn.LayerNorm(768).eval()
    steps: dict[str, Call] = {"matmul": lambda: x @ weight, "torch": lambda: plain(x)}
    ours = accelerate(copy.deepcopy(plain))
    steps["cnorm"] = lambda: ours(x)

    def times(names: tuple[str, ...]) -> dict[str, list[float]]:
        """Of calls in turn."""
        spent: dict[str, list[float]] = {name: [] for name in names}
        end = clock() + seconds
        while clock() < end:
            for name in names:
                start = clock()
                steps[name]()
                spent[name].append(clock() - start)
        return spent

    for pair in (("matmul", "torch"), ("matmul", "cnorm")):
        with torch.inference_mode():
            alone, together = [times((name,))[name] for name in pair], times(pair)
        for name, own, beside in zip(pair, alone, together.values(), strict=True):
            percentile = sorted(beside)[len(beside) * 99 // 100]
            cells = (duration(t) for t in (statistics.median(own), statistics.median(beside), percentile))
            other = pair[name == "matmul"]
            yield row([f"{name}, beside {other}", str(threads), *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each comparison")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", action="store_true", help="single layers instead of models")
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=DTYPES)
    parser.add_argument("--cpu", action="store_true", help="CPU time, for a busy machine and one thread")
    parser.add_argument("--pools", action="store_true", help="torch's threads and ours in turns")
    options = parser.parse_args()
    clock = time.process_time if options.cpu else time.perf_counter
    by_size = partial(layer_rows, dtypes=options.dtypes)
    rows = by_size if options.sizes else pool_rows if options.pools else model_rows
    if not options.sizes:
        heads = ["call", "threads", "alone", "in turns", "99 %"]
        heads = heads if options.pools else ["model", "threads", "torch", "with cnorm", "torch / with cnorm"]
        print(*head(heads), sep="\n")
    for threads in options.threads:
        cnorm.set_num_threads(threads)
        torch.set_num_threads(threads)
        for line in rows(threads, options.seconds, clock):
            print(line, flush=True)


if __name__ == "__main__":
    main()
