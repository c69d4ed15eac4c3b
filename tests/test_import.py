"""What `import cnorm` brings: no modules beyond NumPy's but its own, the rest of cnorm on first use.

And what becomes of each module where a library is missing that cnorm can do without.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest
from processes import run

import cnorm
from cnorm.interop._require import PACKAGES

pytestmark = pytest.mark.thorough

LATER = ("nn", "preprocessing", "stats")
BRIDGES = ("dask", "onnx", "torch", "transformers")
OURS = ("cnorm", "cython_runtime", "_cython_")  # Cython's modules hold what its types share
# Small and usually there already.
SMALL = {"__future__", "contextlib", "importlib", "math", "operator", "platform", "typing"}
PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def imported(path: Path) -> set[str]:
    """The foreign libraries that any line of a Python file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found} - {"cnorm", "numpy", *sys.stdlib_module_names}


def wanted() -> dict[str, set[str]]:
    """Each of these libraries, with the folders of modules and the bridges that want it."""
    folder = Path(cnorm.__file__).parent
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        for name in imported(path):
            found.setdefault(name, set()).add(str(path if path.parent.name == "interop" else path.parent))
    for bridge, packages in PACKAGES.items():
        for name in packages:
            found.setdefault(name, set()).update((bridge, str(folder / "interop" / f"{bridge}.py")))
    return found


def apart(libraries: dict[str, set[str]]) -> list[list[str]]:
    """Sets of libraries of which nothing wants two: what one is missed for, no other hides."""
    sets: list[list[str]] = []
    for name in sorted(libraries):
        fitting = (known for known in sets if not any(libraries[k] & libraries[name] for k in known))
        known = next(fitting, None)
        if known is None:
            sets.append([name])
        else:
            known.append(name)
    return sets


OPTIONAL = sorted(wanted())


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
    for name in (*LATER, "_bench", "_check", "demo", "interop"):
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
    assert re.search(
        rf"ImportError: cnorm\.interop\.{name} needs {name}.*: pip install {name}\b", done.stderr
    )
    assert importlib.import_module("cnorm.interop").__all__ == sorted(BRIDGES)


def test_bridges_name_the_packages_of_their_extra() -> None:
    tomllib = pytest.importorskip("tomllib")  # from Python 3.11 on
    if not PYPROJECT.is_file():
        pytest.skip("needs the source tree")
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert {name: list(packages) for name, packages in PACKAGES.items()} == {b: extras[b] for b in BRIDGES}


# Puts some libraries out of reach.
HIDE = """
import importlib, json, pkgutil, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HIDDEN:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""
# Imports every module then, and tells what went wrong: {module: [kind, message]}.
IMPORT_ALL = """
import cnorm

failed = {}
for found in pkgutil.walk_packages(cnorm.__path__, "cnorm."):
    try:
        if found.name != "cnorm.__main__":
            importlib.import_module(found.name)
    except BaseException as error:
        failed[found.name] = [type(error).__name__, str(error)]
cnorm.preprocessing.StandardScaler().fit_transform([[1.0], [2.0]])
print(json.dumps(failed))
"""


@pytest.mark.parametrize("hidden", [*apart(wanted()), OPTIONAL], ids=" ".join)
def test_every_module_without(hidden: list[str]) -> None:
    """It is imported, or says which package to install; the scalers work with none."""
    done = run(HIDE.replace("HIDDEN", repr(hidden)) + IMPORT_ALL)
    assert done.returncode == 0, done.stderr
    failed = json.loads(done.stdout)
    # The one module that imports a library at its top; `_alone` takes its place.
    kind, _ = failed.pop("cnorm.preprocessing._sklearn", ("ModuleNotFoundError", ""))
    assert kind == "ModuleNotFoundError"
    for module, (kind, message) in failed.items():
        assert kind == "ImportError", (module, message)
        how = re.match(r"cnorm\.interop\.\w+ needs [\w.]+: pip install ([\w ]+) \(", message)
        assert how, (module, message)
        assert set(how.group(1).split()) & {*hidden, *absent()}, (module, message)


def absent() -> set[str]:
    return {name for name in OPTIONAL if importlib.util.find_spec(name) is None}


def test_a_star_import_brings_all() -> None:
    assert brought_by("from cnorm import *") >= {f"cnorm.{name}" for name in LATER}
    assert set(dir(cnorm)) >= set(cnorm.__all__)


def test_unknown_attributes() -> None:
    with pytest.raises(AttributeError, match=r"^module 'cnorm' has no attribute 'affinity'$"):
        _ = cnorm.affinity
