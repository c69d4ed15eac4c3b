"""NumPy's own tests of its nan-functions, run on ours."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import pytest

from cnorm import stats

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.thorough]

NAMES = [name for name in stats.__all__ if name.startswith("nan") and hasattr(np, name)]
OURS = {name: getattr(stats, name) for name in NAMES}


class Patched(ModuleType):
    """NumPy, but for the functions that are ours."""

    def __getattr__(self, name: str) -> Any:
        return OURS[name] if name in OURS else getattr(np, name)


class Unwarned(ModuleType):
    """pytest, but for the warnings it expects: the results are looked at all the same."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pytest, name)

    @staticmethod
    def warns(*args: Any, **kwargs: Any) -> Any:
        return nullcontext()


def their_tests() -> ModuleType:
    """numpy/lib/tests/test_nanfunctions.py with our functions in its lists and in its bodies."""
    original = importlib.util.find_spec("numpy.lib.tests.test_nanfunctions")
    if original is None or original.origin is None:
        pytest.skip("NumPy came without its tests", allow_module_level=True)
    spec = importlib.util.spec_from_file_location("their_nanfunctions", original.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(np, **OURS):
        spec.loader.exec_module(module)
    module.np = Patched("numpy")  # type: ignore[attr-defined]
    module.pytest = Unwarned("pytest")  # type: ignore[attr-defined]
    return module


theirs = their_tests()
CLASSES = ("MinMax", "ArgminArgmax", "NumberTypes", "SumProd", "MeanVarStd")
# The tests not run. Ours give float32 for float16, warn of nothing and return plain arrays.
LEFT_OUT = {
    "test_subclass": "arrays come out, no subclasses",
    "test_initial": "no initial=",
    "test_nanfunc_correction": "no correction=",
    "test_nanstd_with_mean_keyword": "no mean=",
    "test_dtype_from_input": "float16 among its dtypes",
    "test_object_array": "counts warnings; objects become float64",
    "test_ddof_too_big": "counts warnings",
}
ALSO = {
    "MinMax": {"test_where": "with initial="},
    "SumProd": {"test_where": "with initial="},
    "MeanVarStd": {"test_empty": "counts warnings"},
}
for name in CLASSES:
    without = dict.fromkeys({**LEFT_OUT, **ALSO.get(name, {})})
    globals()[f"Test{name}"] = type(f"Test{name}", (getattr(theirs, f"TestNanFunctions_{name}"),), without)


@pytest.fixture(autouse=True)
def no_half_and_no_objects(request: pytest.FixtureRequest) -> None:
    """Not for each dtype: float16 gives float32, objects float64."""
    spec = getattr(request.node, "callspec", None)
    if spec is not None and spec.params.get("dtype") in ("e", "O"):
        pytest.skip("another dtype comes out")


def test_the_patch_reaches_them() -> None:
    assert set(OURS) == {
        "nansum", "nanmean", "nanvar", "nanstd", "nanmin", "nanmax", "nanargmin", "nanargmax",
    }  # fmt: skip
    for name in CLASSES:
        lists = getattr(theirs, f"TestNanFunctions_{name}").nanfuncs
        assert {getattr(f, "__module__", "").startswith("cnorm.stats") for f in lists} >= {True}
    left = {**LEFT_OUT, **ALSO["MinMax"], **ALSO["MeanVarStd"]}
    assert all(any(hasattr(getattr(theirs, f"TestNanFunctions_{c}"), n) for c in CLASSES) for n in left)
