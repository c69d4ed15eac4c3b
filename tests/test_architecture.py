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

SRC_C = ROOT / "src_c"
C_FILES = sorted(p for p in SRC_C.rglob("*") if p.suffix in (".c", ".h", ".inc"))
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

# Folders of the C core by layers, from the top; a file includes from its own folder and from layers below.
# cnorm.h lies below all of them.
C_LAYERS = (
    {"isa"},
    {"call", "image", "lrn"},
    {"dispatch"},
    {"kernels"},
    {"memory", "plan", "simd", "threads"},
)
# What only these folders may say.
C_WORDS = {
    r"\b(malloc|calloc|realloc|free)\s*\(": {"call", "image", "lrn", "memory"},
    r"#pragma omp|omp\.h|pthread": {"threads"},
    r"atomic": {"call", "dispatch", "image", "memory", "threads"},
    r"immintrin\.h|\b_mm\w*\(": {"simd"},
}
# Words that once meant several things each, as names or parts of names (cn_make_walk, job->units).
RETIRED = re.compile(
    r"(?<![a-zA-Z])(?:ahead|boost|boosted|coarsen|doubts|draw|far|fold|folded|give_back|lend|lent|passing"
    r"|picture|pictures|rescue|respond|response|settle|slot|slots|span|spans|together|unit|units|walk|walks)"
    r"(?![a-zA-Z])"
)


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


def folder(path: Path) -> str:
    return path.parent.name


def c_layer_of(name: str) -> int:
    depths = [i for i, names in enumerate(C_LAYERS) if name in names]
    assert len(depths) == 1, f"src_c/{name} has no layer"
    return depths[0]


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_c_arrows_point_down(path: Path) -> None:
    for included in re.findall(r'#include "([^"]+)"', code(path)):
        assert (SRC_C / included).is_file(), f"{included}: expected a path from src_c"
        there, _, name = included.rpartition("/")
        if name == "cnorm.h" or there == folder(path):
            continue
        assert c_layer_of(there) > c_layer_of(folder(path)), f"{relative(path)} includes {included}"


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_c_folders_keep_to_their_duty(path: Path) -> None:
    body = code(path)
    assert "Python.h" not in body
    assert "numpy" not in body
    assert not re.search(r"\b(abort|exit|printf|fprintf|alloca|strcpy)\s*\(", body)
    for words, folders in C_WORDS.items():
        assert folder(path) in folders or not re.search(words, body), words


@pytest.mark.parametrize("path", C_FILES, ids=relative)
def test_retired_words_stay_out(path: Path) -> None:
    """src_c/README.md says which word each of them gave way to."""
    body = re.sub(r'"[^"\n]*"', "", code(path))
    assert RETIRED.findall(body) == []


@pytest.mark.parametrize("path", [p for p in C_FILES if p.suffix in (".h", ".inc")], ids=relative)
def test_headers_export_nothing(path: Path) -> None:
    """Functions defined in headers are static: each instruction set keeps its own copy."""
    for line in code(path).splitlines():
        if re.match(r"(inline|extern inline)\b", line):
            pytest.fail(f"not static: {line}")


@pytest.mark.parametrize("path", [p for p in C_FILES if p.suffix == ".h"], ids=relative)
def test_c_guards_are_named_after_their_files(path: Path) -> None:
    """Parts of vec.h are included there and nowhere else: they have none."""
    wanted = f"{'CN_' if path.stem != 'cnorm' else ''}{path.stem.upper()}_H"
    found = re.findall(r"#ifndef (\w+_H)\n#define (\w+)", text(path))
    assert found == ([] if folder(path) == "simd" else [(wanted, wanted)])


def test_instruction_sets_export_one_symbol() -> None:
    for path in (SRC_C / "isa").glob("*.c"):
        assert len(text(path).splitlines()) <= 20
        assert re.findall(r'#include "([^"]+)"', text(path)) == ["isa/isa.inc"]


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
