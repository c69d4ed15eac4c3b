"""Which cells there are: each function along one axis at a time, and the pairs that matter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec

from bench.cliffs import scene
from bench.cliffs.cells import (
    BEYOND,
    CALL,
    CHANNELS_LAST,
    COLD,
    HOT,
    LAYOUTS,
    LENGTHS,
    SMALL_LENGTH,
    USUAL_LENGTH,
    USUAL_OFFSET,
    Cell,
)
from bench.cliffs.functions import FUNCTIONS, Function
from bench.cliffs.options import OUT, options
from bench.data import numpy_dtype

SHORT_LENGTH = 3
FEW_LENGTHS = (1, SHORT_LENGTH, 16, 100, USUAL_LENGTH, 10007)  # of functions that are not fine
PAIRED_LENGTHS = (1, SHORT_LENGTH, 16, 100, USUAL_LENGTH)  # with dtypes and cold caches


def lengths(function: Function, fine: tuple[int, ...], others: tuple[int, ...]) -> list[int]:
    """Those the function takes."""
    return [n for n in (fine if function.fine else others) if n >= function.least]


def layouts(function: Function) -> list[str]:
    """Other memory orders that its input has."""
    mapped = function.form in (scene.channels, scene.maps)
    return [layout for layout in LAYOUTS[1:] if mapped or layout != CHANNELS_LAST]


def elsewhere(name: str, function: Function, base: Cell) -> Iterator[Cell]:
    """Cold, beyond L2, elsewhere in memory: with the output given, which is then there as well."""
    given = replace(base, option=OUT if OUT in options(name) else "")
    for n in lengths(function, PAIRED_LENGTHS, (USUAL_LENGTH,)):
        yield replace(given, place=COLD, length=n)
    for dtype in function.dtypes if function.fine else function.dtypes[:1]:
        yield replace(given, place=BEYOND, dtype=dtype)
    if not function.laid:
        return
    for n in lengths(function, (100, USUAL_LENGTH), (USUAL_LENGTH,)):
        for offset in (0, numpy_dtype(base.dtype).itemsize):
            yield replace(given, offset=offset, length=n)
    for n in lengths(function, (SHORT_LENGTH, USUAL_LENGTH), (USUAL_LENGTH,)):
        yield from (replace(base, layout=layout, length=n) for layout in layouts(function))


def of(name: str, function: Function) -> Iterator[Cell]:
    """All cells of one function."""
    first, *others = function.dtypes
    base = Cell(name, dtype=first)
    for n in lengths(function, LENGTHS, FEW_LENGTHS):
        yield replace(base, length=n)
    for dtype in others:
        for n in lengths(function, PAIRED_LENGTHS, (SHORT_LENGTH, USUAL_LENGTH)):
            yield replace(base, dtype=dtype, length=n)
    yield from elsewhere(name, function, base)
    for option in options(name):
        for n in lengths(function, (SHORT_LENGTH, USUAL_LENGTH), (USUAL_LENGTH,)):
            yield replace(base, option=option, length=n)
    for option in ("", *(options(name) if function.fine else ())):
        yield replace(base, option=option, length=SMALL_LENGTH, place=CALL)


def cells() -> list[Cell]:
    """The map, in the order of the package."""
    return list(dict.fromkeys(cell for name, function in FUNCTIONS.items() for cell in of(name, function)))


def quick(cell: Cell) -> bool:
    """Is it one of a quarter, for CI: hot rows of 768, plain ones of 3, calls?"""
    function = FUNCTIONS[cell.function]
    if cell.layout != "C" or cell.offset != USUAL_OFFSET or cell.place not in (HOT, CALL):
        return False
    if cell.option:
        return function.fine and cell.length == USUAL_LENGTH
    first = cell.dtype == function.dtypes[0]
    return cell.place == CALL or cell.length == USUAL_LENGTH or (first and cell.length == SHORT_LENGTH)


def wanting(cell: Cell) -> str:
    """The package that is missing for a cell, or nothing."""
    needed = ["ml_dtypes"] if cell.dtype == "bfloat16" else []
    needed += ["scipy"] if cell.function.startswith("sparse.") else []
    return next((name for name in needed if find_spec(name) is None), "")
