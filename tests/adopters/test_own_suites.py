"""Packages' own tests, with cnorm in the place of what they compute; opt-in, CNORM_ADOPTERS=1."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(not os.environ.get("CNORM_ADOPTERS"), reason="asks for CNORM_ADOPTERS=1"),
]

HERE = Path(__file__).parent
NORMS = "keras.src.layers.normalization"
# Modules of tests, which of them, how many calls are ours at the least.
SUITES = {
    "nilearn": (["nilearn.tests.test_signal"], "", 50),
    "thinc": (["thinc.tests.layers.test_layers_api", "thinc.tests.layers.test_feed_forward"], "", 30),
    # The NumPy backend has no fit, which tests of masks call.
    "keras": (
        [
            *(f"{NORMS}.{of}_normalization_test" for of in ("layer", "batch", "group")),
            "keras.src.ops.nn_test",
        ],
        "(normalization or moments) and not masked_values",
        300,
    ),
    # Zones of dateutil need data that a system may lack.
    "pandas": (
        ["pandas.tests.test_nanops", "pandas.tests.reductions", "pandas.tests.frame.test_reductions"],
        "not dateutil",
        100,
    ),
    "xarray": (["xarray.tests.test_duck_array_ops", "xarray.tests.test_rolling"], "not dask", 500),
}


@pytest.mark.parametrize("package", SUITES)
def test_their_tests_pass(package: str, tmp_path: Path) -> None:
    """In a process of its own, as functions are replaced before tests are imported."""
    if importlib.util.find_spec(package) is None:  # not imported here: Keras would choose a backend
        pytest.skip(f"needs {package}")
    modules, chosen, least = SUITES[package]
    paths = [str(HERE), str(HERE.parent.parent), os.environ.get("PYTHONPATH", "")]
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "CNORM_ADOPTER": package}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "in_place",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
    ]
    done = subprocess.run(
        [*command, "-k", chosen, "--pyargs", *modules],
        cwd=tmp_path,
        env={**os.environ, **environment, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    calls = re.search(r"adopters: (\d+) calls ours", done.stdout)
    assert calls is not None
    assert int(calls[1]) >= least
