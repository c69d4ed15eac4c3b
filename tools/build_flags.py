"""The flags of a build for each compiler and platform; pure functions, which setup.py applies."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# A single-element contract for all files: no contraction (the baseline has no FMA, and results must be
# equal in every bit), never the fast-math family.
CONTRACT = ["-O3", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]
# What Cython writes converts arguments: a fifth smaller by this, compiled in three quarters of the time.
OF_CYTHON = ["-O2", "-fwrapv"]
# Python's own flags ask for debug information: nine tenths of the file, a third of the time.
NO_DEBUG = "-g0"
# Python's own flags let integers wrap: what Cython writes may count on it, the C core does not, and is
# 150 KB smaller (GCC 12).
# Tables to unwind the stack by: nothing is thrown through C, and a wheel is 40 KB smaller without.
NO_UNWINDING = "-fno-asynchronous-unwind-tables"
UNIX_ONLY = ["-fvisibility=hidden", "-Wall", "-Wextra", "-fno-wrapv", NO_DEBUG, NO_UNWINDING]
GCC_ONLY = ["-fno-tree-loop-distribute-patterns"]  # clang refuses the option
# GCC 12 moves vectors of 8 bytes by MMX registers, which spoils long double until `emms`.
GCC_X86_ONLY = ["-mno-mmx"]
# Files of an instruction set that not every CPU of the platform has.
ISA = {
    "x86_v3": ["-march=x86-64-v3"],
    "x86_v4": ["-march=x86-64-v4", "-mprefer-vector-width=512"],
}


LEDGER = Path(__file__).resolve().parent.parent / "src_c" / "kernels" / "elements.h"


def elements() -> list[str]:
    """The words of the ledger: every file of src_c/isa is compiled once for each, with CN_E defined as it."""
    return re.findall(r"ROW\(CN_\w+, (\w+), set\)", LEDGER.read_text(encoding="utf-8"))


class Flags(NamedTuple):
    """What compiler and linker are told; `isa`: for files so named alone; `cython`: for what it writes."""

    compile: list[str]
    link: list[str]
    isa: dict[str, list[str]]
    cython: list[str]


def architecture(platform: str) -> str:
    """The CPUs of a platform as sysconfig names it: "x86-64", "other", or on macOS "universal"."""
    if platform.startswith("macosx"):
        return "universal"
    return "x86-64" if platform.endswith(("-x86_64", "-amd64")) else "other"


def uses_openmp(platform: str, environment: Mapping[str, str]) -> bool:
    """CNORM_OPENMP=1 or 0; by default OpenMP takes the place of POSIX threads where there are none."""
    asked = environment.get("CNORM_OPENMP", "")
    return asked == "1" or (asked != "0" and platform.startswith("win"))


def flags(compiler: str, platform: str, openmp: bool) -> Flags:
    """The flags of a build.

    Parameters
    ----------
    compiler : str
        "gcc", "clang" or "clang-cl".
    platform : str
        As `sysconfig.get_platform` names it.
    openmp : bool
        Build with OpenMP.
    """
    isa = {name: for_architecture(own, architecture(platform)) for name, own in ISA.items()}
    if compiler == "clang-cl":  # setuptools links by link.exe, which is not told of libomp
        return Flags(
            [*map(through_clang_cl, CONTRACT), "-W3", *(["-openmp"] if openmp else [])],
            ["libomp.lib"] if openmp else [],
            {name: [through_clang_cl(flag) for flag in own] for name, own in isa.items()},
            [through_clang_cl(flag) for flag in OF_CYTHON],
        )
    threads = ["-fopenmp"] if openmp else ["-pthread"]
    linked = threads
    if openmp and platform.startswith("macosx"):  # Apple's clang hides the option, and has no library
        threads, linked = ["-Xpreprocessor", "-fopenmp"], ["-lomp"]
    own = GCC_ONLY if compiler == "gcc" else []
    if compiler == "gcc" and architecture(platform) == "x86-64":
        own = [*own, *GCC_X86_ONLY]
    return Flags([*CONTRACT, *UNIX_ONLY, *own, *threads], linked, isa, OF_CYTHON)


def for_architecture(own: list[str], architecture: str) -> list[str]:
    """Flags of an x86-64 instruction set where other CPUs are, or may be, built for: such files are empty."""
    if architecture == "universal":
        return [part for flag in own for part in ("-Xarch_x86_64", flag)]
    return own if architecture == "x86-64" else []


def through_clang_cl(flag: str) -> str:
    """A flag of clang's in the words of clang-cl."""
    return f"/clang:{flag}"


if __name__ == "__main__":  # for scripts: the elements; or the flags of one file, COMPILER PLATFORM FILE
    if len(sys.argv) == 1:
        print(*elements())
    else:
        of_compiler, of_platform, file = sys.argv[1:]
        chosen = flags(of_compiler, of_platform, openmp=False)
        print(*chosen.compile, *chosen.isa.get(file, []))
