"""The command bench: what it compares, on tiny arrays, and what it says."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import cnorm
from cnorm.__main__ import main
from cnorm._bench import command
from cnorm._system import progress

TINY = 0.004


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but NumPy is installed."""
    for module in (command, progress):
        monkeypatch.setattr(module, "installed", lambda name: None)


def test_every_library_computes_the_same() -> None:
    cases = command.cases(TINY)
    assert len(cases) == len({name for name, _ in cases}) == 11
    for name, calls in cases:
        assert list(calls)[:2] == ["cnorm", "NumPy"]
        for who, call in calls.items():
            assert command.agree(call(), calls["NumPy"]()), (name, who)


def test_what_is_installed_is_compared() -> None:
    named = {who for _, calls in command.cases(TINY) for who in calls}
    for module, name in (("torch", "torch"), ("sklearn", "scikit-learn")):
        assert (name in named) == (command.installed(module) is not None)


@pytest.mark.usefixtures("alone")
def test_with_numpy_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.bench(0.0, share=TINY) == 0
    said = capsys.readouterr()
    assert "as fast as NumPy (geometric mean of 11 cases" in said.out
    assert "torch" not in said.out
    assert said.err.splitlines()[0] == "1/11 layer_norm (1, 768)"
    assert len(said.err.splitlines()) == 11


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_in_a_terminal_where_rich_is_installed(
    terminal: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing moves, in a file or a pipe, each step is a line that is there at once."""
    pytest.importorskip("rich")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    with progress.progress(2) as at:
        at("a case")
        at("another")
    printed = capsys.readouterr()
    assert not printed.out
    assert terminal or printed.err.splitlines() == ["1/2 a case", "2/2 another"]


def test_a_wrong_result_is_named_and_not_timed() -> None:
    x = np.ones(3)
    result = command.compare("case", {"cnorm": lambda: x, "NumPy": lambda: x, "torch": lambda: 2 * x}, 0.0)
    assert result.wrong == ("torch",)
    assert list(result.ratios) == ["NumPy"]
    lines = command.table([result]) + command.verdict([result])
    assert lines[1].split()[-1] == "wrong"
    assert lines[-1] == "another result than NumPy's: torch at case"


def test_our_own_wrong_result_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [("case", {"cnorm": lambda: np.zeros(3), "NumPy": lambda: np.ones(3)})]
    monkeypatch.setattr(command, "cases", lambda share: wrong)
    assert command.bench(0.0) == 1


def test_the_verdict_names_what_is_slower() -> None:
    results = [
        command.Result("a", 1e-6, {"NumPy": 4.0, "torch": 0.5}, ()),
        command.Result("b", 1e-6, {"NumPy": 9.0}, ()),
    ]
    assert command.verdict(results) == [
        "cnorm is 6.0 times as fast as NumPy (geometric mean of 2 cases, 4.00 to 9.0)",
        "cnorm is 0.5 times as fast as torch (geometric mean of 1 cases, 0.50 to 0.5)",
        "slower than torch at a: 0.50",
    ]


def test_threads_come_back() -> None:
    before, torch = cnorm.get_num_threads(), command.installed("torch")
    theirs = torch and torch.get_num_threads()
    with command.equal_terms(2):
        assert cnorm.get_num_threads() == 2
        assert not torch or torch.get_num_threads() == 2
    assert cnorm.get_num_threads() == before
    assert (torch and torch.get_num_threads()) == theirs


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = []
    monkeypatch.setattr(command, "bench", lambda *options: asked.append(options) or 0)
    assert main(["bench"]) == main(["bench", "--seconds", "3", "--threads", "2"]) == 0
    assert asked == [(10.0, 1), (3.0, 2)]
    for bad in (["--threads", "0"], *(["--seconds", text] for text in ("-1", "nan", "inf", "x"))):
        with pytest.raises(SystemExit):
            main(["bench", *bad])
        assert f"argument {bad[0]}: expected " in capsys.readouterr().err
