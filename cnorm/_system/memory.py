"""How much memory of freed results is kept for the next ones."""

from __future__ import annotations

import os

from cnorm._accept.axes import as_int
from cnorm._native import kept

__all__ = ["get_output_cache", "set_output_cache"]

_VARIABLE = "CNORM_OUTPUT_CACHE"
_MOST = 256 * 2**20


def set_output_cache(limit: int) -> None:
    """Sets how many bytes of freed results are kept for the next ones.

    A large new array costs a page fault for every 4 KiB (or 2 MiB) that is written for the first time, often
    more than the normalization itself. When a result of at least 1 MiB that cnorm has made is freed (64 KiB
    where a call has several), its memory is kept, and the next result of about that size gets it. Arrays made
    by anyone else are not concerned, nor are programs that set a NumPy memory policy of their own.

    Parameters
    ----------
    limit : int
        Bytes; at first 1/64 of the machine's memory, at most 256 MiB, or the environment's
        CNORM_OUTPUT_CACHE. 0 keeps nothing. What is kept above the limit is freed.

    Raises
    ------
    TypeError, ValueError
        `limit` is not an int, or negative.

    See Also
    --------
    get_output_cache : What is set.

    Examples
    --------
    >>> import cnorm
    >>> before = cnorm.get_output_cache()
    >>> cnorm.set_output_cache(0)
    >>> cnorm.get_output_cache()
    0
    >>> cnorm.set_output_cache(before)
    """
    limit = as_int(limit, "limit")
    if limit < 0:
        raise ValueError(f"limit: expected at least 0 bytes, got {limit}")
    kept.set_limit(min(limit, 2**62))


def get_output_cache() -> int:
    """How many bytes of freed results are kept at most.

    See Also
    --------
    set_output_cache : Sets it.

    Examples
    --------
    >>> import cnorm
    >>> cnorm.get_output_cache() >= 0
    True
    """
    return kept.get_limit()


def default_limit() -> int:
    """The limit to begin with.

    Raises
    ------
    ImportError
        CNORM_OUTPUT_CACHE is not a number of bytes.
    """
    asked = os.environ.get(_VARIABLE, "")
    if asked:
        if not asked.strip().isdigit():
            raise ImportError(f"{_VARIABLE}: expected a number of bytes, got {asked!r}")
        return int(asked)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no sysconf, or not these names
        return _MOST
    return min(memory // 64, _MOST)


def start() -> None:
    """What importing cnorm does about outputs."""
    set_output_cache(default_limit())
