"""Threads and environment: set, ask, restore; what the environment may say at import."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import cnorm
from cnorm import _config


@pytest.fixture(autouse=True)
def restored_threads() -> Any:
    before = cnorm.get_num_threads()
    yield
    cnorm.set_num_threads(before)


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter; variables of ours are set as told and absent otherwise."""
    ours = ("CNORM_NUM_THREADS", "CNORM_CPU", "OMP_NUM_THREADS")
    env = {k: v for k, v in os.environ.items() if k not in ours} | environment
    env["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)


def test_set_and_get() -> None:
    for n in (1, 2, 7):
        cnorm.set_num_threads(n)
        assert cnorm.get_num_threads() == n
    cnorm.set_num_threads(np.int64(3))  # type: ignore[arg-type]
    assert cnorm.get_num_threads() == 3


def test_context_manager_restores() -> None:
    before = cnorm.get_num_threads()
    with cnorm.threads(before + 1):
        assert cnorm.get_num_threads() == before + 1
        with cnorm.threads(1):
            assert cnorm.get_num_threads() == 1
        assert cnorm.get_num_threads() == before + 1
    assert cnorm.get_num_threads() == before
    with pytest.raises(KeyError), cnorm.threads(1):
        raise KeyError
    assert cnorm.get_num_threads() == before


@pytest.mark.parametrize("bad", [0, -1, -(2**40)])
def test_refused_counts(bad: int) -> None:
    before = cnorm.get_num_threads()
    for call in (cnorm.set_num_threads, lambda n: cnorm.threads(n).__enter__()):
        with pytest.raises(ValueError, match=f"n: .*{bad}"):
            call(bad)
    assert cnorm.get_num_threads() == before


@pytest.mark.parametrize("bad", [1.5, "2", None, True, [1]], ids=str)
def test_refused_types(bad: Any) -> None:
    with pytest.raises(TypeError, match="n: "):
        cnorm.set_num_threads(bad)


def test_huge_counts_work() -> None:
    cnorm.set_num_threads(2**62)
    x = np.ones((4, 8), np.float32)
    assert not cnorm.standardize(x, 1).any()


def test_show_config(capsys: pytest.CaptureFixture[str]) -> None:
    cnorm.show_config()
    text = capsys.readouterr().out
    for part in ("cnorm", cnorm.__version__, np.__version__, "instruction set", "threads"):
        assert part in text


def test_config_facts() -> None:
    facts = _config.config()
    names = [isa["name"] for isa in facts["isas"]]
    assert facts["isa"] in names
    assert facts["threads"] == cnorm.get_num_threads()
    assert next(i["available"] for i in facts["isas"] if i["name"] == facts["isa"])


ASK = "import cnorm; print(cnorm.get_num_threads())"


def test_environment_sets_threads() -> None:
    assert run(ASK, CNORM_NUM_THREADS="3").stdout.strip() == "3"
    assert run(ASK, OMP_NUM_THREADS="2").stdout.strip() == "2"
    assert run(ASK, CNORM_NUM_THREADS="3", OMP_NUM_THREADS="2").stdout.strip() == "3"
    assert int(run(ASK).stdout) >= 1


@pytest.mark.parametrize("bad", ["0", "-1", "many", "1.5", " "])
def test_bad_environment_is_an_import_error(bad: str) -> None:
    done = run(ASK, CNORM_NUM_THREADS=bad)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("ImportError", "ValueError"))
    assert "CNORM_NUM_THREADS" in last
    assert repr(bad) in last


@pytest.mark.parametrize("value", ["1", "0", "x"])
def test_read_environment(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNORM_NUM_THREADS", value)
    if value == "1":
        _config.read_environment()
        assert cnorm.get_num_threads() == 1
    else:
        with pytest.raises(ImportError, match="CNORM_NUM_THREADS"):
            _config.read_environment()


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


def test_works_after_fork() -> None:
    """A child of a process that has used threads neither hangs nor errs."""
    code = """
import multiprocessing, numpy as np, cnorm
x = np.random.default_rng(0).standard_normal((2048, 768)).astype(np.float32)
def job(n):
    return cnorm.functional.layer_norm(x, (768,)).tobytes() == y
if __name__ == "__main__":
    cnorm.set_num_threads(2)
    y = cnorm.functional.layer_norm(x, (768,)).tobytes()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(all(pool.map(job, range(4))), job(0))
"""
    done = run(code)
    assert done.stdout.strip() == "True True", done.stderr
