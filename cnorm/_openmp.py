"""Loads the compiled core so that idle OpenMP workers sleep instead of spinning."""

from __future__ import annotations

import os


def load_core() -> None:
    """Imports `cnorm._core` with GOMP_SPINCOUNT=0, unless the user has a say in it.

    libgomp reads the variable once, when it is loaded. Workers that spin take the core NumPy's own
    threads want: normalization between matrix products takes 4 to 10 times as long then.
    """
    spin = "GOMP_SPINCOUNT"
    ours = spin not in os.environ and "OMP_WAIT_POLICY" not in os.environ
    if ours:
        os.environ[spin] = "0"
    try:
        import cnorm._core  # noqa: F401
    finally:
        if ours:
            del os.environ[spin]


load_core()
