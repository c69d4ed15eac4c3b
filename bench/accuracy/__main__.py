"""Measures everything and writes docs/accuracy.md and its charts: python -m bench.accuracy."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.accuracy.measure import Record, all_records
from bench.accuracy.tables import document, part
from bench.machine import describe
from bench.report import ROOT, replaced


def write(records: list[Record], machine: dict[str, object], root: Path) -> None:
    """The part of docs/accuracy.md between the marks, docs/develop/accuracy.md and docs/img."""
    from bench.accuracy.charts import draw

    images = draw(records, root / "docs" / "img")
    page = root / "docs" / "accuracy.md"
    text = replaced(page.read_text(encoding="utf-8"), part(records, machine, images))
    page.write_text(text, encoding="utf-8")
    (root / "docs" / "develop" / "accuracy.md").write_text(document(records, machine), encoding="utf-8")
    print(f"{len(records)} records: docs/accuracy.md and {len(images)} charts in {root}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="where docs are written")
    write(all_records(), describe(), parser.parse_args().root)


if __name__ == "__main__":
    main()
