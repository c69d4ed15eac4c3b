"""What conftest.py decides: which doctests can run, and on how many cores."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import run
from test_import import HIDE, OPTIONAL, imported

ROOT = Path(__file__).parent.parent
if not (ROOT / "conftest.py").is_file():
    pytest.skip("needs the source tree", allow_module_level=True)
pytestmark = pytest.mark.thorough

INI = """
[tool.pytest.ini_options]
testpaths = ["tests", "cnorm"]
addopts = "--doctest-modules -p no:cacheprovider"
"""
TEST = 'import os\ndef test_who():\n    print("run by", os.environ.get("PYTEST_XDIST_WORKER", "itself"))\n'
MODULE = '"""\n>>> 1 + 1\n2\n"""\n'


def tree(folder: Path, **modules: str) -> Path:
    """A small project with this conftest.py and a package cnorm of the given modules."""
    files = {"pyproject.toml": INI, "tests/test_one.py": TEST, "cnorm/__init__.py": ""}
    files |= {f"cnorm/{name}.py": text for name, text in modules.items()}
    files["conftest.py"] = (ROOT / "conftest.py").read_text()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m pytest`, which puts the folder on the path."""
    command = [sys.executable, "-m", "pytest", *arguments]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    "broken",
    [
        "import no_such_library",
        "from no_such_library.part import name",
        "try:\n    import no_such_library\nexcept ImportError as e:\n    raise ImportError('how') from e",
        "from cnorm.other import name",
    ],
)
def test_a_module_without_its_library_is_skipped(tmp_path: Path, broken: str) -> None:
    text = MODULE + broken
    done = pytest_in(tree(tmp_path, other="import no_such_library\nname = 1", this=text), "cnorm", "-rs")
    assert done.returncode == 5, done.stdout + done.stderr  # nothing is left to run
    assert "cnorm/this.py:1: no module named 'no_such_library'" in done.stdout


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ("import cnorm.no_such_module", "cnorm.no_such_module"),
        ("from cnorm import no_such_name", "no_such_name"),
        ("from json import no_such_name", "no_such_name"),
        ("import numpy.no_such_module", "numpy.no_such_module"),
        ("raise ImportError('the disk is full')", "the disk is full"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_an_error_of_our_own_is_one(tmp_path: Path, broken: str, message: str) -> None:
    done = pytest_in(tree(tmp_path, this=MODULE + broken), "cnorm")
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stdout


def test_all_of_it_takes_every_core(tmp_path: Path) -> None:
    pytest.importorskip("xdist")
    tree(tmp_path, this=MODULE)
    assert "run by gw" in (everything := pytest_in(tmp_path, "-rP")).stdout, everything
    assert "2 passed" in everything.stdout
    for named in (["tests"], ["-n0"], ["-p", "no:xdist"], ["-m", "not slow"]):
        assert "run by itself" in pytest_in(tmp_path, "-rP", *named).stdout, named


PARAMETERS = """
import pytest
@pytest.mark.parametrize("n", range(4))
def test_four(n):
    print("four", n)
    if n == 2:
        pytest.importorskip("late")
def test_late():
    pytest.importorskip("late")
"""


@pytest.mark.parametrize("options", [[], ["-n2"]], ids=" ".join)
def test_thinly(tmp_path: Path, options: list[str]) -> None:
    """What did not pass for want of a library, and the ends of what each test passed."""
    if options:
        pytest.importorskip("xdist")
    tree(tmp_path, bridge=MODULE + "import late", this=MODULE)
    (tmp_path / "pyproject.toml").write_text(INI.replace("-p no:cacheprovider", ""))
    (tmp_path / "tests" / "test_two.py").write_text(PARAMETERS)
    (tmp_path / "tests" / "test_three.py").write_text("import pytest\npytest.importorskip('late')\n" + TEST)
    first = pytest_in(tmp_path)
    assert "5 passed" in first.stdout, first
    named = pytest_in(tmp_path, "tests/test_one.py", "-k", "who")  # what is named is not the whole
    assert "1 passed" in named.stdout
    (tmp_path / "late.py").write_text("")
    thin = pytest_in(tmp_path, "--thin", "-rP", *options).stdout
    assert "8 passed" in thin, thin
    assert [f"four {n}" in thin for n in range(4)] == [True, False, True, True], thin


FILES = [*(ROOT / "tests").rglob("*.py")]
NOT_MISSED = {path.stem for path in FILES} | {"bench", "pytest", "_pytest", "hypothesis"}
LIBRARIES = sorted(set(OPTIONAL).union(*map(imported, FILES)) - NOT_MISSED)


@pytest.mark.slow  # a quarter of a minute each
@pytest.mark.parametrize("library", LIBRARIES)
def test_all_is_collected_without(library: str) -> None:
    """Tests and doctests that need it are skipped, nothing is an error."""
    collect = 'import pytest\nsys.exit(pytest.main(["--co", "-qq", "-p", "no:cacheprovider"]))\n'
    done = run(HIDE.replace("HIDDEN", repr([library])) + collect)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
