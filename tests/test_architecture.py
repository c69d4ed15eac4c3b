"""The rules of the house: who imports whom, what stays out of the C core, how large files may be."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "src_c").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

C_FILES = sorted((ROOT / "src_c").iterdir())
C_TESTS = sorted((ROOT / "tests" / "c").glob("*.[ch]"))
PYTHON_FILES = sorted((ROOT / "cnorm").rglob("*.py"))
TEST_FILES = sorted((ROOT / "tests").rglob("*.py"))
LINES = 400

# Layers from the top; a module imports only from layers below its own.
LAYERS = (
    ("cnorm.__main__",),
    ("cnorm._bench", "cnorm._check", "cnorm.demo"),
    ("cnorm.interop",),
    ("cnorm",),
    ("cnorm.nn", "cnorm.preprocessing"),
    ("cnorm.functional",),
    ("cnorm._entry",),
    ("cnorm._batch", "cnorm._fold", "cnorm._group", "cnorm._image", "cnorm._lp", "cnorm._scores"),
    ("cnorm._quantize", "cnorm._response"),
    ("cnorm._switchable", "cnorm._trailing"),
    ("cnorm._running", "cnorm._picture_moments"),
    ("cnorm._moments",),
    ("cnorm._states",),
    ("cnorm._config", "cnorm._merging", "cnorm._tables"),
    ("cnorm._fusions", "cnorm._masks", "cnorm._outputs", "cnorm._threads"),
    ("cnorm._axes",),
    ("cnorm._arrays",),
    ("cnorm._blocks", "cnorm._core", "cnorm._machine", "cnorm._version"),
)
# These reach the compiled room; nn, preprocessing and interop never do.
MAY_TOUCH_CORE = re.compile(r"cnorm\.(functional|_\w+)$")

# bench/worker.py runs these of one tree beside the cnorm of another.
ALONE = ("_bench/interleave.py", "_check/formulas.py")

# Modules of ours the compiled files may reach. _entry calls the careful functions, and the core through
# _core.pxd alone: the C core is linked once, into _core.
CYTHON_FILES = {
    "_blocks.pxd": set(),
    "_blocks.pyx": set(),
    "_core.pxd": set(),
    "_core.pyx": set(),
    "_entry.pyx": {"cnorm._blocks", "cnorm._core", "cnorm._arrays", "cnorm._fusions"}
    | {"_batch", "_group", "_quantize", "_trailing"},
}
# Whoever calls these functions calls the short way in.
SHORT = {"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"}
SHORT_INT8 = {"layer_norm_int8", "rms_norm_int8"}
PARTS = sorted(p.name for p in (ROOT / "cnorm").glob("*.pxi"))

# What each C file may include.
INCLUDES = {
    "cnorm.h": set(),
    "plan.h": {"cnorm.h"},
    "kernels.h": {"cnorm.h"},
    "moments.h": {"cnorm.h"},
    "params.h": {"kernels.h"},
    "extreme.h": {"params.h"},
    "extreme.c": {"extreme.h", "moments.h"},
    "threads.h": {"cnorm.h"},
    "cpu.h": {"kernels.h"},
    "tile.h": {"kernels.h", "params.h", "plan.h"},
    "unit.h": {"kernels.h", "params.h", "plan.h", "quantize.h"},
    "quantize.h": {"kernels.h"},
    "quantize.c": {"cpu.h", "quantize.h", "threads.h"},
    "mask.h": {"plan.h"},
    "mask.c": {"mask.h"},
    "masked.h": {"tile.h"},
    "mask_moments.c": {"mask.h", "masked.h", "matrix.h"},
    "mask_apply.c": {"mask.h", "masked.h"},
    "unit.c": {"unit.h", "extreme.h", "mask.h", "masked.h", "moments.h", "residual.h"},
    "residual.h": {"unit.h"},
    "residual.c": {"residual.h", "matrix.h"},
    "plan.c": {"plan.h"},
    "threads.c": {"threads.h", "cnorm.h", "lent.h"},
    "lent.h": {"team.h"},
    "lent.c": {"cnorm.h", "lent.h"},
    "team.h": set(),
    "blocks.h": set(),
    "blocks.c": {"blocks.h"},
    "pool.c": {"cnorm.h", "lent.h"},
    "openmp.c": {"cnorm.h", "team.h"},
    "tile.c": {"matrix.h", "tile.h"},
    "cpu.c": {"cpu.h"},
    "chosen.c": {"cpu.h"},
    # exec.c may include every header of ours but vec.h.
    "exec.c": {"cnorm.h", "cpu.h", "extreme.h", "kernels.h", "moments.h", "params.h", "plan.h"}
    | {"masked.h", "residual.h", "threads.h", "tile.h", "unit.h"},
    "states.c": {"moments.h"},
    "response.c": {"cpu.h", "matrix.h", "plan.h", "threads.h"},
    "picture.c": {"cpu.h", "matrix.h", "plan.h", "threads.h"},
    "matrix.h": set(),
    "isa.inc": {"cpu.h", "kernels.h", "moments.h", "vec.h", "moments.inc", "apply.inc"}
    | {"activate.inc", "picture.inc", "quantize.inc", "response.inc", "sum.inc"},
    "activate.inc": {"curves.inc"},
    "curves.inc": set(),
    "sum.inc": set(),
    "vec.h": {"bytes.h", "half.h", "pixels.h"},
    "bytes.h": set(),
    "quantize.inc": {"int8.inc"},
    "int8.inc": set(),
    "half.h": set(),
    "pixels.h": set(),
    "picture.inc": {"pixels.inc"},
    "pixels.inc": set(),
    "response.inc": {"power.inc", "respond.inc"},
    "power.inc": set(),
    "respond.inc": set(),
    "moments.inc": {"sums.inc", "rows.inc", "cols.inc"},
    "sums.inc": set(),
    "rows.inc": set(),
    "cols.inc": set(),
    "apply.inc": set(),
}


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code(path: Path) -> str:
    """C without comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text(path), flags=re.S)


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """Modules of ours a file imports, dotted."""
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "cnorm")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {relative(path)}"
            if node.module and node.module.split(".")[0] == "cnorm":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    target = ROOT / inner.replace(".", "/")
                    known = target.is_dir() or target.with_suffix(".py").exists() or inner == "cnorm._core"
                    yield inner if known else node.module


