"""The number of threads: what a user sets, what the environment and the system allow, threadpoolctl."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from typing import Any

from cnorm._accept.axes import as_int
from cnorm._native import core
from cnorm._system.version import __version__

__all__ = ["get_num_threads", "lend_team", "set_num_threads", "threads"]

MOST = 256  # CN_MAX_THREADS


def set_num_threads(n: int) -> None:
    """Sets how many threads one call may use.

    Parameters
    ----------
    n : int
        At least 1; more than 256 are 256. Small calls use one thread whatever is set.

    Raises
    ------
    TypeError, ValueError
        `n` is not an int, or below 1.

    Warns
    -----
    RuntimeWarning
        `n` is more than 256.

    See Also
    --------
    threads : For a while.
    get_num_threads : What is set.

    Examples
    --------
    >>> import cnorm
    >>> before = cnorm.get_num_threads()
    >>> cnorm.set_num_threads(1)
    >>> cnorm.get_num_threads()
    1
    >>> cnorm.set_num_threads(before)
    """
    n = as_int(n, "n")
    if n < 1:
        raise ValueError(f"n: expected at least 1 thread, got {n}")
    if n > MOST:
        import warnings

        warnings.warn(f"n: expected at most {MOST} threads, got {n}: a call uses {MOST}", RuntimeWarning, 2)
    core.set_num_threads(min(n, MOST))


def get_num_threads() -> int:
    """How many threads one call may use.

    See Also
    --------
    set_num_threads : Sets it.
    threads : Sets it for a while.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.get_num_threads() >= 1
    True
    """
    return core.get_num_threads()


def lend_team(parallel: int | None) -> bool:
    """Lets calls run on the threads of another library, by the address of its GOMP_parallel; None: no longer.

    False where threads are not cnorm's own: in a build with OpenMP, on Windows.
    """
    import ctypes

    try:
        lend = ctypes.PyDLL(core.__file__).cn_borrow_team
    except AttributeError:
        return False
    lend.argtypes, lend.restype = [ctypes.c_void_p], None
    lend(parallel)
    return True


@contextlib.contextmanager
def threads(n: int) -> Iterator[None]:
    """Context manager: at most `n` threads inside, what was set before afterwards.

    See Also
    --------
    set_num_threads : For good.
    get_num_threads : What is set.

    Examples
    --------
    >>> import cnorm
    >>> with cnorm.threads(1):
    ...     cnorm.get_num_threads()
    1
    """
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        core.set_num_threads(before)


def cgroup_cpus(root: str = "/") -> int | None:
    """CPUs worth of time the process's control groups (version 2) allow it; None: no limit.

    Every group from the process's own up to the root may have a `cpu.max`: microseconds of CPU time, or
    "max", and the period they are counted in.
    """
    try:
        with open(os.path.join(root, "proc/self/cgroup")) as file:
            own = next((line[3:].strip("/\n") for line in file if line.startswith("0::")), "")
    except OSError:
        return None
    top = os.path.join(root, "sys/fs/cgroup")
    names = own.split("/") if own else []
    quotas = []
    for depth in range(len(names) + 1):
        path = os.path.join(top, *names[:depth], "cpu.max")
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            quota, period = file.read().split()
            if quota != "max":
                quotas.append(int(quota) / int(period))
    return max(1, math.ceil(min(quotas))) if quotas else None


def default_threads() -> tuple[int, str]:
    """The number of threads to begin with, and where it came from.

    Raises
    ------
    ImportError
        CNORM_NUM_THREADS is not a positive number.
    """
    asked = os.environ.get("CNORM_NUM_THREADS", "")
    if asked:
        if not asked.strip().isdigit() or int(asked) < 1:
            raise ImportError(f"CNORM_NUM_THREADS: expected a positive number, got {asked!r}")
        return int(asked), "CNORM_NUM_THREADS"
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if asked.isdigit() and int(asked) > 0:  # anything else OpenMP programs ignore too
        return int(asked), "OMP_NUM_THREADS"
    if hasattr(os, "sched_getaffinity"):
        count, source = len(os.sched_getaffinity(0)), "the CPUs this process may run on"
    else:
        count, source = os.cpu_count() or 1, "the CPUs of this machine"
    limit = cgroup_cpus()
    return (limit, "cgroup cpu.max") if limit is not None and limit < count else (count, source)


# What importing cnorm found; the environment may say something else by now.
_at_import: tuple[int, str] = (0, "")


def source_of_threads() -> str:
    """Where the present number of threads came from."""
    number, source = _at_import
    return source if get_num_threads() == number else "set_num_threads"


def register_with_threadpoolctl() -> None:
    """Where threadpoolctl is installed, its limits hold for cnorm too."""
    try:
        from threadpoolctl import LibController, register
    except ImportError:
        return

    class CnormController(LibController):  # type: ignore[misc]
        """The thread count of cnorm, as threadpoolctl sees and sets it."""

        user_api = "cnorm"
        internal_api = "cnorm"
        filename_prefixes = ("core.",)
        check_symbols = ("cn_get_num_threads", "cn_set_num_threads")

        def get_num_threads(self) -> int:
            return core.get_num_threads()

        def set_num_threads(self, num_threads: Any) -> None:
            set_num_threads(min(int(num_threads), MOST))  # a limit of all libraries

        def get_version(self) -> str:
            return __version__

    register(CnormController)


def start() -> None:
    """What importing cnorm does about threads."""
    global _at_import
    number, source = default_threads()
    set_num_threads(number if source == "CNORM_NUM_THREADS" else min(number, MOST))
    _at_import = (get_num_threads(), source)
    register_with_threadpoolctl()
