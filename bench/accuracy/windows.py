"""Errors of rolling means and variances on hard series, beside pandas and Bottleneck, into docs/accuracy.md.

python -m bench.accuracy.windows
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import cnorm
from bench.report import ROOT
from bench.tables import head, row

Series = np.ndarray[Any, np.dtype[np.float64]]
LENGTH, WINDOW = 4000, 50
MARKS = "<!-- windows -->\n", "<!-- /windows -->"
HARD: dict[str, Callable[[Series, Series], Series]] = {
    "noise": lambda t, e: e,
    "one 1e12 that leaves": lambda t, e: np.where(t == 500, 1e12, e),
    "1e9 + sin, then sin": lambda t, e: np.sin(t) + np.where(t < 2000, 1e9, 0),
    "noise about 1e8": lambda t, e: e + 1e8,
    "noise of 1e6, then 0.1": lambda t, e: np.where(t < 2000, e * 1e6, 0.1),
    "steps of 1e7": lambda t, e: np.floor(t / 100) * 1e7 + e,
    "noise of 1e-100": lambda t, e: e * 1e-100,
    "infinities that leave": lambda t, e: np.where((t == 400) | (t == 407), np.inf, e),
}


def exact(x: Series) -> tuple[Any, Any, Any]:
    """Mean, variance and largest magnitude of each full window, in longdouble."""
    windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW).astype(np.longdouble)
    mean = windows.mean(1)
    mean += (windows - mean[:, None]).mean(1)
    return mean, np.square(windows - mean[:, None]).mean(1), np.abs(windows).max(1)


def contenders() -> dict[str, Callable[[Series], tuple[Any, Any]]]:
    """Mean and variance by each."""
    import bottleneck as bn
    import pandas as pd

    return {
        "cnorm": lambda x: cnorm.rolling_moments(x, WINDOW),
        "pandas": lambda x: (
            pd.Series(x).rolling(WINDOW).mean().to_numpy(),
            pd.Series(x).rolling(WINDOW).var(ddof=0).to_numpy(),
        ),
        "Bottleneck": lambda x: (bn.move_mean(x, WINDOW), bn.move_var(x, WINDOW)),
    }


def errors(x: Series, found: tuple[Any, Any]) -> tuple[float, float]:
    """Of means by the largest magnitude in the window, of variances by themselves; where no infinity is.

    Infinite if there is no number, or where the variance is 0 and another was found.
    """
    with np.errstate(all="ignore"):
        mean, var, size = exact(x)
        plain = np.isfinite(var)
        mean_error = np.abs(found[0][WINDOW - 1 :] - mean) / size
        off = np.abs(found[1][WINDOW - 1 :] - var)
        var_error = np.where(off == 0, 0, off / var)
    return tuple(float(np.nan_to_num(e[plain], nan=np.inf).max()) for e in (mean_error, var_error))  # type: ignore[return-value]


def short(error: float) -> str:
    if not np.isfinite(error):
        return "lost"
    return "0" if error == 0 else f"{error:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def table() -> list[str]:
    """A line for each series: errors of the mean and of the variance by each contender."""
    t = np.arange(float(LENGTH))
    e = np.random.default_rng(0).normal(0, 1, LENGTH)
    by = contenders()
    lines = head(["series", *(f"{name}: {what}" for name in by for what in ("mean", "variance"))])
    for name, make in HARD.items():
        x = make(t, e)
        found = [errors(x, function(x)) for function in by.values()]
        lines.append(row([name, *(short(error) for pair in found for error in pair)]))
    return lines


def main() -> None:
    page = ROOT / "docs" / "accuracy.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    page.write_text(before + MARKS[0] + "\n".join(table()) + "\n" + MARKS[1] + after, encoding="utf-8")


if __name__ == "__main__":
    main()
