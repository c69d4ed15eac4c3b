"""A call as a package has it and with cnorm: timed in turn, compared with float64; no example by itself."""

from __future__ import annotations

import ast
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import cnorm
from cnorm._bench.interleave import compared

SECONDS = 1.0
# Of the process, which stands while others have the core; Windows' moves by 16 ms.
CLOCK = time.perf_counter if sys.platform == "win32" else time.process_time


@dataclass(frozen=True)
class Adoption:
    """What a package computes of some arrays, by itself and by cnorm.

    `exact` is the result in float64; None: what the package computes when it is given float64. A package that
    is not installed is one whose formula the example holds.
    """

    package: str
    call: str
    today: Callable[..., Any]
    ours: Callable[..., Any]
    arrays: Callable[[], tuple[Any, ...]]
    exact: Callable[..., Any] | None = None


def parts(result: Any) -> list[Any]:
    """Results of any kind as wide arrays: tuples, tensors, frames, sparse matrices."""
    if isinstance(result, (tuple, list)):
        return [part for one in result for part in parts(one)]
    dense = result.toarray() if hasattr(result, "toarray") else result
    return [np.asarray(dense.double() if hasattr(dense, "double") else dense).astype(np.longdouble)]


def difference(result: Any, other: Any, exact: Any) -> float:
    """The largest of two results, over max(1, what is exact)."""
    largest = 0.0
    for a, b, scale in zip(parts(result), parts(other), parts(exact), strict=True):
        assert a.shape == b.shape == scale.shape, f"expected shape {scale.shape}, got {a.shape} and {b.shape}"
        assert np.array_equal(np.isnan(a), np.isnan(b)), "NaN in other places"
        apart = np.abs(a - b) / np.maximum(1, np.abs(scale))
        largest = max(largest, float(np.max(apart[~np.isnan(apart)], initial=0)))
    return largest


def widened(x: Any) -> Any:
    """Floats as float64, float64 as long double: of arrays, sparse matrices and tensors."""
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    if kind == "f":
        return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)
    return x.double() if kind is None and getattr(x, "is_floating_point", bool)() else x


def new_lines(source: str) -> int:
    """Lines of an example that stand for cnorm: imports, what uses them at the top, the body of `ours`."""

    def found() -> Iterator[ast.stmt]:
        names = set[str]()
        for node in ast.parse(source).body:
            module = getattr(node, "module", None) or ""
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                ours = [a for a in node.names if (module or a.name).split(".")[0] == "cnorm"]
                names |= {(a.asname or a.name).split(".")[0] for a in ours}
                yield from [node] if ours else []
            elif isinstance(node, ast.FunctionDef):
                yield from node.body if node.name == "ours" else []
            elif names & {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
                yield node

    return sum((node.end_lineno or 0) - node.lineno + 1 for node in found())


def installed(package: str) -> str:
    """Its version, or nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def described(x: Any) -> str:
    """Shape and dtype."""
    dtype = getattr(x, "dtype", None) or x.to_numpy().dtype
    return f"{tuple(x.shape)} {str(dtype).removeprefix('torch.')}"


def measured(adoption: Adoption, seconds: float) -> dict[str, Any]:
    """Processor times, each the least of rounds in which both took turns; differences; where and what."""
    arrays = adoption.arrays()
    today, ours = adoption.today(*arrays), adoption.ours(*arrays)
    exact = (adoption.exact or adoption.today)(*map(widened, arrays))
    calls = {name: partial(getattr(adoption, name), *arrays) for name in ("today", "ours")}
    found = compared(calls, "ours", seconds, clock=CLOCK)
    return {
        "package": adoption.package,
        "version": installed(adoption.package),
        "call": adoption.call,
        "arrays": described(arrays[0]),
        "seconds": {name: found[name]["minimum"] for name in calls},
        "difference": difference(ours, today, exact),
        "errors": {"today": difference(today, exact, exact), "ours": difference(ours, exact, exact)},
        "lines": new_lines(Path(sys.argv[0]).read_text(encoding="utf-8")),
    }


def show(adoption: Adoption) -> None:
    """Prints it, on one thread: for people, or as JSON with --json; --quick for a test."""
    cnorm.set_num_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    record = measured(adoption, 0.01 if "--quick" in sys.argv else SECONDS)
    if "--json" in sys.argv:
        print(json.dumps(record))
        return
    today, ours = (f"{seconds * 1e6:.1f} µs" for seconds in record["seconds"].values())
    print(f"{adoption.package} {record['version']}, {adoption.call}, {record['arrays']}")
    print(f"today {today}, with cnorm {ours}; difference {record['difference']:.1g},", end=" ")
    print("from float64 {today:.1g} and {ours:.1g}".format(**record["errors"]))