def layer_of(module: str) -> int:
    depths = [
        (len(name), i)
        for i, names in enumerate(LAYERS)
        for name in names
        if module == name or (name != "cnorm" and module.startswith(name + "."))
    ]
    assert depths, f"{module} has no layer"
    return max(depths)[1]


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_python_arrows_point_down(path: Path) -> None:
    name = module_name(path)
    for imported in imports(path):
        same_package = imported.rpartition(".")[0] == name.rpartition(".")[0] or imported.startswith(
            name + "."
        )
        below = layer_of(imported) > layer_of(name)
        assert (
            below
            or (same_package and layer_of(imported) == layer_of(name) and name.count(".") > 1)
            or (imported.startswith(name + ".") and layer_of(imported) >= layer_of(name))
            or imported == "cnorm"
        ), f"{name} imports {imported}"


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_only_functions_touch_the_core(path: Path) -> None:
    if "cnorm._core" in imports(path):
        assert MAY_TOUCH_CORE.match(module_name(path))


@pytest.mark.parametrize("name", ALONE)
def test_the_clock_and_the_oracle_stand_alone(name: str) -> None:
    assert list(imports(ROOT / "cnorm" / name)) == []


@pytest.mark.parametrize("name", CYTHON_FILES)
def test_compiled_files_reach_only_below(name: str) -> None:
    body = text(ROOT / "cnorm" / name)
    ours = set(re.findall(r"^(?:from|c?import) (cnorm\.\w+)", body, re.M))
    for names in re.findall(r"^from cnorm c?import (.*)", body, re.M):
        ours |= set(names.split(", "))
    assert ours == CYTHON_FILES[name]
    assert ('extern from "cnorm.h"' in body) == name.startswith("_core")
    assert sorted(p.name for p in (ROOT / "cnorm").glob("*.p[yx][xd]")) == sorted(CYTHON_FILES)


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_the_short_way_is_the_only_door(path: Path) -> None:
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.ImportFrom) and (SHORT | SHORT_INT8) & {a.name for a in node.names}:
            assert (module_name(path), node.module) == ("cnorm.functional", "cnorm._entry")


