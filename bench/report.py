"""Tables and charts from result files: python -m bench.report [FILE ...]."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.results import Results, load
from bench.tables import document, short

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".benchmarks" / "results.json"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def replaced(text: str, part: str, marks: tuple[str, str] = (BEGIN, END)) -> str:
    """A page with another part between its marks."""
    begin, end = marks
    before, rest = text.split(begin)
    return f"{before}{begin}\n{part}\n{end}{rest.split(end)[1]}"


def write(results: Results, root: Path) -> None:
    """docs/benchmarks.md, docs/img and the README's part."""
    from bench.charts import draw

    images = draw(results, root / "docs" / "img")
    (root / "docs" / "benchmarks.md").write_text(document(results, images), encoding="utf-8")
    readme = root / "README.md"
    part = short(results, "docs/img/overview.png")
    readme.write_text(replaced(readme.read_text(encoding="utf-8"), part), encoding="utf-8")
    print(f"{len(results.records)} records: README.md, docs/benchmarks.md and {len(images)} charts in {root}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="later files replace cases of earlier ones")
    parser.add_argument("--root", type=Path, default=ROOT, help="where README.md and docs are written")
    options = parser.parse_args()
    write(load(options.files or [RESULTS]), options.root)


if __name__ == "__main__":
    main()
