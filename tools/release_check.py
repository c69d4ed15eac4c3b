"""What can be said of a release without a host: python tools/release_check.py [WORD ...], see --help.

Every word is a check that prints what it found wrong; without one, all run. RELEASING.md says when.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import contents
import links
from long_description import ROOT, repository, version

SCHEMAS = {
    "vendor.github-workflows": ".github/workflows/*.yml",
    "vendor.dependabot": ".github/dependabot.yml",
    "vendor.github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "vendor.github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.citation-file-format": "CITATION.cff",
}
Problems = Iterator[str]


def told_versions() -> dict[str, str | None]:
    """The version by each file that has it."""
    forms = {
        "CITATION.cff": r"^version: (\S+)",
        "conda/recipe.yaml": r'^  version: "(\S+)"',
        "CHANGELOG.md": r"^## (\S+)",
    }
    found = {
        name: re.search(form, (ROOT / name).read_text(encoding="utf-8"), re.M) for name, form in forms.items()
    }
    return {name: match and match[1] for name, match in found.items()}


def check_version(tag: str | None) -> Problems:
    """Does every file tell the version of the package, and the tag, if there is one?"""
    own = version()
    final = re.sub(r"(rc|\.dev)\d+$", "", own)  # whose changes a candidate has
    for name, told in told_versions().items():
        if told not in (own, final):
            yield f"{name}: version {told}, the package has {own}"
    if tag is not None:
        if tag != f"v{own}":
            yield f"the tag is {tag}, the package has {own}"
        if "rc" not in tag and f"## {own} (unreleased)" in (ROOT / "CHANGELOG.md").read_text(
            encoding="utf-8"
        ):
            yield f"CHANGELOG.md: {own} has no date"


def check_addresses() -> Problems:
    """Does every address of a repository of ours name the one of the metadata?"""
    address = repository()
    owner, name = address.split("/")[-2:]
    ours = re.compile(
        rf"(?:github\.com/([\w.-]+/{name})\b|([\w-]+)\.github\.io/{name}\b|--repo ([\w.-]+/{name})\b)"
    )
    for path in sorted(ROOT.rglob("*")):
        if path.suffix in (".md", ".yml", ".yaml", ".toml", ".cff") and not {"build", ".git"} & {*path.parts}:
            for found in ours.finditer(path.read_text(encoding="utf-8")):
                said = found[1] or found[3] or f"{found[2]}/{name}"
                if said != f"{owner}/{name}":
                    yield f"{path.relative_to(ROOT)}: {said}, the metadata say {owner}/{name}"


def check_links(online: bool) -> Problems:
    """Do the links of pages and of a built site lead somewhere? Those to elsewhere: if `online`."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"]
    for page in pages:
        yield from (f"{page.relative_to(ROOT)}: {target}" for target in links.broken_links(page))
    site = ROOT / "build" / "docs"
    if site.is_dir():
        yield from (f"build/docs/{problem}" for problem in links.broken_references(site))
    else:
        print("  no build/docs: make docs makes the site, whose links are looked at, too")
    elsewhere = links.addresses(pages)
    print(
        f"  {len(pages)} pages; {len(elsewhere)} addresses of elsewhere{'' if online else ' not asked for'}"
    )
    if online:
        yield from filter(None, map(links.does_not_answer, sorted(elsewhere)))


def said(*command: str | Path, cwd: Path = ROOT) -> str | None:
    """What a command that failed said last; None if it did not fail."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    lines = (done.stdout + done.stderr).strip().splitlines()
    return "\n    ".join([" ".join(map(str, command)), *lines[-15:]])


def check_schemas() -> Problems:
    """Are workflows, forms and citation what their schemas ask for? actionlint looks closer, where it is."""
    for schema, pattern in SCHEMAS.items():
        files = sorted(ROOT.glob(pattern))
        if not files:
            yield f"{pattern}: no such file"
            continue
        module = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema)
        problem = said(*module, *files)
        if problem:
            yield problem
    actionlint = shutil.which("actionlint")
    print(f"  actionlint: {actionlint or 'not here'}")
    problem = said(actionlint, "-no-color") if actionlint else None
    if problem:
        yield problem


def check_recipe() -> Problems:
    """Can the conda recipe be rendered, to the version of the package?"""
    try:
        import rattler_build
    except ImportError:
        print("  rattler-build: not here (pip install py-rattler-build)")
        return
    recipe = rattler_build.Stage0Recipe.from_file(str(ROOT / "conda" / "recipe.yaml"))
    variants = rattler_build.VariantConfig.from_file(str(ROOT / "conda" / "variants.yaml"))
    rendered = [str(variant.recipe) for variant in recipe.render(variants)]
    print(f"  {', '.join(rendered)}")
    if not rendered or any(f"version='{version()}'" not in one for one in rendered):
        yield f"conda/recipe.yaml: rendered as {rendered}, the package has {version()}"


def made_in(folder: Path, *kinds: str) -> Problems:
    """Distributions, each with what it holds and its metadata looked at."""
    problem = said(sys.executable, "-m", "build", *kinds, "--outdir", folder, ".")
    if problem:
        yield problem
        return
    for path in sorted(folder.iterdir()):
        yield from (f"{path.name}: {problem}" for problem in contents.problems_of(path))
    problem = said(sys.executable, "-m", "twine", "check", "--strict", *sorted(folder.iterdir()))
    if problem:
        yield problem


def check_distributions() -> Problems:
    """The source distribution, the wheel made of it: contents, metadata, each in an empty environment."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        made = work / "dist"
        problems = list(made_in(made))
        yield from problems
        if problems:
            return
        shutil.copy(ROOT / "tools" / "smoke.py", work)
        for path in sorted(made.iterdir()):
            python = work / path.name.replace(".", "-") / "bin" / "python"
            for command in (
                (sys.executable, "-m", "venv", python.parents[1]),
                (python, "-m", "pip", "install", "--quiet", path),
                (python, "smoke.py"),  # with python -m cnorm check
            ):
                problem = said(*command, cwd=work)
                if problem:
                    yield f"{path.name}: {problem}"
                    break
            else:
                print(f"  {path.name}: {path.stat().st_size / 1e6:.2f} MB, installed and right by itself")


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tag", help="what is released: v0.2.0")
    parser.add_argument(
        "--online", action="store_true", help="ask for the pages of elsewhere that are linked"
    )
    words = ("version", "addresses", "links", "schemas", "recipe", "distributions")
    parser.add_argument("words", nargs="*", metavar="WORD", help=", ".join(words))
    options = parser.parse_args()
    checks: dict[str, Callable[[], Problems]] = {
        "version": lambda: check_version(options.tag),
        "addresses": check_addresses,
        "links": lambda: check_links(options.online),
        "schemas": check_schemas,
        "recipe": check_recipe,
        "distributions": check_distributions,
    }
    if unknown := set(options.words) - checks.keys():
        parser.error(f"no such check: {', '.join(sorted(unknown))}")
    wrong = 0
    for word in options.words or words:
        print(f"{word}:", flush=True)
        for problem in checks[word]():
            print(f"  WRONG: {problem}", flush=True)
            wrong += 1
    print("nothing is wrong" if not wrong else f"{wrong} problems")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
