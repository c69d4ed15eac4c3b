"""What the reductions' arguments mean and what they refuse, written once for all their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

PARAMETERS = {
    "a": (
        "array_like",
        """Real or complex numbers. A masked array is its data with `where=~mask`; objects that are numbers
        and nullable columns become float64.""",
    ),
    "axis": ("int, tuple of int or None", "Axes to reduce; None for all."),
    "dtype": (
        "dtype, optional",
        """Of the result. Floats are summed with the digits of float64 whatever it is; a sum of integers, or
        to an integer dtype, is NumPy's own.""",
    ),
    "out": ("ndarray, optional", "Where to write; of the result's shape. It is returned."),
    "ddof": ("float", "Delta degrees of freedom: the divisor is the number of elements less `ddof`."),
    "keepdims": ("bool", "Keep the reduced axes with size 1."),
    "where": (
        "array_like of bool, optional",
        "Elements to include; broadcasts against `a`. What the others hold never matters.",
    ),
    "weights": (
        "array_like, optional",
        """Non-negative repeat counts; broadcast against `a`. The number of elements is then their sum. A
        weight of 0 hides an element, even NaN.""",
    ),
}
AXIS_OF_ONE = ("int or None", "Axis to look along; None for all elements in C order.")
ERRORS = """\
Raises
------
TypeError
    `a` holds no numbers, `where` is not boolean, {dtypes}.
ValueError
    An axis out of range, an array that does not broadcast or an `out` that does not fit{more}."""


def parameters_of(function: Callable[..., Any]) -> str:
    """The section of its arguments."""
    lines = ["Parameters", "----------"]
    for name in inspect.signature(function).parameters:
        of_one = name == "axis" and "arg" in function.__name__
        kind, text = AXIS_OF_ONE if of_one else PARAMETERS[name]
        lines += [f"{name} : {kind}", *("    " + line.strip() for line in text.splitlines())]
    return "\n".join(lines)


def described(more: str = "") -> Callable[[Function], Function]:
    """Fills `{parameters}` and `{errors}` in a docstring; `more` is what else is a ValueError."""

    def fill(function: Function) -> Function:
        if function.__doc__:
            named = "dtype" in inspect.signature(function).parameters
            dtypes = (
                "`dtype` or `out` of a dtype that can't be" if named else "`out` of a dtype that can't be"
            )
            errors = ERRORS.format(dtypes=dtypes, more=more and f", {more}")
            text = inspect.cleandoc(function.__doc__).replace("{parameters}", parameters_of(function))
            function.__doc__ = text.replace("{errors}", errors)
        return function

    return fill
