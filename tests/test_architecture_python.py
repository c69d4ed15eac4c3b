"""The rules of the Python house: which folder may import which, who touches the core, how long functions are.

Rules are about folders: a new file costs no edit here.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweep import sweep

ROOT = Path(__file__).parent.parent
if not (ROOT / "src_c").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

FILES = sorted((ROOT / "cnorm").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
COMPILED = sorted((ROOT / "cnorm").rglob("*.pyx"))
SHORT = "cnorm._native.short"
# Of a compiled file.
LINES = 400

# Folders and modules beside them, from the top; imports go down, or within a folder without a cycle. The
# longest name that fits counts: the short way in stands above the careful functions it calls.
LAYERS = (
    {"cnorm.__main__"},
    {"cnorm._bench", "cnorm._check", "cnorm.demo"},
    {"cnorm.interop"},
    {"cnorm"},
    {"cnorm.nn", "cnorm.preprocessing", "cnorm.sparse", "cnorm.stats", "cnorm.ufuncs"},
    {"cnorm.functional"},
    {SHORT},
    {"cnorm._norms", "cnorm._image"},
    {"cnorm._stats"},
    {"cnorm._system"},
    {"cnorm._accept"},
    {"cnorm._native"},
    {"cnorm.c_api"},
)
# Only folders with an underscore touch the compiled room; layers, scalers and bridges go through functions.
MAY_TOUCH_CORE = re.compile(r"cnorm\._\w+")
# What these offer is compiled itself.
OFFERED = {"cnorm.functional": f"{SHORT}.", "cnorm.ufuncs": "cnorm._native.ufuncs"}
# What a module may import at its top beside the standard library.
AT_THE_TOP = {"numpy", "cnorm"}
IMPORTS_SKLEARN = "cnorm.preprocessing._sklearn"

# bench/worker.py runs these of one tree beside the cnorm of another.
ALONE = ("_bench/interleave.py", "_check/formulas.py")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# Modules whose functions run the C core as they are told, without a rule of their own.
TO_THE_CORE = {
    module
    for module in map(module_name, COMPILED)
    if "verbs()" in text(ROOT / f"{module.replace('.', '/')}.pyx")
}


def is_module(name: str) -> bool:
    target = ROOT / name.replace(".", "/")
    return target.is_dir() or any(target.with_suffix(end).exists() for end in (".py", ".pyx"))


def imported_by(source: str) -> Iterator[str]:
    """Modules of ours that Python source imports, dotted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "cnorm")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            if node.module and node.module.split(".")[0] == "cnorm":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if is_module(inner) else node.module


def imports(path: Path) -> set[str]:
    """Modules of ours a Python or Cython file reaches."""
    if path.suffix == ".py":
        return set(imported_by(text(path)))
    lines = re.sub(r"\(\s*([^)]*?)\s*\)", r"\1", text(path))
    found = re.findall(r"^from (cnorm[\w.]*) c?import (.*(?:\n +.*)*)", lines, re.M)
    names = {f"{module}.{name.strip()}" for module, what in found for name in what.split(",")}
    return {name if is_module(name) else name.rpartition(".")[0] for name in names}


def layer_of(module: str) -> tuple[int, str]:
    """The layer of a module and the folder it has it by."""
    fitting = [
        (len(name), i, name)
        for i, names in enumerate(LAYERS)
        for name in names
        if module == name or (name != "cnorm" and module.startswith(name + "."))
    ]
    assert fitting, f"{module} has no layer"
    return max(fitting)[1:]


@sweep(path=[*FILES, *COMPILED])
def test_arrows_point_down(path: Path) -> None:
    name = module_name(path)
    layer, room = layer_of(name)
    for other in imports(path):
        below, there = layer_of(other)
        lazy = other == "cnorm"  # the package itself, for what it offers
        assert below > layer or there == room or lazy, f"{name} imports {other}"


def test_no_folder_has_a_cycle() -> None:
    arrows = {module_name(path): imports(path) for path in [*FILES, *COMPILED]}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name in done or name not in arrows:
            return
        for other in arrows[name]:
            if layer_of(other)[1] == layer_of(name)[1] and other != layer_of(name)[1]:
                visit(other, (*above, name))
        done.add(name)

    for name in arrows:
        visit(name, ())


