"""Charts: captions by what they show, a way to their full size; numbers in tables stay with their units."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

WITH_UNIT = re.compile(r"(?<=\d) (?=(?:ns|µs|ms|s|[KMG]i?B|%)$)")


def is_caption(node: nodes.Node | None) -> bool:
    """A paragraph in italics, as the pages that are written by commands have under each chart."""
    return isinstance(node, nodes.paragraph) and isinstance(node.next_node(), nodes.emphasis)


class Charts(SphinxPostTransform):
    """The pages are Markdown that reads as it is: what the site adds is added here."""

    default_priority = 5  # while images have the names that the page gives them

    def run(self, **kwargs: Any) -> None:
        for image in list(self.document.findall(nodes.image)):
            image["width"] = "100%"  # Sphinx makes what has a width lead to its file; house.css undoes it
            inside, said = image.parent, image.get("alt", "")
            if (
                said
                and isinstance(inside, nodes.paragraph)
                and not is_caption(inside.next_node(siblings=True, descend=False))
            ):
                caption = nodes.emphasis(text=said[0].upper() + said[1:])
                inside.parent.insert(inside.parent.index(inside) + 1, nodes.paragraph("", "", caption))
        for entry in self.document.findall(nodes.entry):
            for text in list(entry.findall(nodes.Text)):
                text.parent.replace(text, nodes.Text(WITH_UNIT.sub("\N{NO-BREAK SPACE}", text)))


def setup(app: Any) -> dict[str, Any]:
    app.add_post_transform(Charts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
