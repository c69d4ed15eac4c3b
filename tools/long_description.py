"""README.md for the page of an index: links into the tree by their addresses in the repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def repository(pyproject: Path = ROOT / "pyproject.toml") -> str:
    """Its address, from the project's metadata."""
    urls = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["urls"]
    return str(urls["Source"])


def absolute(text: str, address: str, tree: str) -> str:
    """Every link and picture of the tree by its address at a tag or branch; the others as they are."""

    def target(found: re.Match[str]) -> str:
        before, name = found.groups()
        kind = "raw" if before.startswith("!") else "blob"
        return f"{before}({address}/{kind}/{tree}/{name})"

    return re.sub(r"(!?\[[^\]]*\])\((?!\w+:|#)([^)\s]+)\)", target, text)


def version() -> str:
    """Of the package, which the build does not import."""
    source = (ROOT / "cnorm" / "_system" / "version.py").read_text(encoding="utf-8")
    return source.split('"')[-2]


def long_description() -> str:
    """The README at the tag of the version."""
    return absolute((ROOT / "README.md").read_text(encoding="utf-8"), repository(), f"v{version()}")
