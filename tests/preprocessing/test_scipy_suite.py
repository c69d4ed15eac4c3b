"""SciPy's own tests of zscore, run on ours with NumPy as their array namespace."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy import stats
from scipy._lib._array_api import np_compat
from scipy.stats.tests import test_stats as theirs

from cnorm.preprocessing import zscore

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tests say `stats.zscore`."""
    monkeypatch.setattr(stats, "zscore", zscore)


@pytest.fixture
def xp() -> ModuleType:
    namespace: ModuleType = np_compat
    return namespace


class TestZscore(theirs.TestZscore):  # type: ignore[misc]
    """All of them."""


def test_the_patch_reaches_them() -> None:
    assert theirs.stats.zscore is zscore


@pytest.mark.parametrize("axis", [0, 1, None, -1])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("nan_policy", ["propagate", "omit"])
@pytest.mark.parametrize("nan", [False, True])
def test_equal_to_scipy(axis: Any, ddof: int, nan_policy: str, nan: bool, monkeypatch: Any) -> None:
    monkeypatch.undo()
    a = np.random.default_rng(0).normal(3, 2, (7, 5, 4))
    if nan:
        a[2, 3, 1] = a[0, 0, 0] = np.nan
    expected = stats.zscore(a, axis, ddof, nan_policy)
    np.testing.assert_allclose(zscore(a, axis, ddof, nan_policy), expected, rtol=1e-12, atol=1e-13)
