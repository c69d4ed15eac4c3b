"""Sphinx: the pages of docs/*.md, and an API reference generated from the docstrings."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "_ext"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from cnorm import __version__, interop

project = "cnorm"
author = "the cnorm developers"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.linkcode",
    "numpydoc",
    "charts",
    "duties",
    "mathml",
    "sources",
    "summaries",
]
exclude_patterns = ["_templates", "_ext"]
templates_path = ["_templates"]
nitpicky = False

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

# Members come from each module's __all__: a public name needs no line here.
autosummary_generate = True
autosummary_ignore_module_all = False
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_docstring_signature = True
numpydoc_show_class_members = False

# What the bridges' extras bring is imported at the top of theirs; where it is not installed, a stand-in is.
with (Path(__file__).parents[1] / "pyproject.toml").open("rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
brought = {
    package for bridge in interop.__all__ for package in re.findall(r"^\w+", "\n".join(extras[bridge]), re.M)
}
autodoc_mock_imports = sorted(name for name in brought if find_spec(name) is None)

html_theme = "furo"
html_theme_options = {
    "source_repository": f"{import_module('long_description').repository()}/",
    "source_branch": "main",
    "source_directory": "docs/",
}
html_math_renderer = "mathml"
html_title = f"cnorm {version}"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_show_sphinx = False
html_copy_source = False


def setup(app: Any) -> None:
    """Members that scikit-learn's base classes bring are described there."""

    def skip(app: Any, what: str, name: str, member: Any, skipped: bool, options: Any) -> bool | None:
        return True if str(getattr(member, "__module__", "")).startswith("sklearn.") else None

    app.connect("autodoc-skip-member", skip)
