"""The flags of a build on every platform, what is compiled again, and what a distribution holds."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parent.parent / "tools"
if not TOOLS.is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)


def load(name: str) -> Any:
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build, contents, kept = load("build_flags"), load("contents"), load("kept_objects")
BUILDS = {
    "linux x86-64": ("gcc", "linux-x86_64"),
    "linux clang": ("clang", "linux-x86_64"),
    "linux aarch64": ("gcc", "linux-aarch64"),
    "macos arm64": ("clang", "macosx-11.0-arm64"),
    "macos universal": ("clang", "macosx-11.0-universal2"),
    "windows": ("clang-cl", "win-amd64"),
    "windows arm64": ("clang-cl", "win-arm64"),
    "mingw": ("gcc", "win-amd64"),
}
by_build = pytest.mark.parametrize("name", BUILDS)


def spelled(flags: list[str]) -> list[str]:
    """As clang spells them, whoever passes them on."""
    return [flag.removeprefix("/clang:") for flag in flags]


@by_build
@pytest.mark.parametrize("openmp", [False, True])
def test_the_contract_of_bits_holds_everywhere(name: str, openmp: bool) -> None:
    chosen = build.flags(*BUILDS[name], openmp)
    assert {"-std=c11", "-ffp-contract=off", "-fno-math-errno", "-O3"} <= set(spelled(chosen.compile))
    everything = " ".join([*chosen.compile, *chosen.link, *chain(*chosen.isa.values()), *chosen.cython])
    assert not re.search("fast-math|-Ofast|unsafe-math|fassociative|march=native|flto", everything)


@by_build
def test_instruction_sets_are_for_their_cpus_alone(name: str) -> None:
    chosen = build.flags(*BUILDS[name], False)
    assert not [flag for flag in chosen.compile if "-march" in flag]
    expected = {
        "linux x86-64": ["-march=x86-64-v3"],
        "linux clang": ["-march=x86-64-v3"],
        "linux aarch64": [],
        "macos arm64": ["-Xarch_x86_64", "-march=x86-64-v3"],
        "macos universal": ["-Xarch_x86_64", "-march=x86-64-v3"],
        "windows": ["/clang:-march=x86-64-v3"],
        "windows arm64": [],
        "mingw": ["-march=x86-64-v3"],
    }
    assert chosen.isa["x86_v3"] == expected[name]


@by_build
def test_every_instruction_set_has_a_file(name: str) -> None:
    sources = {path.stem for path in (TOOLS.parent / "src_c" / "isa").glob("*.c")}
    assert {*build.flags(*BUILDS[name], False).isa, "base"} == sources


@by_build
def test_options_of_gcc_are_for_gcc_alone(name: str) -> None:
    compiler, _ = BUILDS[name]
    chosen = build.flags(*BUILDS[name], False)
    assert ("-fno-tree-loop-distribute-patterns" in chosen.compile) == (compiler == "gcc")


def test_clang_cl_gets_no_option_it_does_not_know() -> None:
    """It would take -Wall as every warning there is, and ignore GCC's options."""
    for openmp in (False, True):
        chosen = build.flags("clang-cl", "win-amd64", openmp)
        for flag in [*chosen.compile, *chain(*chosen.isa.values())]:
            assert flag.startswith("/clang:") or flag in ("-W3", "-openmp")
        assert ("-openmp" in chosen.compile) == openmp
        assert chosen.link == (["libomp.lib"] if openmp else [])


@pytest.mark.parametrize(
    ("name", "openmp", "compile", "link"),
    [
        ("linux x86-64", False, ["-pthread"], ["-pthread"]),
        ("linux x86-64", True, ["-fopenmp"], ["-fopenmp"]),
        ("macos arm64", False, ["-pthread"], ["-pthread"]),
        ("macos arm64", True, ["-Xpreprocessor", "-fopenmp"], ["-lomp"]),
        ("mingw", True, ["-fopenmp"], ["-fopenmp"]),
    ],
)
def test_threads(name: str, openmp: bool, compile: list[str], link: list[str]) -> None:
    chosen = build.flags(*BUILDS[name], openmp)
    assert chosen.compile[-len(compile) :] == compile
    assert chosen.link == link


@pytest.mark.parametrize(
    ("platform", "asked", "expected"),
    [
        ("linux-x86_64", {}, False),
        ("linux-x86_64", {"CNORM_OPENMP": "1"}, True),
        ("linux-x86_64", {"CNORM_OPENMP": "0"}, False),
        ("macosx-11.0-arm64", {}, False),
        ("win-amd64", {}, True),
        ("win-amd64", {"CNORM_OPENMP": "0"}, False),
    ],
)
def test_who_gets_openmp(platform: str, asked: dict[str, str], expected: bool) -> None:
    assert build.uses_openmp(platform, asked) is expected


