"""Objects of an earlier build that still hold: made of nothing newer, and as they would be made now."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any


def dependencies(rule: str) -> list[str]:
    r"""The files of a rule that a compiler wrote by -MMD: `a.o: a.c \`, new line, ` a.h`."""
    _, _, files = rule.replace("\\\n", " ").partition(": ")
    return [name.replace("\\ ", " ") for name in re.findall(r"(?:\\ |\S)+", files)]


def is_inside(path: str, root: Path) -> bool:
    return Path(path).resolve().is_relative_to(root)


def arguments(given: list[str], root: Path) -> list[str]:
    """Without folders of elsewhere: an isolated build has its headers in a new one every time."""
    return [a for a in given if not (a.startswith("-I") and not is_inside(a[2:], root))]


def holds(made: Path, made_with: str, root: Path) -> bool:
    """Is an object as a compiler would make it now?"""
    rule, told = made.with_suffix(".d"), made.with_suffix(".made_with")
    if not (made.exists() and rule.exists() and told.exists()) or told.read_text() != made_with:
        return False
    since = made.stat().st_mtime
    own = [Path(name) for name in dependencies(rule.read_text()) if is_inside(name, root)]
    return all(path.exists() and path.stat().st_mtime <= since for path in own)


def keep(compiler: Any, root: Path, versions: str = "") -> None:
    """Lets a compiler of setuptools that has gcc's options leave alone what holds.

    `versions` stand for the headers from outside of the root.
    """
    answer = subprocess.run(
        [compiler.compiler_so[0], "--version"], capture_output=True, text=True, check=False
    )
    facts = [platform.python_version(), versions, answer.stdout, *compiler.compiler_so]
    compile: Callable[..., None] = compiler._compile

    def compile_if_needed(
        made: str, source: str, ext: str, cc: list[str], extra: list[str], pp: list[str]
    ) -> None:
        object_ = Path(made)
        made_with = json.dumps([*facts, *arguments([*cc, *extra, *pp], root)])
        if holds(object_, made_with, root):
            return
        told = object_.with_suffix(".made_with")
        told.unlink(missing_ok=True)  # an object that is half written holds no longer
        compile(made, source, ext, cc, [*extra, "-MMD", "-MF", str(object_.with_suffix(".d"))], pp)
        told.write_text(made_with)

    compiler._compile = compile_if_needed
