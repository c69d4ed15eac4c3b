"""Every recipe runs as it stands, in a process of its own."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "recipes.md"
if not PAGE.exists():
    pytest.skip("needs the source tree", allow_module_level=True)

TEXT = PAGE.read_text(encoding="utf-8")
RECIPES = dict(
    re.findall(r"^## (.*?)$.*?^```python\n(.*?)^```$", TEXT, re.M | re.S)
)  # the Chinese page has the same


def libraries(code: str) -> set[str]:
    """What it imports."""
    nodes = list(ast.walk(ast.parse(code)))
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_all_are_found() -> None:
    assert len(RECIPES) == TEXT.count("```python") >= 6
    assert all("assert " in code for code in RECIPES.values())


@pytest.mark.parametrize("title", RECIPES)
def test_recipe(title: str, tmp_path: Path) -> None:
    code = RECIPES[title]
    for name in libraries(code):
        pytest.importorskip(name.split(".")[0])
    if '"fork"' in code and not hasattr(os, "fork"):
        pytest.skip("needs fork")
    program = tmp_path / "recipe.py"
    program.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
