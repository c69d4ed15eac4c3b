"""The command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import cnorm
from cnorm.__main__ import main


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    assert cnorm.__version__ in printed
    assert "instruction set" in printed


def test_a_bare_call_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr()
    assert all(name in printed.out for name in ("usage", "demo", "info", "check", "bench", "--version"))
    assert not printed.err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"cnorm {cnorm.__version__}\n"


@pytest.mark.parametrize("arguments", [["no such command"], ["demo", "--no-such-option"]])
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_ctrl_c_leaves_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cnorm, "show_config", interrupted)
    assert main(["info"]) == 130
    assert capsys.readouterr().err == "cnorm: interrupted\n"


# A shell's background ignores SIGINT, so the process itself begins as one in the foreground:
# `preexec_fn` is no way where there are threads (from 3.12 on Python warns of it).
CHECK = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from cnorm.__main__ import main
sys.exit(main(["check"]))
"""


@pytest.mark.thorough
@pytest.mark.skipif(os.name != "posix", reason="signals are otherwise there")
def test_a_check_that_is_interrupted_ends_its_processes() -> None:
    """The signal comes once the first step is told; a group of their own shows whether one goes on."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHECK],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "formulas" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    printed, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert complaint.splitlines()[-1] == "cnorm: interrupted"
    assert "Traceback" not in complaint
    assert not printed
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "cnorm", "info"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cnorm")
