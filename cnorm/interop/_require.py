"""The import of a library a bridge leads to, with an error that names the extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def require(module: str, extra: str) -> Any:
    """The module.

    Raises
    ------
    ImportError
        It, or something it needs, is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f'cnorm.interop.{extra} needs {module}: pip install "cnorm[{extra}]" ({error})'
        ) from error
