"""cnorm: CPU normalization for NumPy arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnorm import functional
from cnorm._accept.masks import length_mask
from cnorm._image import image_normalize
from cnorm._stats.decayed import ewm_moments
from cnorm._stats.groups import group_moments, group_standardize, segment_moments, segment_standardize
from cnorm._stats.moments import moments, standardize
from cnorm._stats.pool import mean_pool
from cnorm._stats.running import RunningMoments
from cnorm._stats.windows import rolling_moments, rolling_standardize
from cnorm._system.c_api import C_API, get_include
from cnorm._system.config import show_config
from cnorm._system.memory import get_output_cache, set_output_cache
from cnorm._system.memory import start as _start_memory
from cnorm._system.threads import get_num_threads, set_num_threads, threads
from cnorm._system.threads import start as _start_threads
from cnorm._system.version import __version__

if TYPE_CHECKING:
    from cnorm import nn, preprocessing, sparse, stats, ufuncs

__all__ = [
    "RunningMoments",
    "__version__",
    "ewm_moments",
    "functional",
    "get_include",
    "get_num_threads",
    "get_output_cache",
    "group_moments",
    "group_standardize",
    "image_normalize",
    "length_mask",
    "mean_pool",
    "moments",
    "nn",
    "preprocessing",
    "rolling_moments",
    "rolling_standardize",
    "segment_moments",
    "segment_standardize",
    "set_num_threads",
    "set_output_cache",
    "show_config",
    "sparse",
    "standardize",
    "stats",
    "threads",
    "ufuncs",
]

# Imported on first use.
SUBMODULES = ("interop", "nn", "preprocessing", "sparse", "stats", "ufuncs")


def __getattr__(name: str) -> Any:
    if name not in SUBMODULES:
        from cnorm._system.hints import no_attribute

        raise no_attribute(__name__, name)
    return import_module(f"{__name__}.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *SUBMODULES})


_C_API = C_API  # what import_cnorm of cnorm_api.h looks for
_start_threads()
_start_memory()
