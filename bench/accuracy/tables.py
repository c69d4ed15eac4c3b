"""The errors in markdown."""

from __future__ import annotations

import math
from typing import Any

from bench.accuracy.measure import DTYPES, LAYOUTS, NAMES, ROUNDED, USUAL_RATIO, USUAL_SIZE, Record, eps_of
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
CAPTIONS = {
    f"accuracy-{quantity}-{over}": f"{what}: largest error in units of eps against {against}; lower is better"
    for quantity, what in (("value", "Normalized value"), ("variance", "Variance"))
    for over, against in (
        ("dtypes", "mean/std, for each dtype (rows)"),
        ("layouts", "mean/std, for each layout (float32)"),
        ("sizes", "the elements of a group (mean/std = 100)"),
    )
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
    lines = [f"## {TITLES[quantity]}, {layout}", ""]
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


def digits(record: Record, name: str) -> str:
    """Decimal digits that a contender kept; at least one right digit is told as such."""
    error = record.errors.get(name)
    if error is None:
        return ""
    kept = -math.log10(max(error, 0.5) * eps_of(record.dtype)) if error < math.inf else 0.0
    return f"{kept:.1f}" if kept >= 0.05 else "none"


def digits_table(records: list[Record]) -> list[str]:
    """A line for each mean, a column for each quantity and contender: the page's first answer."""
    own = [r for r in records if (r.dtype, r.layout, r.size) == ("float32", "rows", USUAL_SIZE)]
    shown = [(q, n) for q in TITLES for n in NAMES if any(r.quantity == q and n in r.errors for r in own)]
    lines = head(["mean/std", *(f"{q}: {n}" for q, n in shown)])
    for ratio in sorted({r.ratio for r in own}):
        found = {r.quantity: r for r in own if r.ratio == ratio}
        lines.append(row([power(ratio), *(digits(found[q], n) if q in found else "" for q, n in shown)]))
    return lines


def measured_by(machine: dict[str, Any]) -> str:
    """Where and with what."""
    shown = {**machine, "absent": [n for n in NAMES if n in CONTENDERS and not CONTENDERS[n].installed]}
    shown["versions"] = {k: v for k, v in machine["versions"].items() if k in (*NAMES, "Python")}
    return machine_line(shown)


def part(records: list[Record], machine: dict[str, Any], images: list[str]) -> str:
    """What stands between the marks of docs/accuracy.md: the answer, and charts with captions."""
    what = "Decimal digits kept of the normalized value and of the variance"
    lines = [f"{what}, float32, groups of {USUAL_SIZE} (there are 7.2):", ""]
    lines += [*digits_table(records), "", measured_by(machine)]
    for name in images:
        lines += ["", f"![{CAPTIONS[name]}](img/{name}.svg)", "", f"*{CAPTIONS[name]}*"]
    return "\n".join(lines)


def document(records: list[Record], machine: dict[str, Any]) -> str:
    """docs/develop/accuracy.md: every number."""
    lines = ["# Accuracy: all numbers", "", "Written by `make accuracy`.", "", UNIT, "", measured_by(machine)]
    for quantity in TITLES:
        lines += ["", MEANING[quantity], ""]
        for layout in LAYOUTS:
            lines += section(records, quantity, layout)
    return "\n".join(lines).rstrip() + "\n"
