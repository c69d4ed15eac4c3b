"""What a distribution holds: python tools/contents.py FILE..., sdists and wheels; fails if one is wrong."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

COMPILED = (".so", ".pyd")
# In a wheel: what runs, what type checkers and compilers read, what the demos compare with.
IN_WHEELS = {*COMPILED, ".py", ".pyi", ".typed", ".h", ".pxd", ".npy"}
FOR_OTHERS = {
    "cnorm/py.typed",
    "cnorm/_native/core.pyi",
    "cnorm/_native/kept.pyi",
    "cnorm/c_api.pxd",
    "cnorm/include/cnorm_api.h",
}
SIGNS_OF_BUILDS = {*COMPILED, ".o", ".pyc"}


def sdist_problems(names: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Tracked files that are missing from a source distribution, and files that a build made."""
    inside = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in names}
    generated = {f"{name[:-4]}.c" for name in inside if name.endswith(".pyx")}
    made = {name for name in inside if PurePosixPath(name).suffix in SIGNS_OF_BUILDS or name in generated}
    return [f"missing: {name}" for name in sorted(set(tracked) - inside)] + [
        f"made by a build: {name}" for name in sorted(made)
    ]


def wheel_problems(names: Iterable[str]) -> list[str]:
    """Files a wheel should not hold, and what it lacks."""
    inside = {name for name in names if not name.endswith("/")}
    own = {name for name in inside if not PurePosixPath(name).parts[0].endswith(".dist-info")}
    problems = [
        f"not for wheels: {name}"
        for name in sorted(own)
        if PurePosixPath(name).parts[0] not in ("cnorm", "cnorm_cpu.libs")
        or (not name.startswith("cnorm_cpu.libs/") and PurePosixPath(name).suffix not in IN_WHEELS)
    ]
    compiled = {
        PurePosixPath(name).name.split(".")[0] for name in own if PurePosixPath(name).suffix in COMPILED
    }
    wanted = {"core", "rows"} - compiled
    wanted |= FOR_OTHERS - own
    wanted |= set() if any(name.endswith("/LICENSE") for name in inside - own) else {"LICENSE"}
    return problems + [f"missing: {name}" for name in sorted(wanted)]


def tracked() -> list[str]:
    """The files git keeps, or none outside of a repository."""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if (root / ".git").exists() else []


def problems_of(path: Path) -> list[str]:
    """The problems of one distribution."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel_problems(wheel.namelist())
    with tarfile.open(path) as sdist:
        return sdist_problems([member.name for member in sdist if member.isfile()], tracked())


def main(paths: list[str]) -> int:
    """Reports each distribution; returns the exit code."""
    found = 0
    for path in map(Path, paths):
        problems = problems_of(path)
        verdict = "; ".join(problems) or "contents as they should be"
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {verdict}")
        found += len(problems)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
