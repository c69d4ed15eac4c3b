"""The public functions of cnorm, found in the package, with the names of their arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import cnorm

# Names that have no cell, and why; of a module: none of its names has.
WITHOUT = {
    "nn": "layers hand their calls to functional",
    "interop": "needs other libraries; bench/interop.py measures it",
    "ufuncs": "NumPy's loop around moments",
    "get_include": "no array",
    "get_num_threads": "no array",
    "set_num_threads": "no array",
    "threads": "no array",
    "get_output_cache": "no array",
    "set_output_cache": "no array",
    "show_config": "no array",
    "RunningMoments.copy": "a state, no data",
    "RunningMoments.merge": "a state, no data",
    "RunningMoments.std": "a state, no data",
    "RunningMoments.var": "a state, no data",
}
SETTINGS = ("get_", "set_")  # scikit-learn's methods that touch no array


def public(module: Any) -> list[str]:
    """The names a module offers; cnorm itself with its submodules."""
    return sorted({*module.__all__, *getattr(module, "SUBMODULES", ())})


def walk(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The functions of a module, the methods of a class, a function itself."""
    if inspect.ismodule(value):
        inner = [(n, getattr(value, n)) for n in public(value)]
    elif inspect.isclass(value):
        inner = [(n, v) for n, v in inspect.getmembers(value, callable) if not n.startswith(("_", *SETTINGS))]
    else:
        inner = []
        if callable(value):
            yield name, value
    for n, v in inner:
        dotted = f"{name}.{n}" if name else n
        if dotted not in WITHOUT:
            yield from walk(v, dotted)


def functions() -> dict[str, Any]:
    """By dotted names, without that of the package."""
    return dict(walk(cnorm, ""))


def arguments(function: str) -> list[str]:
    """What it takes, and before that what its class is made with."""
    value: Any = cnorm
    names: list[str] = []
    for part in function.split("."):
        value = getattr(value, part)
        if inspect.isclass(value):
            names += inspect.signature(value).parameters
    return names + [name for name in inspect.signature(value).parameters if name != "self"]
