"""What `import cnorm` brings: no modules beyond NumPy's but its own, the rest of cnorm on first use."""

from __future__ import annotations

import ast
import importlib

import pytest
from processes import run

import cnorm

pytestmark = pytest.mark.thorough

LATER = ("nn", "preprocessing")
BRIDGES = ("dask", "onnx", "torch")
OURS = ("cnorm", "cython_runtime", "_cython_")  # Cython's modules hold what its types share
# Small and usually there already.
SMALL = {"__future__", "contextlib", "importlib", "math", "operator", "platform", "typing"}


def brought_by(code: str) -> set[str]:
    """Modules that a fresh interpreter with NumPy does not have before `code`."""
    done = run(
        "import sys; sys.modules['threadpoolctl'] = None\n"
        f"import numpy\nbefore = set(sys.modules)\n{code}\nprint(sorted(set(sys.modules) - before))"
    )
    assert done.returncode == 0, done.stderr
    return set(ast.literal_eval(done.stdout))


def test_import_brings_nothing_heavy() -> None:
    brought = brought_by("import cnorm")
    foreign = {name for name in brought if not name.startswith(OURS)}
    assert foreign <= SMALL
    assert "cnorm.functional" in brought
    for name in (*LATER, "demo", "interop"):
        assert f"cnorm.{name}" not in brought


@pytest.mark.parametrize("name", [*LATER, "interop"])
def test_submodules_come_on_first_use(name: str) -> None:
    for use in (f"cnorm.{name}", f"getattr(cnorm, {name!r})", f"exec('from cnorm import {name}')"):
        assert f"cnorm.{name}" in brought_by(f"import cnorm; {use}")
    assert getattr(cnorm, name) is importlib.import_module(f"cnorm.{name}")
    assert name in dir(cnorm)


@pytest.mark.parametrize("name", BRIDGES)
def test_bridges_are_built_on_demand(name: str) -> None:
    """`cnorm.interop` brings no foreign library, and a bridge without its own says how to get it."""
    assert name not in brought_by("import cnorm.interop")
    done = run(f"import sys; sys.modules[{name!r}] = None\nimport cnorm.interop.{name}")
    assert f'pip install "cnorm[{name}]"' in done.stderr
    assert importlib.import_module("cnorm.interop").__all__ == sorted(BRIDGES)


def test_a_star_import_brings_all() -> None:
    assert brought_by("from cnorm import *") >= {f"cnorm.{name}" for name in LATER}
    assert set(dir(cnorm)) >= set(cnorm.__all__)


def test_unknown_attributes() -> None:
    with pytest.raises(AttributeError, match="module 'cnorm' has no attribute 'layernorm'"):
        _ = cnorm.layernorm  # type: ignore[attr-defined]
