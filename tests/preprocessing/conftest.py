"""Marks that SciPy's test files carry."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    for name in ("array_api_backends", "skip_xp_backends", "xfail_xp_backends", "parallel_threads_limit"):
        config.addinivalue_line("markers", f"{name}: SciPy's own")
    for name in (
        "xslow",
        "thread_unsafe",
        "uses_xp_capabilities",
        "fail_slow",
        "iterations",
        "xfail_on_32bit",
    ):
        config.addinivalue_line("markers", f"{name}: SciPy's own")
