"""The errors in markdown."""

from __future__ import annotations

import math
from typing import Any

from bench.accuracy.measure import DTYPES, LAYOUTS, NAMES, ROUNDED, USUAL_RATIO, USUAL_SIZE, Record
from bench.peers import CONTENDERS
from bench.tables import head, machine_line, row

TITLES = {
    "value": "Normalized value",
    "variance": "Variance",
}
MEANING = {
    "value": "Largest absolute error of `(x - mean) / sqrt(var + 1e-5)` over all elements.",
    "variance": "Largest relative error of the variance over all groups.",
}
UNIT = """\
All errors are in units of eps, the distance from 1 to the next number of the dtype: float16 2^-10, bfloat16
2^-7, float32 2^-23, float64 2^-52. Data are normal about a mean of so many standard deviations, rounded to
the dtype; exact results are those of the rounded data, in longdouble about a pivot, good to 1e-18.
`rounding alone` is the error of the exact value rounded to the dtype: no library can be below it.
`lost` is NaN or infinity. A peer without an operation for the layout, or that returns another dtype, is left
out of the line. NumPy's is the formula of two passes that users write; its 16-bit values go through float32,
its `x.var()` does not. ONNX keeps eps as a float32: that alone costs 3e3 in float64. scikit-learn's variance
is `StandardScaler.var_`, which it keeps in float64. A dtype cannot hold data with a ratio beyond 1 / eps."""


def columns(records: list[Record]) -> list[str]:
    """Contenders that took part somewhere."""
    return [name for name in (*NAMES, ROUNDED) if any(name in r.errors for r in records)]


def number(error: float | None) -> str:
    """In units of eps, short."""
    if error is None:
        return ""
    if error == float("inf"):
        return "lost"
    if error < 1000:
        return f"{error:.1f}" if error >= 0.1 else "<0.1"
    mantissa, exponent = f"{error:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def power(ratio: float) -> str:
    """1, 10, 100, 1000, 1e4 ..."""
    return f"{ratio:g}" if ratio < 1e4 else f"1e{round(math.log10(ratio))}"


def table(records: list[Record], over: str) -> list[str]:
    """A line for each dtype and ratio (or size)."""
    names = columns(records)
    lines = head(["dtype", over, *names])
    for r in records:
        where = power(r.ratio) if over == "mean/std" else f"{r.size:,}"
        lines.append(row([r.dtype, where, *(number(r.errors.get(name)) for name in names)]))
    return lines


def section(records: list[Record], quantity: str, layout: str) -> list[str]:
    """The tables of one quantity and layout."""
    own = [r for r in records if (r.quantity, r.layout) == (quantity, layout)]
    order = {dtype: i for i, dtype in enumerate(DTYPES)}
    own.sort(key=lambda r: (order[r.dtype], r.size, r.ratio))
    lines = [f"### {TITLES[quantity]}, {layout}", ""]
    lines += [
        f"Groups of {USUAL_SIZE}:",
        "",
        *table([r for r in own if r.size == USUAL_SIZE], "mean/std"),
        "",
    ]
    sizes = [r for r in own if r.ratio == USUAL_RATIO]
    if len({r.size for r in sizes}) > 1:
        lines += [f"mean/std = {USUAL_RATIO:g}:", "", *table(sizes, "size"), ""]
    return lines


def part(records: list[Record], machine: dict[str, Any], images: list[str]) -> str:
    """What stands between the marks of docs/accuracy.md."""
    shown = {**machine, "absent": [n for n in NAMES if n in CONTENDERS and not CONTENDERS[n].installed]}
    shown["versions"] = {k: v for k, v in machine["versions"].items() if k in (*NAMES, "Python")}
    lines = [UNIT, "", machine_line(shown), ""]
    lines += [f"![{name}](img/{name}.svg)" for name in images]
    for quantity in TITLES:
        lines += ["", MEANING[quantity], ""]
        for layout in LAYOUTS:
            lines += section(records, quantity, layout)
    return "\n".join(lines).rstrip()
