"""Every example runs, checks its claims and prints; the pictures of the documents come from them."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent
if not (ROOT / "examples").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

ELSEWHERE = {"dask_large.py"}  # tests/interop/test_dask.py
EXAMPLES = sorted(p for p in (ROOT / "examples").glob("[a-z]*.py") if p.name not in ELSEWHERE)
DRAWN = [path for path in EXAMPLES if "picture(draw)" in path.read_text(encoding="utf-8")]


def run(path: Path, *arguments: str) -> str:
    """What the script prints; warnings are errors."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_runs(path: Path, tmp_path: Path) -> None:
    """Those that draw are run with --save, once."""
    draws = path in DRAWN and importlib.util.find_spec("matplotlib") is not None
    lines = run(path, *(("--save", str(tmp_path)) if draws else ())).splitlines()
    assert len(lines) >= 3
    if draws:
        assert lines[-1].startswith("wrote ")
        assert (tmp_path / f"{path.stem}.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


@pytest.mark.parametrize("path", [path for path in EXAMPLES if path not in DRAWN], ids=lambda p: p.stem)
def test_a_picture_that_is_not_there_is_refused(path: Path, tmp_path: Path) -> None:
    """--save is never ignored in silence."""
    command = [sys.executable, str(path), "--save", str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--save: this example has no picture" in done.stderr


def test_pictures_without_matplotlib(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, str(DRAWN[0]), "--save", str(tmp_path)]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--save needs matplotlib: pip install matplotlib" in done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_is_short_and_checks_what_it_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    checks = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert len(text.splitlines()) < 80
    assert ast.get_docstring(tree)
    assert len(checks) >= 1
    assert all(check.msg is not None for check in checks)


def test_documents_show_the_pictures() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert len(DRAWN) >= 4
    for path in DRAWN:
        assert (ROOT / "docs" / "img" / f"{path.stem}.svg").exists()
        assert f"img/{path.stem}.svg)" in pages, path.name


def test_the_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells in turn; it is stored without their results."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    cells = json.loads((ROOT / "examples" / "tour.ipynb").read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 6
    names: dict[str, object] = {}
    for cell in code:
        assert not cell["outputs"]
        exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    plt.close("all")