def test_the_short_way_writes_no_rules() -> None:
    for name, public in (("_entry.pyx", SHORT), ("_entry_int8.pxi", SHORT_INT8)):
        body = text(ROOT / "cnorm" / name)
        assert not re.search(r"\b(raise|warn|expected)\b", body)
        assert set(re.findall(r"^def (\w+)", body, re.M)) == public


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_foreign_libraries_are_imported_lazily(path: Path) -> None:
    """At the top of a module: the standard library, NumPy and ourselves; one module is scikit-learn's."""
    if module_name(path) == "cnorm.preprocessing._sklearn":
        return
    foreign = {
        "torch",
        "ml_dtypes",
        "scipy",
        "sklearn",
        "onnx",
        "dask",
        "rich",
        "safetensors",
        "tokenizers",
        "PIL",
    }
    for node in ast.parse(text(path)).body:
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not foreign & {n.split(".")[0] for n in names}


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_c_includes(path: Path) -> None:
    ours = set(re.findall(r'#include "([^"]+)"', code(path)))
    if re.fullmatch(r"isa_\w+\.c", path.name):
        assert ours == {"isa.inc"}
    else:
        assert ours <= INCLUDES[path.name]


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_c_rooms_keep_to_their_duty(path: Path) -> None:
    body = code(path)
    assert "Python.h" not in body
    assert "numpy" not in body
    assert not re.search(r"\b(abort|exit|printf|fprintf|alloca|strcpy)\s*\(", body)
    if path.name not in (
        "exec.c",
        "picture.c",
        "quantize.c",
        "response.c",
        "blocks.c",
    ):  # drivers open and close scratch
        assert not re.search(r"\b(malloc|calloc|realloc|free)\s*\(", body)
    if path.name != "openmp.c":
        assert not re.search(r"#pragma omp|omp\.h", body)
    if path.name not in ("pool.c", "openmp.c", "lent.c"):
        assert "pthread" not in body
    if path.name not in ("exec.c", "picture.c", "pool.c", "lent.c", "threads.c", "blocks.c", "cpu.c"):
        assert "atomic" not in body
    if path.name not in ("vec.h", "bytes.h", "half.h", "pixels.h"):
        assert "immintrin.h" not in body
        assert not re.search(r"\b_mm\w*\(", body)


@pytest.mark.parametrize("path", [p for p in C_FILES if p.suffix in (".h", ".inc")], ids=relative)
def test_headers_export_nothing(path: Path) -> None:
    """Functions defined in headers are static: each instruction set keeps its own copy."""
    for line in code(path).splitlines():
        if re.match(r"(inline|extern inline)\b", line):
            pytest.fail(f"not static: {line}")


def test_instruction_sets_export_one_symbol() -> None:
    for path in C_FILES:
        if re.fullmatch(r"isa_\w+\.c", path.name):
            assert len(text(path).splitlines()) <= 20


def test_build_flags() -> None:
    build = text(ROOT / "setup.py") + text(ROOT / "tools" / "build_flags.py")
    assert "-ffp-contract=off" in build
    everything = build + text(ROOT / "pyproject.toml") + "".join(map(text, C_FILES))
    for flag in (
        "-ffast-math",
        "-Ofast",
        "-funsafe-math",
        "-fassociative",
        "-march=native",
        "-flto",
        "fast-math",
    ):
        assert not re.search(rf'"{flag}', everything)
        assert f"optimize({flag}" not in everything


@pytest.mark.parametrize(
    "path",
    [
        *C_FILES,
        *C_TESTS,
        *PYTHON_FILES,
        *(ROOT / "cnorm" / name for name in (*CYTHON_FILES, *PARTS)),
        ROOT / "setup.py",
    ],
    ids=relative,
)
def test_file_size(path: Path) -> None:
    assert len(text(path).splitlines()) <= LINES


def function_lengths(path: Path) -> Iterator[tuple[str, int]]:
    """Python functions with their lines of code, docstring apart."""
    for node in ast.walk(ast.parse(text(path))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[0]
            has_doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            doc = (first.end_lineno or 0) - first.lineno + 1 if has_doc else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - doc


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_function_size(path: Path) -> None:
    assert [(name, n) for name, n in function_lengths(path) if n > 60] == []


@pytest.mark.parametrize(
    "path", [p for p in [*C_FILES, *C_TESTS] if p.suffix in (".c", ".inc")], ids=relative
)
def test_c_function_size(path: Path) -> None:
    lines = text(path).splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{" or (re.match(r"[A-Za-z].*\)\s*\{$", line)):
            start = number
        if line == "}" and start is not None:
            assert number - start <= 60, f"{path.name}:{start + 1}"
            start = None


@pytest.mark.parametrize("path", [*PYTHON_FILES, *TEST_FILES], ids=relative)
def test_python_files_open_with_their_duty(path: Path) -> None:
    if not text(path).strip():
        return
    doc = ast.get_docstring(ast.parse(text(path)))
    assert doc
    assert text(path).startswith(('"""', 'r"""'))
    assert doc.splitlines()[0].endswith((".", ":")) or len(doc.splitlines()) > 1


@pytest.mark.parametrize("path", [*C_FILES, *C_TESTS], ids=relative)
def test_c_files_open_with_their_duty(path: Path) -> None:
    assert re.match(r"/\* " + re.escape(path.name) + ": .", text(path))


def test_the_gate_holds_no_mathematics() -> None:
    for name in CYTHON_FILES:
        assert not re.search(r"\b(sqrt|exp|log|pow|libc\.math)\b", text(ROOT / "cnorm" / name))
