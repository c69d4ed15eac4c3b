"""A pytest plugin: pandas' rolling sum, mean, var, min and max by our windows, wherever all are as long.

pandas hands the bounds of every window to a function each; those that are no plain windows go to its own. How
many calls were ours is told at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas._libs.window.aggregations as theirs

import cnorm
from cnorm import stats

CALLS = {"ours": 0, "theirs": 0}
OURS: dict[str, Callable[..., Any]] = {
    "roll_sum": stats.move_sum,
    "roll_mean": stats.move_mean,
    "roll_min": stats.move_min,
    "roll_max": stats.move_max,
}


def plain_window(start: Any, end: Any, n: int) -> tuple[int, int] | None:
    """The window and how far it is moved forward, if bounds are those of windows cut at the ends."""
    if n == 0 or len(start) != n:
        return None
    forward = int(end[0]) - 1
    size = int((end - start).max())
    last = np.minimum(np.arange(n) + 1 + forward, n)
    first = np.maximum(np.arange(n) + 1 + forward - size, 0)
    if forward < 0 or size < 1 or forward >= size:
        return None
    return (size, forward) if (last == end).all() and (np.minimum(first, last) == start).all() else None


def adapted(name: str) -> Callable[..., Any]:
    """A function in the place of theirs."""
    own = getattr(theirs, name)

    def rolled(values: Any, start: Any, end: Any, minp: int, ddof: int = 1) -> Any:
        found = plain_window(start, end, len(values))
        if found is None or found[1]:
            CALLS["theirs"] += 1
            return own(values, start, end, minp, *([ddof] if name == "roll_var" else []))
        CALLS["ours"] += 1
        size, least = found[0], min(max(minp, 1), found[0])
        if name == "roll_var":
            y = cnorm.rolling_moments(values, size, min_count=least, correction=ddof)[1]
        else:
            y = OURS[name](values, size, min_count=least)
        count = stats.move_sum(~np.isnan(values), size, 1)
        if name == "roll_sum" and minp == 0:
            y[count == 0] = 0
        return np.where(count < minp, np.nan, y)

    return rolled


for each in (*OURS, "roll_var"):
    setattr(theirs, each, adapted(each))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """For the test that runs this."""
    terminalreporter.write_line(f"windows: {CALLS['ours']} ours, {CALLS['theirs']} theirs")
