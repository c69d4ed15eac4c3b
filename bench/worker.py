"""One build of cnorm that times its calls on request: python -m bench.worker TREE, requests on stdin.

The package cnorm is TREE's; the bench is this tree's, and so are the clock and the oracle it has from cnorm.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TextIO

from bench.cases import BY_NAME

ROOT = Path(__file__).parent.parent
OF_THE_BENCH = ("cnorm._bench", "cnorm._check")  # its clock, its oracle
Timers = dict[str, Callable[[int], float]]


def keep(package: str) -> None:
    """A package of this tree under its name, whatever the other build has there; parts of it follow."""
    folder = ROOT.joinpath(*package.split("."))
    spec = spec_from_file_location(package, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec
    assert spec.loader
    sys.modules[package] = module = module_from_spec(spec)
    spec.loader.exec_module(module)


def prepare(request: dict[str, Any]) -> Timers:
    """The timers of a case by mode, checked against the reference."""
    from bench.data import before_each
    from bench.measure import BASE, prepare
    from cnorm._bench.interleave import timer

    case = BY_NAME[request["case"]]
    calls = prepare(case, request["threads"], (BASE,)).calls
    return {m: timer(own[BASE], before=before_each(case)) for m, own in calls.items() if BASE in own}


def answer(request: dict[str, Any], timers: Timers) -> tuple[dict[str, Any], Timers]:
    """The reply, and the timers for the requests that follow."""
    if "case" not in request:
        return {"seconds": timers[request["mode"]](request["repeats"])}, timers
    try:
        timers = prepare(request)
    except Exception as problem:  # an older build may lack the function, or be wrong
        return {"modes": [], "problem": f"{type(problem).__name__}: {problem}"}, {}
    return {"modes": list(timers)}, timers


def serve(requests: TextIO, replies: TextIO) -> None:
    """One JSON object per line, until the input ends."""
    timers: Timers = {}
    for line in requests:
        reply, timers = answer(json.loads(line), timers)
        print(json.dumps(reply), file=replies, flush=True)


def main() -> None:
    tree = Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(tree))
    import cnorm

    if not Path(cnorm.__file__).is_relative_to(tree):
        raise SystemExit(f"cnorm came from {cnorm.__file__}, not from {tree}")
    for package in OF_THE_BENCH:
        keep(package)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else prints does not mix with the replies
    serve(sys.stdin, replies)


if __name__ == "__main__":
    main()
