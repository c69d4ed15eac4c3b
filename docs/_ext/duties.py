"""The directive `duties`: a table of source files, each with the line that states its duty."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

ROOT = Path(__file__).resolve().parents[2]


def duty(path: Path) -> str:
    """What a C file says behind its name in its first sentence, a Python file in its docstring."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".py", ".pyx"):
        doc = ast.get_docstring(ast.parse(text)) if path.suffix == ".py" else text.split('"""')[1]
        return (doc or "").strip().splitlines()[0]
    comment = re.match(r"/\*\s*[\w.]+:\s*(.*?)(?:\n \*\n|\*/)", text, re.S)
    return re.sub(r"\s*\n \* ", " ", comment.group(1)).strip() if comment else ""


class Duties(Directive):
    """Content: patterns of files from the root of the tree, in the order of the table."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        found = [path for pattern in " ".join(self.content).split() for path in sorted(ROOT.glob(pattern))]
        table, group = nodes.table(), nodes.tgroup(cols=2)
        group += [nodes.colspec(colwidth=1), nodes.colspec(colwidth=3)]
        body = nodes.tbody()
        for path in dict.fromkeys(found):
            said = duty(path)
            if said:
                cells = nodes.literal(text=path.name), nodes.Text(said)
                body += nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))
        group += body
        table += group
        return [table]


def setup(app: Any) -> dict[str, Any]:
    app.add_directive("duties", Duties)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
