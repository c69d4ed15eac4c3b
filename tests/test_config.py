"""Build facts, and what importing cnorm brings in."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run

import cnorm
from cnorm._system import config


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    cnorm.show_config()
    text = capsys.readouterr().out
    for part in (cnorm.__version__, np.__version__, "compiled by", "instruction set", "threads", "caches"):
        assert part in text


def test_config_facts() -> None:
    facts = config.config()
    names = [isa["name"] for isa in facts["isas"]]
    assert facts["isa"] in names
    assert facts["threads"] == cnorm.get_num_threads()
    assert next(i["available"] for i in facts["isas"] if i["name"] == facts["isa"])


def facts_of(*isas: tuple[str, list[str]], chosen: str, cap: str | None = None) -> dict[str, Any]:
    described = [{"name": name, "available": not missing, "missing": missing} for name, missing in isas]
    return {"isas": described, "isa": chosen, "CNORM_CPU": cap}


def test_why_an_instruction_set_was_not_chosen() -> None:
    lines = config.isa_lines(
        facts_of(("v4", ["avx512f", "avx512bw"]), ("v3", []), ("v2", []), ("v1", []), chosen="v2", cap="v2")
    )
    assert lines == [
        "v4  refused: this CPU or system lacks avx512f, avx512bw",
        "v3  refused: above CNORM_CPU=v2",
        "v2  chosen",
        "v1  not needed: a better one is there",
    ]


def test_missing_features_are_named() -> None:
    """Exactly the instruction sets that can't run lack something, and nothing the system reports."""
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    for isa in config.config()["isas"]:
        assert bool(isa["missing"]) is not isa["available"]
        assert not {"avx2", "fma", "f16c", "avx512f", "avx512bw"} & set(isa["missing"]) & set(flags)


@pytest.mark.parametrize(
    ("code", "environment", "source"),
    [
        ("", {"CNORM_NUM_THREADS": "3"}, "3, from CNORM_NUM_THREADS"),
        ("", {"OMP_NUM_THREADS": "5,2"}, "5, from OMP_NUM_THREADS"),
        ("cnorm.set_num_threads(7);", {"CNORM_NUM_THREADS": "3"}, "7, from set_num_threads"),
        ("import os; os.environ['CNORM_NUM_THREADS'] = '?';", {"CNORM_NUM_THREADS": "3"}, "3, from CNORM_"),
    ],
)
def test_where_the_number_of_threads_came_from(code: str, environment: dict[str, str], source: str) -> None:
    done = run(f"import cnorm; {code} cnorm.show_config()", **environment)
    line = next(line for line in done.stdout.splitlines() if line.startswith("threads"))
    assert source in line
    assert "run by: " in line


def test_capped_choice_is_explained() -> None:
    lowest = config.config()["isas"][-1]["name"]
    printed = run("import cnorm; cnorm.show_config()", CNORM_CPU=lowest).stdout
    assert f"{lowest}  " in printed
    assert sum("chosen" in line for line in printed.splitlines()) == 1


# Linux's names of what x86-64-v3 and v4 have beyond SSE4.2.
V3 = ["sse4_2", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "popcnt", "xsave"]
V4 = [*V3, *["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]]


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() != "x86_64", reason="asks Linux about x86-64"
)
def test_available_instruction_sets_are_the_systems() -> None:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    system = set(next(line for line in lines if line.startswith("flags")).split(":")[1].split())
    available = {isa["name"]: isa["available"] for isa in config.config()["isas"]}
    assert available == {
        "x86-64": True,
        "x86-64-v3": system >= {*V3},
        "x86-64-v4": system >= {*V4},
        "x86-64-v4-bf16": system >= {*V4, "avx512_bf16"},
    }


def test_import_needs_neither_torch_nor_ml_dtypes() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['ml_dtypes'] = None\n"
        "import numpy as np, cnorm, cnorm.functional as F\n"
        "print(F.layer_norm(np.eye(2), (2,)).round().tolist())"
    )
    done = run(code)
    assert done.stdout.strip() == "[[1.0, -1.0], [-1.0, 1.0]]", done.stderr


def test_import_is_light() -> None:
    """Importing brings in NumPy and the standard library only."""
    code = "import sys, cnorm; print(*sorted({'torch', 'ml_dtypes', 'scipy', 'sklearn'} & set(sys.modules)))"
    assert run(code).stdout.strip() == ""
