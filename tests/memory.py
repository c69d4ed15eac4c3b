"""What a call takes of the memory that Python traces."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any


def peak_of(call: Callable[[], Any], times: int = 3) -> int:
    """Bytes, the least of some calls: what other threads take meanwhile, as those of xdist, counts, too."""
    peaks = []
    for _ in range(times):
        tracemalloc.start()
        try:
            call()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)
