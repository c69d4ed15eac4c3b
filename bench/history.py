"""Ratios over stored runs, a column for each: python -m bench.history PEER FILE..., oldest first."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.peers import LIMITS, PEERS

Key = tuple[str, int, str]  # case, threads, mode
LARGE = 1.1  # a change of a ratio by so much is marked


def stored(path: Path, peer: str) -> dict[Key, float]:
    """The peer's time over cnorm's for each record of a file of pytest-benchmark."""
    records: list[dict[str, Any]] = [b["extra_info"] for b in json.loads(path.read_text())["benchmarks"]]
    return {
        (r["case"], r["threads"], r["mode"]): r["times"][peer]["ratio"] for r in records if peer in r["times"]
    }


def line(key: Key, found: list[float | None]) -> str:
    """A ratio for each run; a mark where the last two differ."""
    case, threads, mode = key
    cells = "".join(f"{ratio:12.2f}" if ratio else f"{'':12}" for ratio in found)
    old, new = ([None, None, *found])[-2:]
    change = new / old if old and new else 1.0
    mark = "slower" if change < 1 / LARGE else "faster" if change > LARGE else ""
    return f"{f'{case}, {threads}t, {mode}':60}{cells}  {mark}".rstrip()


def table(peer: str, files: list[Path]) -> list[str]:
    """A head, then a line for each record, as the newest file orders them."""
    runs = [stored(path, peer) for path in files]
    keys = dict.fromkeys(key for run in reversed(runs) for key in run)
    head = f"{f'time of {peer} over that of cnorm':60}" + "".join(f"{path.stem[:11]:>12}" for path in files)
    return [head, *(line(key, [run.get(key) for run in runs]) for key in keys)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=(*PEERS, *LIMITS))
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    print(*table(options.peer, options.files), sep="\n")


if __name__ == "__main__":
    main()
