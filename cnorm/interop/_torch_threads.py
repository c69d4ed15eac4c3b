"""One pool for two: cnorm's parallel calls run on the threads torch's OpenMP keeps ready."""

from __future__ import annotations

import ctypes
from pathlib import Path

from cnorm._system.threads import lend_team
from cnorm.interop._torch_layers import torch


def share_threads() -> bool:
    """Lends cnorm the team of the OpenMP runtime torch is linked to; False where one of the two is missing.

    Between two operations of torch its workers spin, for milliseconds, where a helper thread of cnorm's would
    run. A child of fork() goes back to cnorm's own pool.
    """
    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
        parallel = ctypes.cast(library.GOMP_parallel, ctypes.c_void_p)
    except (AttributeError, OSError):  # another system, no OpenMP
        return False
    return lend_team(parallel.value)
