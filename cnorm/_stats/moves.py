"""Moving windows under Bottleneck's names: its rules of arguments, the core's windows."""

from __future__ import annotations

from typing import Any

from cnorm._accept.arrays import Array
from cnorm._accept.axes import as_int, as_number
from cnorm._native import windows
from cnorm._stats.lines import as_line_axis, as_lines, masked, result_like

__all__ = ["moved"]


def as_move(a: Any, window: Any, min_count: Any, axis: Any) -> tuple[Array, Array | None, int, int, int]:
    """Numbers, what masks hide of them, axis, window and the least count; a window must fit."""
    x, hidden = as_lines(a, "a")
    along = as_line_axis(axis, x, "a")
    size, length = as_int(window, "window"), x.shape[along]
    if not 1 <= size <= length:
        raise ValueError(f"window: expected 1 to {length}, the length of axis {axis}, got {size}")
    least = size if min_count is None else as_int(min_count, "min_count")
    if not 1 <= least <= size:
        raise ValueError(f"min_count: expected 1 to window = {size}, got {least}")
    return x, hidden, along, size, least


def moved(a: Any, window: Any, min_count: Any, axis: Any, kind: str, ddof: Any = 0) -> Array:
    """The sum, mean, min, max, var or std of windows; argmin, argmax: how far before the end."""
    found = windows.at_once(kind, a, window, min_count, axis, False, ddof, None, True)
    if found is not None:
        return found  # type: ignore[no-any-return]
    x, hidden, along, size, least = as_move(a, window, min_count, axis)
    ddof = as_number(ddof, "ddof")
    y = result_like(x)
    if kind in ("var", "std"):
        windows.reduce(x, result_like(x), y, along, "moments", size, least, 0, kind, ddof)
    else:
        windows.reduce(x, y, None, along, kind, size, least)
    return masked(y, hidden)
