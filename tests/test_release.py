"""What a release is looked at with: links, addresses, versions; and the README as an index shows it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import cnorm

ROOT = Path(__file__).parent.parent
if not (ROOT / "tools").is_dir():
    pytest.skip("needs the source tree", allow_module_level=True)
links, description, release_check = map(import_module, ("links", "long_description", "release_check"))


def test_every_file_tells_the_same_version() -> None:
    assert set(release_check.told_versions().values()) == {cnorm.__version__, description.version()}
    assert list(release_check.check_version(None)) == []
    wrong = list(release_check.check_version("v9.9"))
    assert wrong[0] == f"the tag is v9.9, the package has {cnorm.__version__}"


@pytest.mark.parametrize("own", ["9.9.0rc1", "9.9.0.dev0", "9.9.0"])
def test_other_versions_are_found(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_check, "version", lambda: own)
    wrong = list(release_check.check_version(f"v{own}"))
    assert [line.split(":")[0] for line in wrong] == ["CITATION.cff", "conda/recipe.yaml", "CHANGELOG.md"]
    told = dict.fromkeys(release_check.told_versions(), "9.9.0")
    monkeypatch.setattr(release_check, "told_versions", lambda: told)
    assert list(release_check.check_version(f"v{own}")) == []  # a candidate has the changes of what it is for


def test_every_address_of_ours_is_the_repositorys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(release_check.check_addresses()) == []
    monkeypatch.setattr(release_check, "ROOT", tmp_path)
    name = description.repository().rsplit("/")[-1]
    (tmp_path / "page.md").write_text(
        f"https://github.com/other/{name}/issues https://other.github.io/{name}/ https://github.com/other/thing"
    )
    assert [line.split(",")[0] for line in release_check.check_addresses()] == [f"page.md: other/{name}"] * 2


def test_the_changelogs_first_section_is_this_version() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    heading = next(line for line in lines if line.startswith("## "))
    assert re.fullmatch(rf"## {re.escape(cnorm.__version__)} \((unreleased|\d{{4}}-\d\d-\d\d)\)", heading)


def test_links_of_the_readme_lead_somewhere_from_an_index() -> None:
    text = "[a](docs/a.md#b) ![p](docs/img/p.png) [c](https://x.org/y) [d](#here) `x[0](1)`"
    assert description.absolute(text, "https://h/o/r", "v1") == (
        "[a](https://h/o/r/blob/v1/docs/a.md#b) ![p](https://h/o/r/raw/v1/docs/img/p.png)"
        " [c](https://x.org/y) [d](#here) `x[0](https://h/o/r/blob/v1/1)`"
    )
    shown = description.long_description()
    assert f"]({description.repository()}/blob/v{cnorm.__version__}/docs/" in shown
    assert not [t for t in re.findall(r"\]\(([^)\s]+)\)", shown) if "://" not in t and t[0] != "#"]


def test_references_of_a_site(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id="here"><a href="b.html#there"><a href="#here"><a href="#no"><img src="no.png"><a href="https://x.org">'
    )
    (tmp_path / "b.html").write_text('<a name="there" href="a.html#no"><a href="a.html">')
    assert links.broken_references(tmp_path) == ["a.html: #no", "a.html: no.png", "b.html: a.html#no"]


def test_classifiers_name_the_pythons_of_the_workflows() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    classified = set(re.findall(r'Python :: (3\.\d+)"', pyproject))
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    (tried,) = re.findall(r'python: \[("3\.11", .*)\]', workflow.partition("others:")[0])
    assert classified == set(re.findall(r"3\.\d+", tried))
    assert f'requires-python = ">={min(classified, key=lambda v: int(v[2:]))}"' in pyproject
