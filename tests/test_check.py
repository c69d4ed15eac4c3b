"""The self-test: right on this machine, and it tells when a kernel, a thread or an instruction set is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from processes import run as run_fresh

import cnorm.functional as F
from cnorm.__main__ import main
from cnorm._check import cases, run, verdict
from cnorm._check.operations import OPERATIONS
from cnorm._native import core, norms

pytestmark = pytest.mark.thorough

ISAS = core.info()["isas"]
OTHERS = [isa["name"] for isa in ISAS if isa["available"] and isa["name"] != core.info()["isa"]]
needs_others = pytest.mark.skipif(not OTHERS, reason="this CPU has a single instruction set")


@pytest.fixture
def only_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter of the work; what other processes find of other dtypes is not looked at."""
    for module in (run, verdict):
        monkeypatch.setattr(module, "float_dtypes", lambda: [np.dtype(np.float32)])
    monkeypatch.setattr(run, "WORKER", with_float32("run.worker()"))


def with_float32(rest: str) -> str:
    return (
        "from cnorm._check import run; import numpy as np; "
        f"run.float_dtypes = lambda: [np.dtype(np.float32)]; {rest}"
    )


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1].startswith("all kernels are right on this machine (")
    for name in [isa["name"] for isa in ISAS] + [dtype.name for dtype in R.DTYPES]:
        assert name in printed
    assert printed.count("same bits") == 4 * (1 + len(OTHERS))
    assert "WRONG" not in printed


def test_it_needs_numpy_alone() -> None:
    done = run_fresh(
        "import sys\n"
        "for name in ('torch', 'ml_dtypes', 'scipy', 'sklearn'): sys.modules[name] = None\n"
        "from cnorm._check import run\n"
        "run.start_worker = lambda isa: __import__('subprocess').Popen(['true'], stdout=-1, text=True)\n"
        "run.json.loads = lambda text: {}\n"
        "print(run.run().wrong, len(run.float_dtypes()))"
    )
    assert done.stdout.strip() == "[] 3", done.stderr


def test_every_public_norm_is_covered() -> None:
    names = [o.name for o in (*cases.EVERYWHERE, *cases.TABLES)]
    with_kernels = set(F.__all__) - {"fold_batch_norm", "global_response_norm"}
    tables = ("zscore", "scale", "minmax_scale", "maxabs_scale")
    verbs = (
        "moments",
        "group_moments",
        "segment_moments",
        "rolling_moments",
        "rolling_standardize",
        "sparse.moments",
    )
    for public in (*with_kernels, *verbs, "standardize", "group_standardize", *tables):
        assert any(name.startswith(public) for name in names), public
    assert set(OPERATIONS) <= set(cases.EVERYWHERE)


def test_a_wrong_kernel(
    only_float32: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One element off by 1e-5: the case, the error and what is allowed are told."""
    normalize = norms.normalize

    def spoiled(x: Any, out: Any, *rest: Any, **named: Any) -> Any:
        state = normalize(x, out, *rest, **named)
        out[(0,) * out.ndim] += np.float32(1e-5)
        return state

    monkeypatch.setattr(norms, "normalize", spoiled)
    assert main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "results are wrong on this machine:" in printed
    assert "float32: weight_norm (3, 4, 5, 7), ordinary, contiguous: error 1e-05, allowed 2e-06" in printed
    assert "all kernels are right" not in printed
    assert f"and {len(run.run().wrong) - verdict.SHOWN} more" in printed


def test_a_wrong_shape_or_nan() -> None:
    expected = R.Expected(np.array([1.0, np.inf, np.nan]), np.dtype(np.float32))
    assert expected.error(np.array([1, np.inf, np.nan], np.float32)) == 0
    assert expected.error(np.array([1, np.nan, np.inf], np.float32)) == 0
    assert expected.error(np.array([1.5, np.nan, np.inf], np.float32)) == 0.5
    for wrong in ([np.nan, np.inf, np.nan], [1, 1, np.nan], [1, np.inf, 1], [1, np.inf]):
        assert expected.error(np.array(wrong, np.float32)) == np.inf


def test_other_bits_with_threads(
    only_float32: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    digests = run.digests

    def spoiled(dtype: Any, **how: Any) -> Any:
        found = digests(dtype, **how)
        return {**found, next(iter(found)): 0}

    monkeypatch.setattr(run, "digests", spoiled)
    assert main(["check"]) == 1
    printed = capsys.readouterr().out
    assert "1 of " in printed
    assert f"contiguous: {run.all_threads()} threads gives other bits" in printed
    assert "WRONG" in printed


@needs_others
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (with_float32("run.digest = lambda results: 0; run.worker()"), "gives other bits"),
        ("import sys; sys.exit('no such instruction')", "the process ended with 1: no such instruction"),
        ("import os; os.kill(os.getpid(), 4)", "the process ended with -4"),
    ],
)
def test_another_instruction_set_fails(
    only_float32: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: str,
    told: str,
) -> None:
    monkeypatch.setattr(run, "WORKER", code)
    assert main(["check"]) == 1
    printed = capsys.readouterr().out
    assert told in printed
    assert OTHERS[0] in printed
    assert "WRONG" in printed


@needs_others
def test_every_instruction_set_runs(only_float32: None, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = run.start_worker
    monkeypatch.setattr(run, "start_worker", lambda isa: started.append(isa) or start(isa))
    outcome = run.run()
    assert started == OTHERS
    assert {who for who, _ in outcome.bits} == {f"{run.all_threads()} threads", *OTHERS}
    assert all(outcome.bits.values())


def test_digests_tell_bits_apart() -> None:
    zero = np.zeros(3, np.float32)
    minus = np.array([0, -0.0, 0], np.float32)
    others = [minus, zero[:2], zero.astype(np.float64), np.array([0, 0, 1e-45], np.float32)]
    found = {run.digest((a,)) for a in (zero, *others)}
    assert len(found) == 5
    assert run.digest((zero, minus)) != run.digest((minus, zero))
    nan = np.array([np.nan, 1], np.float32)
    assert run.digest((nan,)) == run.digest((np.copysign(nan, np.array([-1, 1], np.float32)),))
