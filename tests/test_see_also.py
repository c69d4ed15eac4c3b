"""See Also: every public function and class says what is near it, by names that exist."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cnorm
from cnorm._system import hints

MODULES = (*hints.PUBLIC, "cnorm.interop.torch", "cnorm.interop.dask", "cnorm.interop.onnx")
SECTION = re.compile(r"^See Also\n-{8}\n(.*?)(?=\n\n\w[^\n]*\n---|\Z)", re.M | re.S)


def public() -> list[tuple[str, str]]:
    """(module, name) of functions and classes, known without the bridges' libraries."""
    found = []
    for module in MODULES:
        if module in hints.PUBLIC:
            names = import_module(module).__all__
            found += [(module, n) for n in names if callable(getattr(import_module(module), n))]
        else:
            path = Path(cnorm.__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
            listed = re.search(r"^__all__ = \[(.*?)\]", path.read_text(encoding="utf-8"), re.M | re.S)
            assert listed
            found += [(module, n) for n in re.findall(r'"(\w+)"', listed[1])]
    return found


def lines_of(doc: str) -> list[str]:
    section = SECTION.search(doc)
    return [line for line in section[1].split("\n") if line.strip()] if section else []


def target(module: str, name: str) -> Any:
    """What a name in a docstring of this module means; None if it is nowhere."""
    where, _, last = name.rpartition(".")
    try:
        return getattr(import_module(where or module), last, None)
    except ImportError as error:
        if where.startswith("cnorm.interop") or (where or module).startswith("cnorm.interop"):
            pytest.skip(str(error))
        return None


@pytest.mark.parametrize(("module", "name"), public())
def test_names_its_neighbours(module: str, name: str) -> None:
    item = target(module, name)
    lines = lines_of(inspect.getdoc(item) or "")
    assert lines, "no See Also"
    named = []
    for line in lines:
        matched = re.fullmatch(r"([\w.]+) : \S.*[.?]", line)
        assert matched, line
        named.append(matched[1])
        assert target(module, matched[1]) is not None, line
    assert name not in named
    assert len(set(named)) == len(named)


def test_a_wrong_name_is_found() -> None:
    assert lines_of("Sum.\n\nSee Also\n--------\nmean : Of it.\n\nNotes\n-----\nx : y\n") == ["mean : Of it."]
    assert target("cnorm.stats", "mean") is not None
    assert target("cnorm.stats", "moments") is None
    assert target("cnorm.stats", "cnorm.nowhere.mean") is None


@pytest.mark.parametrize(("module", "name"), public())
def test_the_site_leads_to_its_source(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the line where it is defined; of compiled functions, that of the careful one of its name."""
    folder = Path(__file__).parent.parent / "docs" / "_ext"
    if not folder.is_dir():
        pytest.skip("needs the source tree")
    if target(module, name) is None:
        pytest.skip("needs the bridge's library")
    monkeypatch.syspath_prepend(str(folder))
    path, line = import_module("sources").where(module, name)
    said = path.read_text(encoding="utf-8").splitlines()[line - 1]
    assert re.match(rf"\s*(@|(def|class) {name}\b|{name} = )", said), said
