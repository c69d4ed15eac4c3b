"""The command bench: cnorm beside NumPy, and torch and scikit-learn if installed, in turn; then a verdict."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import cnorm
import cnorm.functional as F
from cnorm._accept.arrays import Array
from cnorm._bench.interleave import WARM, Call, compared
from cnorm._system.progress import installed, progress

Calls = dict[str, Call]  # by library, cnorm first, then NumPy, which the others must agree with

OURS = "cnorm"
EPS = 1e-5
AGREES = 1e-3  # of max(1, value): another formula, not another rounding


class Result(NamedTuple):
    """A case: median seconds of cnorm, median ratio of each library, and whose result is not NumPy's."""

    name: str
    seconds: float
    ratios: dict[str, float]
    wrong: tuple[str, ...]


def formula(x: Array, axes: Any, w: Any = 1, b: Any = 0) -> Array:
    """A norm as one writes it in NumPy."""
    y: Array = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS) * w + b
    return y


def rows(n: int, width: int, torch: Any) -> Iterator[tuple[str, Calls]]:
    """LayerNorm and RMSNorm of tokens."""
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (n, width)).astype(np.float32)
    w, b = rng.uniform(0.5, 1.5, (2, width)).astype(np.float32)
    layer: Calls = {
        "cnorm": lambda: F.layer_norm(x, (width,), w, b, EPS),
        "NumPy": lambda: formula(x, -1, w, b),
    }
    rms: Calls = {
        "cnorm": lambda: F.rms_norm(x, (width,), w, EPS),
        "NumPy": lambda: x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w,
    }
    if torch:
        T, t, u, v = torch.nn.functional, *map(torch.from_numpy, (x, w, b))
        layer["torch"] = lambda: T.layer_norm(t, (width,), u, v, EPS)
        rms["torch"] = lambda: T.rms_norm(t, (width,), u, EPS)
    yield f"layer_norm ({n}, {width})", layer
    yield f"rms_norm ({n}, {width})", rms


def pictures(n: int, channels: int, side: int, torch: Any) -> Iterator[tuple[str, Calls]]:
    """BatchNorm in training and in use, InstanceNorm, GroupNorm; (N, C, H, W)."""
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (n, channels, side, side)).astype(np.float32)
    w, b, mean, var = rng.uniform(0.5, 1.5, (4, channels)).astype(np.float32)
    wide = [p[:, None, None] for p in (w, b, mean, var)]
    groups = channels // 2
    ours: dict[str, Callable[..., Any]] = {
        "batch_norm, training": lambda f, x, w, b, *_: f.batch_norm(x, None, None, w, b, True),
        "batch_norm, in use": lambda f, x, w, b, m, v: f.batch_norm(x, m, v, w, b),
        "instance_norm": lambda f, x, w, b, *_: f.instance_norm(x, weight=w, bias=b),
        f"group_norm, {groups} groups": lambda f, x, w, b, *_: f.group_norm(x, groups, w, b),
    }
    plain: list[Call] = [
        lambda: formula(x, (0, 2, 3), *wide[:2]),
        lambda: (x - wide[2]) / np.sqrt(wide[3] + EPS) * wide[0] + wide[1],
        lambda: formula(x, (2, 3), *wide[:2]),
        lambda: formula(x.reshape(n, groups, -1), 2).reshape(x.shape) * wide[0] + wide[1],
    ]
    for (name, call), numpy_form in zip(ours.items(), plain, strict=True):
        calls: Calls = {"cnorm": partial(call, F, x, w, b, mean, var), "NumPy": numpy_form}
        if torch:
            tensors = map(torch.from_numpy, (x, w, b, mean, var))
            calls["torch"] = partial(call, torch.nn.functional, *tensors)
        yield f"{name} {x.shape}", calls


def tables(n: int, width: int, torch: Any, sklearn: Any) -> Iterator[tuple[str, Calls]]:
    """Moments and scalers of a table, and the scaler of a single row."""
    from cnorm.preprocessing import MinMaxScaler, StandardScaler

    x = np.random.default_rng(0).normal(3, 2, (n, width))
    moments: Calls = {
        "cnorm": lambda: cnorm.moments(x, 0),
        "NumPy": lambda: (x.mean(0), x.var(0)),
    }
    if torch:
        t = torch.from_numpy(x)
        moments["torch"] = lambda: torch.var_mean(t, 0, correction=0)[::-1]
    yield f"moments {x.shape} axis 0", moments
    mean, std = x.mean(0), x.std(0)
    scaler, row = StandardScaler().fit(x), x[:1]
    cases: dict[str, Calls] = {
        f"StandardScaler {x.shape}": {
            "cnorm": lambda: StandardScaler().fit_transform(x),
            "NumPy": lambda: (x - x.mean(0)) / x.std(0),
        },
        f"MinMaxScaler {x.shape}": {
            "cnorm": lambda: MinMaxScaler().fit_transform(x),
            "NumPy": lambda: (x - x.min(0)) / (x.max(0) - x.min(0)),
        },
        f"StandardScaler, one row {row.shape}": {
            "cnorm": lambda: scaler.transform(row),
            "NumPy": lambda: (row - mean) / std,
        },
    }
    if sklearn:
        theirs = sklearn.StandardScaler().fit(x)
        forms: tuple[Call, ...] = (
            lambda: sklearn.StandardScaler().fit_transform(x),
            lambda: sklearn.MinMaxScaler().fit_transform(x),
            lambda: theirs.transform(row),
        )
        for calls, form in zip(cases.values(), forms, strict=True):
            calls["scikit-learn"] = form
    yield from cases.items()


