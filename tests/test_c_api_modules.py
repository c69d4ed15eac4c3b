"""Modules of others that call the table, in C, Cython and numba: the bits of Python's functions."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from array import array
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import cnorm
import cnorm.functional as F

pytestmark = pytest.mark.thorough

EXAMPLES = Path(__file__).parent.parent / "examples" / "compiled"
if not EXAMPLES.is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

COMPILER = (sysconfig.get_config_var("CC") or "cc").split()[0]
# Of another table: its version and its size are those of the object below.
OTHER = """#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <cnorm_api.h>
#if CNORM_API_VERSION != 1
#error another version
#endif
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "other", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_other(void) { return import_cnorm() ? PyModule_Create(&definition) : NULL; }
"""
ALONE = """#include <cnorm_api.h>
int main(void) { return sizeof(cnorm_api) == 8 + 7 * sizeof(void (*)(void)) ? 0 : 1; }
"""


def needs_compiler() -> None:
    if shutil.which(COMPILER) is None or not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        pytest.skip(f"needs a compiler ({COMPILER}) and Python.h")


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def load(name: str, folder: Path) -> ModuleType:
    (path,) = (p for p in folder.glob(f"{name}.*") if p.suffix in (".so", ".pyd"))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules of examples/compiled."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    needs_compiler()
    folder = tmp_path_factory.mktemp("compiled")
    for path in EXAMPLES.iterdir():
        shutil.copy(path, folder) if path.is_file() else None
    run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], folder)
    return folder


def test_from_cython(built: Path) -> None:
    module = load("from_cython", built)
    x = np.random.default_rng(0).normal(1e3, 2, (17, 300)).astype(np.float32)
    y = np.empty_like(x)
    module.normalize_rows(x, y)
    assert (y == F.layer_norm(x, (300,))).all()
    x[11, 100:200] *= 2
    assert module.loudest(x.ravel(), 100) == int(cnorm.moments(x.reshape(-1, 100), axis=1)[1].argmax())
    with pytest.raises(ValueError, match="kind, eps, eps_mode, correction: not one this function takes"):
        module.normalize_rows(x, y, eps=-1.0)


def test_from_c(built: Path) -> None:
    module = load("from_c", built)
    x = np.random.default_rng(0).normal(1e3, 2, (40, 30))
    assert module.moments(x.T[::2]) == cnorm.moments(x.T[::2])
    assert module.moments(array("d", [1, 2, 3])) == (2.0, 2 / 3)
    with pytest.raises(TypeError, match="expected doubles"):
        module.moments(b"bytes")


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("CNORM_API_VERSION 1", "CNORM_API_VERSION 2", "compiled with version 2 .* cnorm has version 1"),
        (
            "    /* New ones",
            "    int (*later)(void);\n    /* New ones",
            r"version 1 of .*\(72 bytes\).*\(64 bytes\)",
        ),
    ],
)
def test_a_header_of_another_table_is_refused(tmp_path: Path, was: str, becomes: str, message: str) -> None:
    """What is missing, or lies elsewhere, is never called."""
    needs_compiler()
    header = Path(cnorm.get_include(), "cnorm_api.h").read_text(encoding="utf-8")
    assert header.count(was) == 1
    (tmp_path / "cnorm_api.h").write_text(header.replace(was, becomes))
    (tmp_path / "other.c").write_text(
        OTHER.replace("!= 1", f"!= {becomes[-1]}") if "VERSION" in was else OTHER
    )
    build(tmp_path, str(tmp_path))
    with pytest.raises(ImportError, match=message):
        load("other", tmp_path)


def build(folder: Path, include: str) -> None:
    """The module other.c."""
    pytest.importorskip("setuptools")
    code = f"""from setuptools import Extension, setup
setup(name="other", ext_modules=[Extension("other", ["other.c"], include_dirs=[{include!r}])])"""
    (folder / "setup.py").write_text(code)
    run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], folder)


def test_a_table_that_grew_serves_old_headers(tmp_path: Path) -> None:
    """One without the last function, which still finds all it knows."""
    needs_compiler()
    header = Path(cnorm.get_include(), "cnorm_api.h").read_text(encoding="utf-8")
    start, end = header.index("    /* y = (x - center)"), header.index("    /* New ones")
    (tmp_path / "cnorm_api.h").write_text(header[:start] + header[end:])
    (tmp_path / "other.c").write_text(OTHER)
    build(tmp_path, str(tmp_path))
    assert load("other", tmp_path).__name__ == "other"


@pytest.mark.parametrize("language", [("c", "-std=c99"), ("c++", "-std=c++11")], ids=lambda kind: kind[0])
def test_the_header_stands_alone(tmp_path: Path, language: tuple[str, str]) -> None:
    """Without Python.h, without a warning."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("needs gcc or clang")
    (tmp_path / "alone.c").write_text(ALONE)
    flags = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
    run([compiler, "-x", *language, *flags, "-I", cnorm.get_include(), "alone.c"], tmp_path)


def test_from_numba(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    printed = run([sys.executable, str(EXAMPLES / "from_numba.py")], tmp_path)
    assert "[40 41 42 43]" in printed
