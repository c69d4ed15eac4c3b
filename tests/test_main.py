"""The command line."""

from __future__ import annotations

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


@pytest.mark.parametrize("arguments", [[], ["no such command"], ["demo", "--no-such-option"]])
def test_usage_errors(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "cnorm", "info"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("cnorm")
