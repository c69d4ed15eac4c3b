"""Documents name only what is there: files of the tree, tests of the promises, targets of the Makefile."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import cnorm

ROOT = Path(__file__).parent.parent
if not (ROOT / "docs").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)

broken_links, text = import_module("links").broken_links, import_module("links").text

PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md")), ROOT / "bench" / "README.md"]
PROMISES = ROOT / "docs" / "promises.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_named_files_exist(page: Path) -> None:
    named = set(re.findall(r"`((?:tests|tools|bench|docs|src_c|cnorm)/[\w./-]+)`", text(page)))
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A heading, here\n[a](#a-heading-here) [b](#no) [c](no.md) [d](page.md#no) `x[1](2)`\n")
    assert broken_links(page) == ["#no", "no.md", "page.md#no"]


def test_the_site_names_every_page() -> None:
    trees = re.findall(r"^```\{toctree\}\n(.*?)^```", text(ROOT / "docs" / "index.md"), re.M | re.S)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    names = [re.sub(r".*<(.*)>", r"\1", line) for line in listed]
    pages = {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")
    }
    assert sorted(names) == sorted(name for name in pages - {"index"} if not name.startswith("api/generated"))


def test_every_promise_has_its_test() -> None:
    rows = [line.split("|")[1:3] for line in text(PROMISES).splitlines() if line.startswith("|")][2:]
    assert len(rows) > 20
    for promise, proof in rows:
        files = re.findall(r"`((?:tests|tools)/[^`]+)`", proof)
        assert files, promise
        for name in files:
            path = ROOT / name
            assert path.exists(), name
            assert not re.match(r"tests/.*\.py$", name) or "def test_" in text(path), name


def test_make_targets_are_there() -> None:
    makefile = text(ROOT / "Makefile")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.M))
    named = {t for page in PAGES for t in re.findall(r"`make ([a-z0-9-]+)`", text(page))}
    assert named <= targets
    assert set(" ".join(re.findall(r"\.PHONY: (.*)", makefile)).split()) == targets


@pytest.mark.parametrize("page", [page for page in PAGES if ">>> " in text(page)], ids=lambda p: p.name)
def test_examples_run(page: Path) -> None:
    """Fences are no part of an example: they end it where an empty line would."""
    body = re.sub(r"^```.*$", "", text(page), flags=re.M)
    example = doctest.DocTestParser().get_doctest(body, {}, page.name, str(page), 0)
    results = doctest.DocTestRunner(verbose=False).run(example)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_api_reference_has_every_public_module() -> None:
    listed = text(ROOT / "docs" / "api" / "index.md")
    modules = [name for name in cnorm.__all__ if isinstance(getattr(cnorm, name), ModuleType)]
    assert len(modules) >= 3
    assert [name for name in modules if f"\n   cnorm.{name}" not in listed] == []


def code_blocks(page: Path) -> list[str]:
    """Without comments, which are in the page's language."""
    blocks = re.findall(r"^```.*?^```", text(page), re.M | re.S)
    return [re.sub(r" *# .*", "", block) for block in blocks]


TRANSLATED = {
    "README.md": "README.zh-CN.md",
    "docs/guide.md": "docs/zh/guide.md",
    "docs/recipes.md": "docs/zh/recipes.md",
}


@pytest.mark.parametrize("page", TRANSLATED)
def test_translations_keep_in_step(page: str) -> None:
    """Code, headings, pictures, and the rows of tables."""
    english, chinese = ROOT / page, ROOT / TRANSLATED[page]
    assert code_blocks(english) == code_blocks(chinese)
    for mark in (r"^##+ ", r"^!\[", r"^\|", r"^- "):
        assert len(re.findall(mark, text(english), re.M)) == len(re.findall(mark, text(chinese), re.M)), mark


def test_the_chinese_readme_has_what_may_be_typed() -> None:
    typed = r"`((?:python|pip|cnorm\.|with cnorm|CNORM_)[^`]*)`"
    pages = (text(ROOT / name) for name in ("README.md", "README.zh-CN.md"))
    english, chinese = (re.sub(r"^```.*?^```", "", page, flags=re.M | re.S) for page in pages)
    assert set(re.findall(typed, english)) == set(re.findall(typed, chinese))


def test_the_readme_is_short_and_its_quick_start_runs() -> None:
    readme = text(ROOT / "README.md")
    assert len(readme.splitlines()) <= 130
    (block,) = [b for b in re.findall(r"^```python\n(.*?)^```", readme, re.M | re.S) if ">>> " not in b]
    names: dict[str, object] = {}
    exec(block, names)
    assert names["pixels"].shape == (3, 224, 224)  # type: ignore[attr-defined]
