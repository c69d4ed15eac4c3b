"""The command line: python -m cnorm demo | info."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


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


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    root = argparse.ArgumentParser(prog="python -m cnorm", description="CPU normalization for NumPy")
    commands = root.add_subparsers(dest="command", required=True)
    demo_parser = commands.add_parser("demo", help="sentence embeddings with a real transformer")
    demo_parser.add_argument("sentences", nargs="*", help="sentences of your own")
    demo_parser.add_argument("--vision", action="store_true", help="classify a real picture instead")
    demo_parser.set_defaults(run=demo)
    commands.add_parser("info", help="versions, instruction sets, threads").set_defaults(run=info)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    options = parser().parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
