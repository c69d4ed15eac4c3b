"""Sweeps: one item that tries a test with every combination of values, and says how to rerun what fails."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest

Test = Callable[..., None]
Labelled = dict[str, Any]  # values of one parameter by their labels, in order
SHOWN = 10  # failures told one by one


def sweep(**parameters: Iterable[Any]) -> Callable[[Test], Test]:
    """The test called with each combination of these values of its parameters, all in one item.

    What parametrize does with an item for each. Every case is tried; if some fail, the first is reported
    in full and each with the line that reruns it alone. CNORM_SWEEP chooses: `thin` takes one dtype,
    two layouts and three of many numbers, `dtype=float16; layout=strided*` the cases that have these labels.
    """
    table = {name: labelled(name, values) for name, values in parameters.items()}

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def item(*args: Any, **keywords: Any) -> None:
            __tracebackhide__ = True
            run_cases(functools.partial(test, *args, **keywords), chosen(table))

        kept = [p for p in inspect.signature(test).parameters.values() if p.name not in table]
        item.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
        return item

    return decorate


def labelled(name: str, values: Iterable[Any]) -> Labelled:
    """Labels must find a value again in another process."""
    pairs = [(label_of(value), value) for value in values]
    for label, _ in pairs:
        if ";" in label or " at 0x" in label:
            raise ValueError(f"{name}: a label that cannot be typed: {label}")
    if len(dict(pairs)) != len(pairs):
        raise ValueError(f"{name}: two values have one label: {[label for label, _ in pairs]}")
    return dict(pairs)


def label_of(value: Any) -> str:
    if isinstance(value, np.dtype):
        return value.name
    return value.__name__ if isinstance(value, type) else str(value)


def chosen(table: dict[str, Labelled]) -> dict[str, Labelled]:
    """The part of the table that CNORM_SWEEP asks for; a name that is not in the table chooses nothing."""
    asked = os.environ.get("CNORM_SWEEP", "")
    if asked == "thin":
        return {name: thinned(name, values) for name, values in table.items()}
    part = dict(table)
    for term in filter(None, map(str.strip, asked.split(";"))):
        name, equals, pattern = term.partition("=")
        if not equals:
            raise pytest.UsageError(f"CNORM_SWEEP: expected thin or NAME=LABEL; ..., got {asked!r}")
        if name in part:
            part[name] = {k: v for k, v in part[name].items() if k == pattern or fnmatchcase(k, pattern)}
    return part


def thinned(name: str, values: Labelled) -> Labelled:
    """float32, or the first, of dtypes; the first two layouts; three of many numbers; else all."""
    if all(map(is_dtype, values.values())):
        first = "float32" if "float32" in values else next(iter(values))
        return {first: values[first]}
    if len(values) > 4 and all(isinstance(value, int | float) for value in values.values()):
        labels = list(values)
        return {label: values[label] for label in (labels[0], labels[len(labels) // 2], labels[-1])}
    return dict(itertools.islice(values.items(), 2)) if name == "layout" else values


def is_dtype(value: Any) -> bool:
    return isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic))


def run_cases(test: Test, table: dict[str, Labelled]) -> None:
    """All of them; fails after the last if any did, skips if all did."""
    __tracebackhide__ = True
    first: BaseException | None = None
    failed: list[str] = []
    tried = skipped = 0
    for labels, keywords in combinations(table):
        tried += 1
        try:
            test(**keywords)
        except pytest.skip.Exception:
            skipped += 1
        except (Exception, pytest.fail.Exception) as error:
            first = first or error
            what = (str(error).strip().splitlines() or [""])[0]
            failed.append(f"{labels}: {type(error).__name__}: {what}\n    rerun: {rerun(labels)}")
    if failed:
        more = [f"... and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
        lines = [f"{len(failed)} of {tried} cases fail", *failed[:SHOWN], *more]
        raise AssertionError("\n  ".join(lines)) from first
    if tried == skipped:
        pytest.skip(f"{tried} cases, all skipped" if tried else "CNORM_SWEEP asks for none of its cases")


def combinations(table: dict[str, Labelled]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The first parameter varies slowest."""
    for pairs in itertools.product(*(values.items() for values in table.values())):
        labels = "; ".join([f"{name}={label}" for name, (label, _) in zip(table, pairs, strict=True)])
        yield labels, {name: value for name, (_, value) in zip(table, pairs, strict=True)}


def rerun(labels: str) -> str:
    """A line for the shell; pytest says which item runs."""
    item = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    return f"CNORM_SWEEP={shlex.quote(labels)} python -m pytest {shlex.quote(item)}"
