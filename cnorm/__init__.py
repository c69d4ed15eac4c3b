"""cnorm: CPU normalization for NumPy arrays."""

from __future__ import annotations

from cnorm import _threads, functional, nn, preprocessing
from cnorm._config import show_config
from cnorm._moments import moments, standardize
from cnorm._threads import get_num_threads, set_num_threads, threads
from cnorm._version import __version__

__all__ = [
    "__version__",
    "functional",
    "get_num_threads",
    "moments",
    "nn",
    "preprocessing",
    "set_num_threads",
    "show_config",
    "standardize",
    "threads",
]

_threads.start()
