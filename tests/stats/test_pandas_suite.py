"""pandas' tests of rolling sum, mean, var, std, min and max on our windows: opt-in, CNORM_PANDAS_TESTS=1."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not os.environ.get("CNORM_PANDAS_TESTS"), reason="asks for CNORM_PANDAS_TESTS=1"),
]

HERE = Path(__file__).parent
FILES = (
    "test_rolling",
    "test_rolling_functions",
    "test_base_indexer",
    "test_timeseries_window",
    "test_dtypes",
    "test_api",
)


def test_their_tests_pass(tmp_path: Path) -> None:
    """In a process of its own, as pandas' functions are replaced before its tests are imported."""
    paths = [str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "pandas_windows", "-p", "no:cacheprovider"]
    command += ["--pyargs", *(f"pandas.tests.window.{file}" for file in FILES)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    calls = re.search(r"windows: (\d+) ours", done.stdout)
    assert calls is not None
    assert int(calls[1]) > 1000
