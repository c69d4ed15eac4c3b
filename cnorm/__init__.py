"""cnorm: CPU normalization for NumPy arrays."""

from __future__ import annotations

from cnorm import _outputs, _threads, functional, nn, preprocessing
from cnorm._config import show_config
from cnorm._moments import moments, standardize
from cnorm._outputs import get_output_cache, set_output_cache
from cnorm._threads import get_num_threads, set_num_threads, threads
from cnorm._version import __version__

__all__ = [
    "__version__",
    "functional",
    "get_num_threads",
    "get_output_cache",
    "moments",
    "nn",
    "preprocessing",
    "set_num_threads",
    "set_output_cache",
    "show_config",
    "standardize",
    "threads",
]

_threads.start()
_outputs.start()
