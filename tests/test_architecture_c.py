"""The rules of the C house: which folder may include which, what only some may say, how long functions are.

Rules are about folders: a new file costs no edit here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sweep import sweep

ROOT = Path(__file__).parent.parent
if not (ROOT / "src_c").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

SRC_C = ROOT / "src_c"
C_FILES = sorted(p for p in SRC_C.rglob("*") if p.suffix in (".c", ".h", ".inc"))
C_TESTS = sorted((ROOT / "tests" / "c").glob("*.[ch]"))
LINES = 400

# Folders of the C core by layers, from the top; a file includes from its own folder and from layers below.
# cnorm.h lies below all of them.
C_LAYERS = (
    {"isa"},
    {"api", "call", "groups", "image", "lrn", "sparse", "windows"},
    {"read", "write"},
    {"job"},
    {"dispatch"},
    {"kernels"},
    {"memory", "plan", "simd", "threads"},
    {"verbs"},
)
# What only these folders may say.
C_WORDS = {
    r"\b(malloc|calloc|realloc|free)\s*\(": {"job", "memory", "write", *C_LAYERS[1]},
    r"#pragma omp|omp\.h|pthread": {"threads"},
    r"atomic": {"call", "dispatch", "groups", "image", "memory", "threads", "windows"},
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


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code(path: Path) -> str:
    """C without comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text(path), flags=re.S)


def folder(path: Path) -> str:
    return path.parent.name


def c_layer_of(name: str) -> int:
    depths = [i for i, names in enumerate(C_LAYERS) if name in names]
    assert len(depths) == 1, f"src_c/{name} has no layer"
    return depths[0]


@sweep(path=C_FILES)
def test_c_arrows_point_down(path: Path) -> None:
    for included in re.findall(r'#include "([^"]+)"', code(path)):
        assert (SRC_C / included).is_file(), f"{included}: expected a path from src_c"
        there, _, name = included.rpartition("/")
        if name == "cnorm.h" or there == folder(path):
            continue
        assert c_layer_of(there) > c_layer_of(folder(path)), f"{relative(path)} includes {included}"


@sweep(path=C_FILES)
def test_c_folders_keep_to_their_duty(path: Path) -> None:
    body = code(path)
    assert "Python.h" not in body
    assert "numpy" not in body
    assert not re.search(r"\b(abort|exit|printf|fprintf|alloca|strcpy)\s*\(", body)
    for words, folders in C_WORDS.items():
        assert folder(path) in folders or not re.search(words, body), words


@sweep(path=C_FILES)
def test_retired_words_stay_out(path: Path) -> None:
    """src_c/README.md says which word each of them gave way to."""
    body = re.sub(r'"[^"\n]*"', "", code(path))
    assert RETIRED.findall(body) == []


@sweep(path=[p for p in C_FILES if p.suffix in (".h", ".inc")])
def test_headers_export_nothing(path: Path) -> None:
    """Functions defined in headers are static: each instruction set keeps its own copy."""
    for line in code(path).splitlines():
        if re.match(r"(inline|extern inline)\b", line):
            pytest.fail(f"not static: {line}")


@sweep(path=[p for p in C_FILES if p.suffix == ".h"])
def test_guards_are_named_after_their_files(path: Path) -> None:
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


@sweep(path=[*C_FILES, *C_TESTS])
def test_file_size(path: Path) -> None:
    assert len(text(path).splitlines()) <= LINES


@sweep(path=[p for p in [*C_FILES, *C_TESTS] if p.suffix in (".c", ".inc")])
def test_c_function_size(path: Path) -> None:
    lines = text(path).splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{" or (re.match(r"[A-Za-z].*\)\s*\{$", line)):
            start = number
        if line == "}" and start is not None:
            assert number - start <= 60, f"{path.name}:{start + 1}"
            start = None


@sweep(path=[*C_FILES, *C_TESTS])
def test_c_files_open_with_their_duty(path: Path) -> None:
    assert re.match(r"/\* " + re.escape(path.name) + ": .", text(path))
