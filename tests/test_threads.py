"""The number of threads: set, ask, restore; what the environment, control groups and threadpoolctl say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import run

import cnorm
from cnorm._native import core
from cnorm._system import threads


@pytest.fixture(autouse=True)
def restored_threads() -> Any:
    before = cnorm.get_num_threads()
    yield
    cnorm.set_num_threads(before)


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


@pytest.mark.parametrize("n", [257, 9999, 2**62])
def test_more_than_the_most_is_said(n: int) -> None:
    """And is as many as the core has room for; a warning that is an error has changed nothing."""
    core.set_num_threads(4096)
    assert cnorm.get_num_threads() == threads.MOST
    cnorm.set_num_threads(3)
    with pytest.raises(RuntimeWarning, match=f"n: expected at most 256 threads, got {n}"):
        cnorm.set_num_threads(n)
    assert cnorm.get_num_threads() == 3
    with pytest.warns(RuntimeWarning, match="at most 256"):
        cnorm.set_num_threads(n)
    assert cnorm.get_num_threads() == threads.MOST
    assert not cnorm.standardize(np.ones((4, 8), np.float32), 1).any()
    cnorm.set_num_threads(threads.MOST)


ASK = "import cnorm; print(cnorm.get_num_threads())"


@pytest.mark.thorough
def test_environment_sets_threads() -> None:
    assert run(ASK, CNORM_NUM_THREADS="3").stdout.strip() == "3"
    assert run(ASK, OMP_NUM_THREADS="2").stdout.strip() == "2"
    assert run(ASK, CNORM_NUM_THREADS="3", OMP_NUM_THREADS="2").stdout.strip() == "3"
    assert run(ASK, OMP_NUM_THREADS="3,2").stdout.strip() == "3"
    for ignored in ("", "0", "many"):
        assert run(ASK, OMP_NUM_THREADS=ignored).stdout == run(ASK).stdout
    assert run(ASK, CNORM_NUM_THREADS="", OMP_NUM_THREADS="5").stdout.strip() == "5"


@pytest.mark.thorough
def test_an_environment_that_asks_for_too_many() -> None:
    """Ours is told so; OpenMP's is for others, too."""
    done = run(ASK, CNORM_NUM_THREADS="9999")
    assert done.stdout.strip() == "256"
    assert "RuntimeWarning: n: expected at most 256 threads, got 9999" in done.stderr
    done = run(ASK, OMP_NUM_THREADS="9999")
    assert (done.stdout.strip(), done.stderr) == ("256", "")


@pytest.mark.thorough
@pytest.mark.parametrize("bad", ["0", "-1", "many", "1.5", " "])
def test_bad_environment_is_an_import_error(bad: str) -> None:
    done = run(ASK, CNORM_NUM_THREADS=bad)
    assert done.returncode
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("ImportError", "ValueError"))
    assert "CNORM_NUM_THREADS" in last
    assert repr(bad) in last


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_affinity_counts() -> None:
    one = f"import os; os.sched_setaffinity(0, [{min(os.sched_getaffinity(0))}]); {ASK}"
    assert run(one).stdout.strip() == "1"


GROUPS = {
    "none": ({}, None),
    "no limit": ({"a/b": "max 100000"}, None),
    "own group": ({"a/b": "150000 100000"}, 2),
    "an outer group": ({"a": "100000 100000", "a/b": "max 100000"}, 1),
    "the narrowest": ({"": "300000 100000", "a": "800000 100000"}, 3),
    "less than one": ({"a/b": "1000 100000"}, 1),
    "nonsense": ({"a/b": "lots"}, None),
}


@pytest.mark.parametrize("case", GROUPS)
def test_control_groups(case: str, tmp_path: Path) -> None:
    files, expected = GROUPS[case]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("1:name=other:/elsewhere\n0::/a/b\n")
    for folder, content in files.items():
        (tmp_path / "sys/fs/cgroup" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup" / folder / "cpu.max").write_text(content + "\n")
    assert threads.cgroup_cpus(str(tmp_path)) == expected


def test_systems_without_control_groups(tmp_path: Path) -> None:
    assert threads.cgroup_cpus(str(tmp_path)) is None


def test_the_narrower_of_affinity_and_control_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("CNORM_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    for limit, expected in ((3, (3, "cgroup cpu.max")), (8, (8, "the CPUs this process may run on"))):
        monkeypatch.setattr(threads, "cgroup_cpus", lambda limit=limit: limit)
        assert threads.default_threads() == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.default_threads() == (1, "the CPUs of this machine")


def test_threadpoolctl_sees_and_limits() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    cnorm.set_num_threads(4)
    found = [i for i in threadpoolctl.threadpool_info() if i["user_api"] == "cnorm"]
    assert [(i["num_threads"], i["version"]) for i in found] == [(4, cnorm.__version__)]
    with threadpoolctl.threadpool_limits(2):
        assert cnorm.get_num_threads() == 2
        with threadpoolctl.threadpool_limits(1, user_api="cnorm"):
            assert cnorm.get_num_threads() == 1
    assert cnorm.get_num_threads() == 4


def test_works_without_threadpoolctl() -> None:
    done = run(f"import sys; sys.modules['threadpoolctl'] = None; {ASK}", CNORM_NUM_THREADS="5")
    assert done.stdout.strip() == "5", done.stderr
