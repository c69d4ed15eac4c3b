"""Session settings: slow tests on request, thorough modules left out in time, the hypothesis profile."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "cnorm",
    deadline=None,
    max_examples=25,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "fuzz", settings.get_profile("cnorm"), max_examples=int(os.environ.get("CNORM_FUZZ", "2000"))
)
settings.register_profile("thin", settings.get_profile("cnorm"), max_examples=5)
THIN = os.environ.get("CNORM_SWEEP") == "thin"
settings.load_profile("fuzz" if "CNORM_FUZZ" in os.environ else "thin" if THIN else "cnorm")

THOROUGH = re.compile(r"^pytestmark = .*\bpytest\.mark\.thorough\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module all of whose tests are left out is not imported."""
    if config.option.markexpr != "not thorough" or collection_path.suffix != ".py":
        return None
    return True if THOROUGH.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" in config.getoption("-m"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))
