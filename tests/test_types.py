"""What type checkers say of public functions: by mypy's reveal_type, as a user's editor shows it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import cnorm

pytest.importorskip("mypy")

pytestmark = pytest.mark.thorough

MODULES = ("cnorm", "cnorm.functional", "cnorm.preprocessing", "cnorm.stats", "cnorm.sparse")
# Arguments that may be what no type says: sparse matrices, frames, loaders; some of pictures.
UNTYPED = {"a", "X", "by", "scale", "clip", "batches", "layers", "image", "mean", "std"}
USES = """
import numpy as np
import cnorm, cnorm.functional as F, cnorm.nn as nn

x = np.ones((2, 3), np.float32)
reveal_type(F.layer_norm(x, 3))
reveal_type(F.layer_norm([[1.0, 2.0]], (2,), residual=x))
reveal_type(cnorm.moments(x, axis=(0, 1)))
reveal_type(cnorm.standardize(x))
reveal_type(cnorm.standardize(x, return_moments=True))
reveal_type(cnorm.group_moments(x, [0, 1]))
reveal_type(nn.BatchNorm1d(3)(x))
F.layer_norm(x, "three")
F.group_norm(x, 1, weight=object())
cnorm.moments(x, axis=1.5)
"""
OPTIONS = ("--config-file=", "--follow-imports=silent", "--ignore-missing-imports", "--no-color-output")
ARRAY = r"numpy\.ndarray\[Any, Any\]"


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Its messages about every public function, then about USES."""
    lines = [f"import {m}" for m in MODULES]
    lines += [f"reveal_type({m}.{n})" for m, n in functions()]
    folder = tmp_path_factory.mktemp("types")
    (folder / "all.py").write_text("\n".join(lines), encoding="utf-8")
    (folder / "uses.py").write_text(USES, encoding="utf-8")
    root = str(Path(cnorm.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *OPTIONS, "--cache-dir", str(folder / "cache"), "all.py", "uses.py"],
        cwd=folder,
        env={"MYPYPATH": root, "PATH": "", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not done.stderr
    return done.stdout.splitlines()


def functions() -> list[tuple[str, str]]:
    return [
        (module, name)
        for module in MODULES
        for name in import_module(module).__all__
        if inspect.isroutine(getattr(import_module(module), name))
    ]


def revealed(messages: list[str], file: str) -> list[str]:
    return re.findall(rf'^{file}:\d+: note: Revealed type is "(.*)"$', "\n".join(messages), re.M)


def test_no_argument_is_of_any_type(mypy: list[str]) -> None:
    found = revealed(mypy, "all.py")
    assert len(found) == len(functions()) > 70
    for (module, name), kind in zip(functions(), found, strict=True):
        loose = set(re.findall(r"(\w+)(?:\?)?: Any\b", kind)) - UNTYPED
        assert not loose, f"{module}.{name}: {loose}"


def test_results_and_mistakes(mypy: list[str]) -> None:
    rows, both, moments, plain, three, groups, layer = revealed(mypy, "uses.py")
    assert all(re.fullmatch(ARRAY, kind) for kind in (rows, plain, layer))
    assert re.fullmatch(rf"tuple\[{ARRAY}, {ARRAY}\]", both)
    assert moments.startswith("tuple[")
    assert three.startswith("tuple[numpy.ndarray")
    assert re.fullmatch(rf"tuple\[{ARRAY}, {ARRAY}\]", groups)
    errors = [m for m in mypy if m.startswith("uses.py") and ": error: " in m]
    named = [
        ["normalized_shape", "layer_norm"],
        ['"weight"', "group_norm"],
        ['"axis"', "moments"],
    ]
    text = "\n".join(errors)
    assert all(any(word in text for word in words) for words in named), text
    lines = {m.split(":")[1] for m in errors}
    assert len(lines) == 3, text
