"""autosummary's tables without the marks of references, whose targets are on the pages they lead to."""

from __future__ import annotations

import re
from typing import Any

from sphinx.ext.autosummary import Autosummary


class Summaries(Autosummary):
    """The first sentence of each docstring, less `[1]_`."""

    def get_items(self, names: list[str]) -> list[tuple[str, str | None, str, str]]:
        found = super().get_items(names)
        return [(name, sig, re.sub(r" \[[\w-]+\]_", "", text), real) for name, sig, text, real in found]


def setup(app: Any) -> dict[str, Any]:
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("autosummary", Summaries, override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