@sweep(path=FILES)
def test_who_touches_the_core(path: Path) -> None:
    name = module_name(path)
    if not MAY_TOUCH_CORE.match(name):
        reached = {other for other in imports(path) if other.startswith("cnorm._native")}
        assert all(name in OFFERED and other.startswith(OFFERED[name]) for other in reached)


def test_no_alias_leads_to_the_core() -> None:
    """A function of the core under another name is still the core."""
    for path in FILES:
        name = module_name(path)
        if path.parent.name not in ("nn", "preprocessing"):
            continue
        for key, value in vars(importlib.import_module(name)).items():
            assert getattr(value, "__module__", None) not in TO_THE_CORE, f"{name}.{key}"


def test_the_gate_is_one_file() -> None:
    """The C core is linked once, into core; the others reach it through its .pxd and its table of verbs."""
    holders = [path.name for path in COMPILED if 'extern from "cnorm.h"' in text(path)]
    assert holders == ["core.pyx"]
    declare = {path.name for path in COMPILED if re.search(r"^    [\w ]+[ *]cn_\w+\(", text(path), re.M)}
    assert declare == {"core.pyx", "kept.pyx"}, "functions of C in an extension they are not linked with"


@sweep(path=COMPILED)
def test_compiled_files_have_one_duty(path: Path) -> None:
    """It stands in their first line of words, and needs no more lines than this, nor another file's text."""
    assert len(text(path).splitlines()) <= LINES
    assert re.search(r'^"""\S.*[.:;]', text(path), re.M)
    assert not re.search(r"^include\b", text(path), re.M)


def test_the_short_way_writes_no_rules() -> None:
    """It refuses what needs care; the careful function of the same name says why."""
    body = "\n".join(text(path) for path in sorted((ROOT / "cnorm" / "_native" / "short").glob("*.pyx")))
    assert not re.search(r"\b(raise|warn|expected)\b", body)
    public = set(re.findall(r"^def (\w+)", body, re.M))
    careful = {name for path in (ROOT / "cnorm" / "_norms").glob("*.py") for name in functions(path)}
    assert public <= careful
    for path in FILES:
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.ImportFrom) and public & {a.name for a in node.names}:
                assert module_name(path) == "cnorm.functional"


@sweep(path=FILES)
def test_columns_of_a_state_have_names(path: Path) -> None:
    """COUNT, MEAN, MEAN_LO, M2 and UNIT of `_stats.state`, no integers."""
    assert not re.search(r"\b(state|states|partials?|whole|part)\[\.\.\., :?\d", text(path))


def functions(path: Path) -> list[str]:
    return [node.name for node in ast.parse(text(path)).body if isinstance(node, ast.FunctionDef)]


@sweep(path=FILES)
def test_foreign_libraries_are_imported_lazily(path: Path) -> None:
    """At the top of a module: the standard library, NumPy and ourselves; one module is scikit-learn's."""
    allowed = {*AT_THE_TOP, "sklearn", "scipy"} if module_name(path) == IMPORTS_SKLEARN else AT_THE_TOP
    for node in ast.parse(text(path)).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert {n.split(".")[0] for n in names} <= allowed | sys.stdlib_module_names


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Functions with their lines of code, docstring apart."""
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[0]
            has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            doc = (first.end_lineno or 0) - first.lineno + 1 if has_doc else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - doc


@sweep(path=FILES)
def test_functions_are_short(path: Path) -> None:
    assert [(name, n) for name, n in function_lengths(path) if n > 60] == []


@pytest.mark.parametrize("name", ALONE)
def test_the_clock_and_the_oracle_stand_alone(name: str) -> None:
    assert list(imports(ROOT / "cnorm" / name)) == []


def test_the_gate_holds_no_mathematics() -> None:
    for path in (ROOT / "cnorm" / "_native").rglob("*.p[yx][xd]"):
        assert not re.search(r"\b(sqrt|exp|log|pow|libc\.math)\b", text(path))


@sweep(path=[*FILES, *TESTS])
def test_files_open_with_their_duty(path: Path) -> None:
    if not text(path).strip():
        return
    doc = ast.get_docstring(ast.parse(text(path)))
    assert doc
    assert text(path).startswith(('"""', 'r"""'))
    assert doc.splitlines()[0].endswith((".", ":")) or len(doc.splitlines()) > 1
