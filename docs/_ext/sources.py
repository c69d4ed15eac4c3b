"""Links from the API reference to the sources; of compiled functions to the careful ones of that name."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
description = import_module("long_description")


def careful(name: str) -> Any:
    """The function in Python that a compiled one has its name and signature from."""
    import cnorm._norms

    for found in pkgutil.iter_modules(cnorm._norms.__path__):
        module = import_module(f"cnorm._norms.{found.name}")
        function = getattr(module, name, None)
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            return function
    return None


def lines_of(thing: Any) -> tuple[Path, int] | None:
    """File and first line of what is written in Python."""
    try:
        return Path(inspect.getsourcefile(thing) or ""), inspect.getsourcelines(thing)[1]
    except (OSError, TypeError):
        return None


def assigned(module: str, name: str) -> tuple[Path, int] | None:
    """Where a module, or one beside it, says `name = `: of classes that a function makes."""
    for path in sorted(Path(import_module(module).__file__ or "").parent.glob("*.py")):
        for line, said in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if said.startswith(f"{name} = "):
                return path, line
    return None


def where(module: str, name: str) -> tuple[Path, int] | None:
    """File and line of a public object."""
    thing: Any = import_module(module)
    for part in name.split("."):
        thing = getattr(thing, part, None)
    if thing is None:
        return None
    written = inspect.unwrap(getattr(thing, "fget", None) or thing)
    return lines_of(written) or lines_of(careful(name)) or assigned(module, name)


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """The address of a line, for sphinx.ext.linkcode."""
    found = where(info["module"], info["fullname"]) if domain == "py" and info["module"] else None
    if found is None or not found[0].is_relative_to(ROOT):
        return None
    path = found[0].relative_to(ROOT).as_posix()
    return f"{description.repository()}/blob/v{description.version()}/{path}#L{found[1]}"


def setup(app: Any) -> dict[str, Any]:
    app.config.linkcode_resolve = linkcode_resolve
    return {"parallel_read_safe": True, "parallel_write_safe": True}