def cases(share: float = 1.0) -> list[tuple[str, Calls]]:
    """What is compared; `share` of the rows, samples and pixels."""
    torch, sklearn = installed("torch"), installed("sklearn.preprocessing")

    def part(n: int) -> int:
        return max(2, round(n * share))

    return [
        next(rows(1, 768, torch)),
        *rows(part(2048), 768, torch),
        *pictures(part(16), 64, part(56), torch),
        *tables(part(50_000), 20, torch, sklearn),
    ]


def agree(result: Any, expected: Any) -> bool:
    """The same values, but for roundings."""
    if isinstance(expected, tuple):
        return all(agree(a, b) for a, b in zip(result, expected, strict=True))
    a, b = (np.asarray(r, np.float64) for r in (result, expected))
    return a.shape == b.shape and bool((abs(a - b) <= AGREES * np.maximum(1, abs(b))).all())


def compare(name: str, calls: Calls, seconds: float, warm: float = 0.0) -> Result:
    """The medians of a case; a library whose result is not NumPy's is not timed."""
    expected = calls["NumPy"]()
    wrong = tuple(who for who, call in calls.items() if not agree(call(), expected))
    if OURS in wrong:
        return Result(name, math.nan, {}, wrong)
    right = {who: call for who, call in calls.items() if who not in wrong}
    times = compared(right, OURS, seconds, warm)
    ours = times.pop(OURS)
    return Result(name, ours["median"], {who: t["ratio"] for who, t in times.items()}, wrong)


@contextmanager
def equal_terms(n_threads: int) -> Iterator[None]:
    """As many threads for all who have some; no bookkeeping for gradients."""
    torch = installed("torch")
    with cnorm.threads(n_threads):
        if torch is None:
            yield
            return
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            with torch.inference_mode():
                yield
        finally:
            torch.set_num_threads(before)


def table(results: list[Result]) -> list[str]:
    """A line for each case, a column for each library."""
    names = list(dict.fromkeys(name for r in results for name in (*r.ratios, *r.wrong)))
    lines = [f"{'':44}{'cnorm':>12}" + "".join(f"{name:>14}" for name in names)]
    for r in results:
        cells = ("wrong" if n in r.wrong else f"{r.ratios[n]:.2f}" if n in r.ratios else "" for n in names)
        lines.append(f"{r.name:44}{r.seconds * 1e6:9.1f} us" + "".join(f"{cell:>14}" for cell in cells))
    return [line.rstrip() for line in lines]


def verdict(results: list[Result]) -> list[str]:
    """How much faster than each library, and where not."""
    by_library: dict[str, list[float]] = {}
    for name, ratio in ((n, q) for r in results for n, q in r.ratios.items()):
        by_library.setdefault(name, []).append(ratio)
    lines = [
        f"cnorm is {math.exp(statistics.mean(map(math.log, found))):.1f} times as fast as {name}"
        f" (geometric mean of {len(found)} cases, {min(found):.2f} to {max(found):.1f})"
        for name, found in by_library.items()
    ]
    slower = [f"{n} at {r.name}: {q:.2f}" for r in results for n, q in r.ratios.items() if q < 1]
    lines += ["slower than " + "; ".join(slower)] if slower else []
    wrong = [f"{n} at {r.name}" for r in results for n in r.wrong]
    return lines + (["another result than NumPy's: " + "; ".join(wrong)] if wrong else [])


def bench(seconds: float = 10.0, n_threads: int = 1, share: float = 1.0) -> int:
    """Measures and prints; 0 unless a result of cnorm is wrong."""
    results = []
    with equal_terms(n_threads):
        todo = cases(share)
        with progress(len(todo)) as at:
            for name, calls in todo:
                at(name)
                results.append(compare(name, calls, seconds / len(todo), warm=WARM if n_threads > 1 else 0.0))
    print("Time of each library over cnorm's: above 1, cnorm is faster. Medians of interleaved rounds,")
    many = f"{n_threads} threads (NumPy and scikit-learn: as they are)" if n_threads > 1 else "1 thread"
    print(f"new outputs, {many}; `make bench` in the source tree has more.\n")
    print(*table(results), "", *verdict(results), sep="\n")
    return int(any(OURS in result.wrong for result in results))
