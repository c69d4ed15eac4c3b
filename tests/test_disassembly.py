"""Only the files of an instruction set use it: elsewhere in the extension no instruction is beyond x86-64."""

from __future__ import annotations

import bisect
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cnorm._native import core
from cnorm._native.short import bytes, channels, rows, taken

if not (sys.platform.startswith("linux") and platform.machine() == "x86_64"):
    pytest.skip("needs Linux on x86-64", allow_module_level=True)
if not (shutil.which("objdump") and shutil.which("readelf")):
    pytest.skip("needs binutils", allow_module_level=True)

SETS = ("x86_v3.c", "x86_v4.c")
# VEX and EVEX: AVX and beyond start with v (but for two old ones), mask registers with k, and some of BMI.
WIDE = re.compile(
    r"(?!verr|verw)v|k(mov|and|or|xor|xnor|not|test|shift|unpck|add)"
    r"|(andn|bextr|blsi|blsmsk|blsr|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx)\b"
)


def lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def ranges(path: str) -> list[tuple[int, int]]:
    """Addresses of the functions of SETS: static ones follow the name of their file in the symbol table."""
    found, file = [], ""
    for line in lines("readelf", "-sW", path):
        parts = line.split()
        if len(parts) >= 8 and parts[3] == "FILE":
            file = parts[7]
        elif len(parts) >= 8 and parts[3] == "FUNC" and parts[4] == "LOCAL" and file in SETS:
            start = int(parts[1], 16)
            found.append((start, start + int(parts[2], 0)))
    return sorted(found)


def wide_instructions(path: str) -> Iterator[tuple[int, str]]:
    for line in lines("objdump", "-d", "--no-show-raw-insn", path):
        match = re.match(r"\s*([0-9a-f]+):\s+(.*)", line)
        if match and WIDE.match(match[2]):
            yield int(match[1], 16), match[2]


@pytest.mark.thorough
def test_wide_instructions_stay_in_their_files() -> None:
    own = ranges(core.__file__)
    if not own:
        pytest.skip("the extension is stripped")
    starts = [start for start, _ in own]
    inside, outside = 0, []
    for address, text in wide_instructions(core.__file__):
        i = bisect.bisect_right(starts, address) - 1
        if i >= 0 and address < own[i][1]:
            inside += 1
        else:
            outside.append(f"{address:x}: {text}")
    assert outside == []
    assert inside > 1000


@pytest.mark.thorough
def test_long_double_is_not_spoiled() -> None:
    """MMX registers are those of the x87, and nothing here would give them back."""
    code = lines("objdump", "-d", "--no-show-raw-insn", core.__file__)
    assert [line for line in code if re.search(r"%mm[0-7]", line)] == []


def test_the_short_way_in_has_none() -> None:
    for module in (bytes, channels, rows, taken):
        assert list(wide_instructions(module.__file__)) == []
