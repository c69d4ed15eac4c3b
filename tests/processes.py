"""Fresh interpreters for tests of what happens once in a process: import, environment, fork."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter; variables of ours are set as told and absent otherwise."""
    ours = ("CNORM_NUM_THREADS", "CNORM_CPU", "OMP_NUM_THREADS")
    env = {k: v for k, v in os.environ.items() if k not in ours} | environment
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)


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
