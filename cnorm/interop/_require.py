"""The import of a library a bridge leads to, with an error that says how to get it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

# What a bridge's extra asks for, by the names of the packages, which are those of their modules. They are
# named instead of the extra: pip takes them wherever cnorm came from.
PACKAGES = {
    "dask": ("dask", "distributed"),
    "onnx": ("onnx", "ml_dtypes"),
    "torch": ("torch",),
    "transformers": ("transformers", "kernels", "torch"),
}


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


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
        packages = PACKAGES[extra]
        missing = [package for package in packages if not _is_there(package)] or packages
        how = f"pip install {' '.join(missing)}"
        raise ImportError(f"cnorm.interop.{extra} needs {module}: {how} ({error})") from error
