"""Fresh interpreters for what happens once in a process: import, environment, instruction set, fork."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cnorm._native import core


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter; variables of ours are set as told and absent otherwise."""
    ours = ("CNORM_NUM_THREADS", "CNORM_CPU", "OMP_NUM_THREADS")
    env = {k: v for k, v in os.environ.items() if k not in ours} | environment
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)


def instruction_sets(available: bool = True) -> list[str]:
    """Those that this CPU has, or lacks, the best first."""
    return [isa["name"] for isa in core.info()["isas"] if isa["available"] is available]


def bits_of_all_sets(function: Callable[[], dict[str, str]]) -> dict[str, set[str]]:
    """Of each case: the digests that a test module's function gave in a process of each instruction set."""
    module, name = function.__module__, function.__name__
    code = f"""import json, {module} as m
from cnorm._native import core
print(json.dumps([core.info()["isa"], m.{name}()]))"""
    found: dict[str, set[str]] = {}
    for i, isa in enumerate(instruction_sets()):
        done = run(code, CNORM_CPU=isa)
        assert done.returncode == 0, done.stderr
        chosen, bits = json.loads(done.stdout)
        assert chosen == isa
        found = found if i else {case: set() for case in bits}
        assert found.keys() == bits.keys()
        for case, digest_ in bits.items():
            found[case].add(digest_)
    return found


def digest(*arrays: Any) -> str:
    """Of every bit, in the order of the indices."""
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def shared_library(folder: Path, code: str) -> str:
    """C code compiled for ctypes or LD_PRELOAD; the test is skipped where that cannot be."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("a sanitizer is preloaded")
    source, library = folder / "planted.c", folder / "planted.so"
    source.write_text(code)
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return str(library)
