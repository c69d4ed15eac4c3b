"""Two builds in one run, interleaved: python -m bench.compare COMMIT, against the working tree."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from bench.cases import chosen
from bench.tables import duration
from cnorm._bench.interleave import Timer, interleave, summary

ROOT = Path(__file__).parent.parent
BASE, HEAD = "base", "head"


class Worker:
    """A process with one build; see worker.py."""

    def __init__(self, tree: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker", str(tree)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """One request, one reply."""
        assert self.process.stdin
        assert self.process.stdout
        with suppress(BrokenPipeError):
            print(json.dumps(request), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("a worker ended early")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def seconds(self, mode: str, repeats: int) -> float:
        """A timer, in the other process."""
        return float(self.ask(mode=mode, repeats=repeats)["seconds"])

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.__exit__(None, None, None)  # closes the pipes, which ends the process, and waits


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """The commit in a worktree of its own, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def build(tree: Path) -> None:
    """The extension, in place."""
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def compare(case: str, threads: int, workers: dict[str, Worker], seconds: float) -> list[dict[str, Any]]:
    """A record for each mode both builds offer, or one with the problem."""
    replies = {name: worker.ask(case=case, threads=threads) for name, worker in workers.items()}
    records: list[dict[str, Any]] = [
        {"case": case, "threads": threads, "problem": f"{name}: {reply['problem']}"}
        for name, reply in replies.items()
        if "problem" in reply
    ]
    for mode in replies[HEAD]["modes"]:
        if mode in replies[BASE]["modes"]:
            timers: dict[str, Timer] = {n: partial(w.seconds, mode) for n, w in workers.items()}
            times = summary(interleave(timers, HEAD, seconds), HEAD)
            records.append({"case": case, "threads": threads, "mode": mode, "times": times})
    return records


def line(record: dict[str, Any]) -> str:
    """A row of the table."""
    start = f"| {record['case']} | {record['threads']} |"
    if "problem" in record:
        return f"{start} {record['problem']} | | | | |"
    times = record["times"]
    cells = [record["mode"], *(duration(times[name]["median"]) for name in (BASE, HEAD))]
    cells += [f"{times[BASE]['ratio']:.2f}", f"{times[BASE]['lowest']:.2f}"]
    return f"{start} {' | '.join(cells)} |"


def geometric_mean(records: list[dict[str, Any]]) -> str:
    """Of all ratios measured."""
    ratios = [r["times"][BASE]["ratio"] for r in records if "times" in r]
    return f"geometric mean of base / head: {statistics.geometric_mean(ratios):.3f}" if ratios else "nothing"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", help="a commit")
    parser.add_argument("--match", default="", help="only cases whose name contains this; | between several")
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="for each case, mode and number of threads"
    )
    parser.add_argument("--threads", default="1", help="numbers of threads, with commas between")
    options = parser.parse_args()
    records = []
    with ExitStack() as stack:
        trees = {BASE: stack.enter_context(checkout(options.base)), HEAD: ROOT}
        for tree in trees.values():
            build(tree)
        workers = {name: stack.enter_context(Worker(tree)) for name, tree in trees.items()}
        print("base / head above 1: the working tree is faster\n")
        print("| case | threads | mode | base | head | base / head | lowest |\n|---|---|---|---|---|---|---|")
        for case in chosen(options.match):
            for threads in map(int, options.threads.split(",")):
                for record in compare(str(case), threads, workers, options.seconds):
                    records.append(record)
                    print(line(record), flush=True)
    print("\n" + geometric_mean(records))


if __name__ == "__main__":
    main()
