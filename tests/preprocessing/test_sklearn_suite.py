"""scikit-learn's own tests of the scalers and of two functions, and its estimator checks, run on ours."""

from __future__ import annotations

import importlib.util
import inspect
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("sklearn")
import sklearn.preprocessing
from sklearn.utils.estimator_checks import parametrize_with_checks

from cnorm import preprocessing
from cnorm.preprocessing import MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.thorough]

# scale and minmax_scale of ours have `out` where theirs have `copy`; these have both.
NAMES = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "Normalizer", "maxabs_scale", "normalize")
FILES = ("test_data", "test_common")
# The tests not run: those of the array API on torch, which scikit-learn skips too unless this is set (and
# those for "mps", a device of Apple's). Ours take a tensor on the CPU, return NumPy arrays, and don't claim
# array_api_support.
ARRAY_API = os.environ.get("SCIPY_ARRAY_API")


def their_tests(file: str) -> ModuleType:
    """A file of sklearn/preprocessing/tests, imported while the names stand for ours."""
    original = importlib.util.find_spec(f"sklearn.preprocessing.tests.{file}")
    assert original is not None
    assert original.origin is not None
    spec = importlib.util.spec_from_file_location(f"their_{file}", original.origin)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    ours = {name: getattr(preprocessing, name) for name in NAMES}
    with mock.patch.multiple(sklearn.preprocessing, **ours):
        spec.loader.exec_module(module)
    return module


def ours_among(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Tests that name one of them, in their decorators too."""
    found = {}
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("test_") and any(n in inspect.getsource(function) for n in NAMES):
            found[name] = with_lists(function)
    return found


def with_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """Parameters may come from generators, which pytest 9 warns of."""
    marks = getattr(function, "pytestmark", [])
    function.pytestmark = [  # type: ignore[attr-defined]
        pytest.mark.parametrize(m.args[0], list(m.args[1]), **m.kwargs).mark if m.name == "parametrize" else m
        for m in marks
    ]
    return function


SELECTED = {name: f for file in FILES for name, f in ours_among(their_tests(file)).items()}
globals().update(SELECTED)


@pytest.fixture(autouse=True)
def array_api(request: pytest.FixtureRequest) -> None:
    if ARRAY_API and "torch" in request.node.name and "array_api" in request.node.name:
        pytest.skip("NumPy in, NumPy out")


def test_selection() -> None:
    """The files are the ones we think they are."""
    assert len(SELECTED) > 35
    assert "test_minmax_scaler_partial_fit" in SELECTED
    assert "test_missing_value_handling" in SELECTED
    assert "test_normalizer_l1_l2_max" in SELECTED
    assert "test_normalize" in SELECTED
    assert SELECTED["test_normalize"].__globals__["normalize"] is preprocessing.normalize


@with_lists
@parametrize_with_checks(
    [
        StandardScaler(),
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        MinMaxScaler(),
        MinMaxScaler(clip=True),
        MaxAbsScaler(),
        MaxAbsScaler(clip=True),
        Normalizer(),
        Normalizer(norm="l1"),
        Normalizer(norm="max"),
    ]
)
def test_estimator_checks(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)
