"""Stubs of the compiled modules: every public function, with the names and defaults it has at run time."""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import cnorm

PACKAGE = Path(cnorm.__file__).parent
STUBS = sorted(PACKAGE.rglob("*.pyi"))


def in_stub(path: Path) -> dict[str, list[str]]:
    """Arguments of each function a stub declares, those with a default marked."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            given = node.args
            plain = [*given.posonlyargs, *given.args]
            needed = len(plain) - len(given.defaults)
            names = [a.arg + "=" * (i >= needed) for i, a in enumerate(plain)]
            names += [
                a.arg + "=" * (d is not None)
                for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True)
            ]
            found.setdefault(node.name, names)  # overloads: the first has all that may be left out
    return found


def at_run_time(name: str) -> dict[str, list[str]]:
    """The same of the module itself; classes are not public in one."""
    module = import_module(f"cnorm._native.{name}")
    functions = {
        key: value
        for key, value in vars(module).items()
        if not key.startswith("_") and callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    return {
        key: [p.name + "=" * (p.default is not p.empty) for p in inspect.signature(value).parameters.values()]
        for key, value in functions.items()
    }


@pytest.mark.parametrize("path", STUBS, ids=lambda p: p.stem)
def test_stub_is_complete(path: Path) -> None:
    declared = in_stub(path)
    assert declared or path.stem == "ufuncs"  # a ufunc is no function
    assert declared == at_run_time(path.stem)


def test_every_compiled_module_has_a_stub() -> None:
    # Short ways are typed as the careful functions are, whose signatures they have (test_entry.py).
    compiled = {
        p.name.split(".")[0]
        for ending in ("so", "pyd")
        for p in PACKAGE.rglob(f"*.{ending}")
        if p.parent.name != "short"
    }
    assert compiled == {p.stem for p in STUBS}
    assert (PACKAGE / "py.typed").exists()
