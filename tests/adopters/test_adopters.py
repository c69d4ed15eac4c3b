"""Scripts of examples/adopters: short, right, and what docs/adopters.md says of them was measured."""

from __future__ import annotations

import ast
import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "examples").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

from bench import adopters  # noqa: E402

EXAMPLES = sorted(adopters.EXAMPLES.glob("[a-z]*.py"))
# Of float32 with a mean of 1000 deviations at the most, and of float64.
LARGEST = {"float32": 1e-6, "uint8": 1e-6, "float64": 1e-14}


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def packages(path: Path) -> set[str]:
    """What it imports, by the first names."""
    nodes = list(ast.walk(ast.parse(source(path))))
    plain = {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
    names = plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.split(".")[0] for name in names} - {"_compare", "cnorm", "os", "sys"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_is_short(path: Path) -> None:
    """At most twenty lines beside what it imports, its docstring, and the last two, which are everyone's."""
    tree = ast.parse(source(path))
    assert ast.get_docstring(tree)
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    rest = [node for node in tree.body[1:-1] if not isinstance(node, (ast.Import, ast.ImportFrom))]
    lines = [ln for node in rest for ln in (ast.get_source_segment(source(path), node) or "").splitlines()]
    assert len([ln for ln in lines if ln.strip()]) <= 20


@pytest.mark.thorough
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_it_runs_and_is_right(path: Path) -> None:
    for name in sorted(packages(path)):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}")
    done = adopters.run(path, "--quick")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout.splitlines()[-1])
    assert record["errors"]["ours"] <= LARGEST[record["arrays"].split()[-1]]
    assert abs(record["difference"] - record["errors"]["today"]) <= 2 * record["errors"]["ours"] + 1e-18
    assert min(record["seconds"].values()) > 0
    assert 2 <= record["lines"] <= 10


@pytest.mark.thorough
def test_it_prints_both_times_and_the_difference() -> None:
    path = adopters.EXAMPLES / "nemo_features.py"
    import subprocess
    import sys

    command = [sys.executable, str(path), "--quick"]
    done = subprocess.run(command, env=adopters.environment(), capture_output=True, text=True, check=True)
    told = done.stdout
    assert "today" in told and "with cnorm" in told and "difference" in told  # noqa: PT018
    assert told.count(" µs") == 2


def test_the_page_is_made_of_the_results() -> None:
    """And every row's script is there."""
    records = adopters.load()
    assert (ROOT / adopters.PAGE).read_text(encoding="utf-8") == adopters.page(records)
    assert sorted(records) == [path.stem for path in EXAMPLES]


def test_every_package_is_named_where_they_are_installed() -> None:
    """The extra `adopters`, the extras it asks for, and what those bring."""
    extras = tomllib.loads(source(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    named = {
        name.split("[")[0].split("=")[0] for name in extras["adopters"] + extras["test"] + extras["onnx"]
    }
    ran = {record["package"] for record in adopters.load().values() if record["version"]}
    assert ran <= named


def test_a_row_without_a_package_says_so() -> None:
    record = {**adopters.load()["nemo_features"], "version": ""}
    assert "(its formula)" in adopters.line(record)
