"""Formulas as MathML: browsers show it without a script from elsewhere."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.utils.math import latex2mathml, pick_math_environment


def inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(latex2mathml.tex2mathml(node.astext()))
    raise nodes.SkipNode


def block(writer: Any, node: nodes.math_block) -> None:
    text = node.astext()
    if "\\\\" in text:
        text = f"\\begin{{{(name := pick_math_environment(text))}}}{text}\\end{{{name}}}"
    writer.body.append(f"<div>{latex2mathml.tex2mathml(text, as_block=True)}</div>")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
