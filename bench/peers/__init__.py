"""The contenders: each turns a case into calls to time, one for each way of giving the output."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bench.cases import Case
from bench.data import Data
from cnorm._bench.interleave import Call

Calls = dict[str, Call]  # by mode; a mode that is missing is not offered
FRESH, PREALLOCATED = MODES = ("fresh", "preallocated")


class Later:
    """A result in parts that are computed when they are looked at, not when they are timed."""

    def __init__(self, *parts: Callable[[], Any]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[Any]:
        return (part() for part in self.parts)


@dataclass(frozen=True)
class Contender:
    """A library: the module here that calls it, the function in there, and what must be installed.

    fuses: it can add a residual or apply an activation, if only as a step of its own.
    """

    module: str
    packages: tuple[str, ...]
    function: str = "calls"
    fuses: bool = False

    @property
    def installed(self) -> bool:
        """Are its packages there?"""
        return all(installed_version(p) for p in self.packages)

    def calls(self, case: Case, data: Data, threads: int) -> Calls:
        """What to time; empty where the library has no such operation."""
        if case.fused and not self.fuses:
            return {}
        function = getattr(importlib.import_module(f"bench.peers.{self.module}"), self.function)
        made: Calls = function(case, data, threads)
        return made


CONTENDERS: dict[str, Contender] = {
    "cnorm": Contender("ours", (), fuses=True),
    "torch": Contender("torch_peer", ("torch",), fuses=True),
    "onnxruntime": Contender("onnx_peer", ("onnxruntime", "onnx"), fuses=True),
    "openvino": Contender("openvino_peer", ("openvino",)),
    "numpy": Contender("numpy_peer", ("numpy",), fuses=True),
    "numba": Contender("numba_peer", ("numba",), fuses=True),
    "scipy": Contender("few", ("scipy",), "scipy_calls"),
    "sklearn": Contender("few", ("scikit-learn",), "sklearn_calls"),
    "thinc": Contender("few", ("thinc",), "thinc_calls"),
    "bottleneck": Contender("few", ("bottleneck",), "bottleneck_calls"),
    "numbagg": Contender("reductions", ("numbagg",), "numbagg_calls"),
    "pandas": Contender("reductions", ("pandas",), "pandas_calls"),
    "opencv": Contender("pictures", ("opencv-python-headless",), "opencv_calls"),
    "lut": Contender("pictures", ("numpy",), "lut_calls"),
    "copy": Contender("copies", (), "serial_calls", fuses=True),
    "parallel copy": Contender("copies", (), "parallel_calls", fuses=True),
}
LIMITS = ("copy", "parallel copy")
PEERS = tuple(name for name in CONTENDERS if name not in ("cnorm", *LIMITS))


def filling(fill: Callable[[Any], Any], out: Any) -> Calls:
    """Both modes of a function that writes the result into an array."""

    def into(array: Any) -> Any:
        fill(array)
        return array

    return {FRESH: lambda: into(np.empty_like(out)), PREALLOCATED: lambda: into(out)}


def installed_version(package: str) -> str | None:
    """None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def set_threads(n: int, names: tuple[str, ...]) -> None:
    """For those that are told once; the others are told when a call is made."""
    import cnorm

    cnorm.set_num_threads(n)
    if "torch" in names and CONTENDERS["torch"].installed:
        import torch

        torch.set_num_threads(n)
    if "numba" in names and CONTENDERS["numba"].installed:
        import numba

        numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