SDIST = [
    "cnorm_cpu-1/setup.py",
    "cnorm_cpu-1/cnorm/_native/core.pyx",
    "cnorm_cpu-1/src_c/plan/plan.c",
    "cnorm_cpu-1/PKG-INFO",
]
WHEEL = [
    *(
        "cnorm/_native/core.cpython-311-x86_64-linux-gnu.so",
        "cnorm/_native/short/rows.pyd",
        "cnorm/nn/lazy.py",
        "cnorm/py.typed",
    ),
    *(
        "cnorm/_native/core.pyi",
        "cnorm/_native/kept.pyi",
        "cnorm/c_api.pxd",
        "cnorm/include/cnorm_api.h",
        "cnorm/demo/data/x.npy",
        "cnorm_cpu-1.dist-info/licenses/LICENSE",
    ),
    *("cnorm_cpu-1.dist-info/RECORD", "cnorm_cpu.libs/libgomp-1.so.1.0.0", "cnorm/nn/"),
]


@pytest.mark.parametrize(
    ("extra", "tracked", "problems"),
    [
        ([], ["setup.py", "src_c/plan/plan.c"], []),
        ([], ["setup.py", "src_c/job/job.c"], ["missing: src_c/job/job.c"]),
        (["cnorm_cpu-1/cnorm/_native/core.c"], [], ["made by a build: cnorm/_native/core.c"]),
        (["cnorm_cpu-1/cnorm/_native/core.so"], [], ["made by a build: cnorm/_native/core.so"]),
    ],
)
def test_contents_of_source_distributions(extra: list[str], tracked: list[str], problems: list[str]) -> None:
    assert contents.sdist_problems(SDIST + extra, tracked) == problems


@pytest.mark.parametrize(
    "stray", ["cnorm/_native/core.c", "cnorm/_native/core.pyx", "src_c/plan/plan.c", "tests/test_plan.py"]
)
def test_contents_of_wheels(stray: str) -> None:
    assert contents.wheel_problems(WHEEL) == []
    assert contents.wheel_problems([*WHEEL, stray]) == [f"not for wheels: {stray}"]


def test_what_a_wheel_lacks() -> None:
    missing = {"rows": "rows.pyd", "cnorm/py.typed": "py.typed", "LICENSE": "LICENSE"}
    for name, end in missing.items():
        rest = [inside for inside in WHEEL if not inside.endswith(end)]
        assert contents.wheel_problems(rest) == [f"missing: {name}"]


class Compiles:
    """A compiler of setuptools as far as kept objects see it: gcc, and what it was asked for."""

    def __init__(self, cc: str) -> None:
        self.compiler_so, self.asked = [cc], list[str]()

    def _compile(
        self, made: str, source: str, ext: str, cc: list[str], extra: list[str], pp: list[str]
    ) -> None:
        self.asked.append(Path(source).name)
        subprocess.run([*self.compiler_so, *pp, *cc, source, "-o", made, *extra], check=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two C files, one of which includes a file that includes another."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a tree").mkdir()
    for name, text in {
        "a.c": '#include "x.inc"\n#include "e.h"\n',
        "b.c": "int b;\n",
        "x.inc": '#include "y.inc"\n',
        "y.inc": "int y;\n",
        "../elsewhere/e.h": "int e;\n",
    }.items():
        path = tmp_path / "a tree" / name
        path.write_text(text)
        os.utime(path, (1e9, 1e9))
    return tmp_path / "a tree"


def build_again(tree: Path, *flags: str, versions: str = "1") -> list[str]:
    """What is compiled now."""
    cc = shutil.which("gcc") or shutil.which("clang")
    if cc is None:
        pytest.skip("needs gcc or clang")
    compiler = Compiles(cc)
    kept.keep(compiler, tree, versions)
    for name in ("a", "b"):
        made, source = (str(tree / f"{name}.{end}") for end in "oc")
        compiler._compile(
            made, source, ".c", ["-c", *flags], [], [f"-I{tree}", f"-I{tree.parent / 'elsewhere'}"]
        )
    return compiler.asked


def test_only_what_is_touched_is_compiled_again(tree: Path) -> None:
    assert build_again(tree) == ["a.c", "b.c"]
    assert build_again(tree) == []
    for touched, expected in {"y.inc": ["a.c"], "b.c": ["b.c"], "../elsewhere/e.h": []}.items():
        os.utime(tree / touched)
        later = (tree / "a.o").stat().st_mtime + 5
        os.utime(tree / touched, (later, later))
        assert build_again(tree) == expected, touched
        os.utime(tree / touched, (1e9, 1e9))
        assert build_again(tree) == [], touched


def test_what_is_made_otherwise_is_compiled_again(tree: Path) -> None:
    build_again(tree)
    assert build_again(tree, "-O1") == ["a.c", "b.c"]
    assert build_again(tree, "-O1", versions="2") == ["a.c", "b.c"]  # of headers from outside
    assert build_again(tree, "-O1", versions="2") == []
    (tree / "a.o").unlink()
    (tree / "b.d").unlink()
    assert build_again(tree, "-O1", versions="2") == ["a.c", "b.c"]


def test_what_did_not_compile_is_tried_again(tree: Path) -> None:
    build_again(tree)
    (tree / "x.inc").write_text("no C\n")
    with pytest.raises(subprocess.CalledProcessError):
        build_again(tree)
    with pytest.raises(subprocess.CalledProcessError):
        build_again(tree)
    (tree / "x.inc").unlink()
    with pytest.raises(subprocess.CalledProcessError):
        build_again(tree)
