"""Tables and charts from result files: python -m bench.report [--readme] [FILE ...]."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.results import Results, load
from bench.shown import CHINESE, ENGLISH, short
from bench.tables import document

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".benchmarks" / "results.json"
READMES = {"README.md": ENGLISH, "README.zh-CN.md": CHINESE}
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def replaced(text: str, part: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """A page with another part between its marks."""
    begin, end = marks
    before, rest = text.split(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"


def write_readmes(results: Results, root: Path) -> None:
    """The part of each README, and its chart."""
    from bench.charts import draw_readme

    draw_readme(results, root / "docs" / "img")
    for name, words in READMES.items():
        readme = root / name
        part = short(results, "docs/img/readme.png", words)
        readme.write_text(replaced(readme.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"{', '.join(READMES)} in {root}")


def write(results: Results, root: Path) -> None:
    """docs/benchmarks.md and docs/img."""
    from bench.charts import draw

    images = draw(results, root / "docs" / "img")
    (root / "docs" / "benchmarks.md").write_text(document(results, images), encoding="utf-8")
    print(f"{len(results.records)} records: docs/benchmarks.md and {len(images)} charts in {root}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="later files replace cases of earlier ones")
    parser.add_argument("--root", type=Path, default=ROOT, help="where README.md and docs are written")
    parser.add_argument("--readme", action="store_true", help="the READMEs alone, from a run of their cases")
    options = parser.parse_args()
    results = load(options.files or [RESULTS])
    write_readmes(results, options.root)
    if not options.readme:
        write(results, options.root)


if __name__ == "__main__":
    main()
