"""Fresh interpreters for tests of what happens once in a process: import, environment, fork."""

from __future__ import annotations

import os
import subprocess
import sys


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter; variables of ours are set as told and absent otherwise."""
    ours = ("CNORM_NUM_THREADS", "CNORM_CPU", "OMP_NUM_THREADS")
    env = {k: v for k, v in os.environ.items() if k not in ours} | environment
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300)
