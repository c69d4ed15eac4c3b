"""Links that lead nowhere: of markdown pages in the tree, of a built site, and of addresses elsewhere."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its code, which may have brackets that are no links."""
    return re.sub(r"^(`{3,}).*?^\1|`[^`\n]*`", "", text(page), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text(page), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def targets(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def broken_links(page: Path) -> list[str]:
    """Relative targets of a markdown page that do not exist."""
    broken = []
    for target in targets(page):
        name, _, anchor = target.partition("#")
        there = page.parent / name if name else page
        if "://" not in target and (not there.exists() or (anchor and anchor not in anchors(there))):
            broken.append(target)
    return broken


def addresses(pages: Iterable[Path]) -> set[str]:
    """What lies elsewhere."""
    return {target.partition("#")[0] for page in pages for target in targets(page) if "://" in target}


class Page(HTMLParser):
    """What a page of HTML has, and what it refers to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.references: set[str] = set()
        self.feed(text(path))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if value and name in ("id", "name"):
                self.ids.add(value)
            if value and name in ("href", "src"):
                self.references.add(value)


def broken_references(site: Path) -> list[str]:
    """Of all pages of a built site: files and anchors that are not there."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    broken = []
    for path, page in pages.items():
        for reference in sorted(page.references):
            parts = urlsplit(reference)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = there / "index.html" if there.is_dir() else there
            wanted = unquote(parts.fragment)
            known = pages.get(there)
            if not there.exists() or (wanted and known is not None and wanted not in known.ids):
                broken.append(f"{path.relative_to(site)}: {reference}")
    return broken


def does_not_answer(address: str) -> str | None:
    """Why a page of elsewhere can't be had."""
    request = urllib.request.Request(address, headers={"User-Agent": "cnorm's release check"})
    try:
        with urllib.request.urlopen(request, timeout=20):
            return None
    except OSError as error:
        return f"{address}: {error}"
