"""The command line: python -m cnorm demo | info | check | bench."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cnorm._system.version import __version__

INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


def demo(options: argparse.Namespace) -> int:
    """The main job on real input."""
    from cnorm.demo._weights import DemoError

    try:
        if options.vision:
            from cnorm.demo.vision import run as classify

            return classify()
        from cnorm.demo.sentence import run as embed

        return embed(options.sentences)
    except DemoError as error:
        print(f"cnorm: {error}", file=sys.stderr)
        return 1


def info(options: argparse.Namespace) -> int:
    """Build and CPU facts."""
    from cnorm import show_config

    show_config()
    return 0


def check(options: argparse.Namespace) -> int:
    """Every kernel of this machine against formulas."""
    from cnorm._check.verdict import check as run

    return run()


def bench(options: argparse.Namespace) -> int:
    """cnorm beside the libraries that are installed."""
    from cnorm._bench.command import bench as run

    return run(options.seconds, options.threads)


def demo_options(command: argparse.ArgumentParser) -> None:
    """What the demo takes: sentences, or --vision."""
    either = command.add_mutually_exclusive_group()
    either.add_argument("sentences", nargs="*", default=[], help="sentences of your own")
    either.add_argument("--vision", action="store_true", help="classify real pictures instead")


def positive(text: str) -> int:
    """A number of threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, got {text!r}")
    return int(text)


def duration(text: str) -> float:
    """Seconds, not negative and not endless."""
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"expected seconds, 0 or more, got {text!r}")


def bench_options(command: argparse.ArgumentParser) -> None:
    """What the comparison takes: how long, and on how many threads."""
    command.add_argument("--seconds", type=duration, default=10.0, help="to measure, all cases together")
    command.add_argument(
        "--threads",
        type=positive,
        default=1,
        metavar="N",
        help="for all that have some; measures little on a busy machine",
    )


def no_options(command: argparse.ArgumentParser) -> None:
    """For commands that take nothing."""


class Command(NamedTuple):
    """A command: what it does, and how it learns its options."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    add_options: Callable[[argparse.ArgumentParser], None] = no_options


COMMANDS = (
    Command("demo", "sentence embeddings with a real transformer", demo, demo_options),
    Command("info", "versions, instruction sets, threads, caches", info),
    Command("check", "test every kernel of this machine, in seconds", check),
    Command("bench", "compare with NumPy, torch and scikit-learn", bench, bench_options),
)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(prog="python -m cnorm", description="CPU normalization for NumPy")
    root.add_argument("--version", action="version", version=f"cnorm {__version__}")
    parsers = root.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        inner = parsers.add_parser(command.name, help=command.help)
        command.add_options(inner)
        inner.set_defaults(run=command.run)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command, or prints what there is; returns the exit code."""
    commands = parser()
    options = commands.parse_args(arguments)
    if options.command is None:
        commands.print_help()
        return 0
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("cnorm: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
