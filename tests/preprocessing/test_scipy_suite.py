"""SciPy's own tests of zscore, zmap and gzscore, run on ours with NumPy as their array namespace."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy import stats
from scipy._lib._array_api import np_compat
from scipy.stats.tests import test_stats as theirs

from cnorm.preprocessing import gzscore, zmap, zscore

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their tests say `stats.zscore`."""
    for function in (zscore, zmap, gzscore):
        monkeypatch.setattr(stats, function.__name__, function)


@pytest.fixture
def xp() -> ModuleType:
    namespace: ModuleType = np_compat
    return namespace


class TestZscore(theirs.TestZscore):  # type: ignore[misc]
    """All of them."""


class TestZmap(theirs.TestZmap):  # type: ignore[misc]
    """All but one: complex numbers are refused here, as everywhere."""

    def test_complex_gh22404(self, xp: ModuleType) -> None:
        with pytest.raises(TypeError, match="compare: expected a float dtype"):
            zmap([1, 2, 3, 4], [1, 1j, -1, -1j])


class TestGZscore(theirs.TestGZscore):  # type: ignore[misc]
    """All of them."""


def test_the_patch_reaches_them() -> None:
    assert (theirs.stats.zscore, theirs.stats.zmap, theirs.stats.gzscore) == (zscore, zmap, gzscore)


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


@pytest.mark.parametrize("axis", [0, 1, None, -1])
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("nan_policy", ["propagate", "omit"])
@pytest.mark.parametrize("nan", [False, True])
@pytest.mark.filterwarnings("ignore:After omitting")
def test_zmap_and_gzscore_equal(axis: Any, ddof: int, nan_policy: str, nan: bool, monkeypatch: Any) -> None:
    monkeypatch.undo()
    rng = np.random.default_rng(1)
    a, b = rng.lognormal(1, 1, (2, 7, 5, 4))
    if nan:
        a[2, 3, 1] = a[0, 0, 0] = b[1, 1, 1] = np.nan
    expected = stats.zmap(a, b, axis, ddof, nan_policy)
    np.testing.assert_allclose(zmap(a, b, axis, ddof, nan_policy), expected, rtol=1e-12, atol=1e-13)
    expected = stats.gzscore(a, axis=axis, ddof=ddof, nan_policy=nan_policy)
    ours = gzscore(a, axis=axis, ddof=ddof, nan_policy=nan_policy)
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-13)
