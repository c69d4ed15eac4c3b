"""cnorm: CPU normalization for NumPy arrays."""

from __future__ import annotations

# _openmp comes first: it loads the core all others import.
from cnorm import _openmp, functional, nn, preprocessing
from cnorm._config import get_num_threads, read_environment, set_num_threads, show_config, threads
from cnorm._moments import moments, standardize
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

del _openmp
read_environment()
