"""Names that are looked for in the wrong module: the error says where they are."""

from __future__ import annotations

from importlib import import_module

import pytest
from processes import run

from cnorm._system import hints

WRONG = {
    "cnorm.zscore": "cnorm.preprocessing.zscore",
    "cnorm.layer_norm": "cnorm.functional.layer_norm",
    "cnorm.StandardScaler": "cnorm.preprocessing.StandardScaler",
    "cnorm.LayerNorm": "cnorm.nn.LayerNorm",
    "cnorm.layernorm": "cnorm.functional.layer_norm, cnorm.nn.LayerNorm",
    "cnorm.GroupNorm1d": "cnorm.functional.group_norm, cnorm.nn.GroupNorm",
    "cnorm.normalize": "cnorm.functional.normalize, cnorm.preprocessing.normalize",
    "cnorm.nanmean": "cnorm.stats.nanmean",
    "cnorm.var_mean": "cnorm.moments",
    "cnorm.VecNormalize": "cnorm.RunningMoments",
    "cnorm.functional.LayerNorm": "cnorm.nn.LayerNorm",
    "cnorm.functional.layernorm": "cnorm.functional.layer_norm, cnorm.nn.LayerNorm",
    "cnorm.nn.layer_norm": "cnorm.functional.layer_norm",
    "cnorm.nn.functional": "cnorm.functional",
    "cnorm.nn.update_bn": "cnorm.nn.recalibrate",
    "cnorm.preprocessing.layer_norm": "cnorm.functional.layer_norm",
    "cnorm.preprocessing.Standard_Scaler": "cnorm.preprocessing.StandardScaler",
    "cnorm.stats.zscore": "cnorm.preprocessing.zscore",
    "cnorm.stats.zmap": "cnorm.preprocessing.zmap",
    "cnorm.sparse.StandardScaler": "cnorm.preprocessing.StandardScaler",
    "cnorm.sparse.mean_variance_axis": "cnorm.sparse.moments",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_right_place_is_named(wrong: str) -> None:
    module, _, name = wrong.rpartition(".")
    with pytest.raises(AttributeError) as error:
        getattr(import_module(module), name)
    assert str(error.value) == f"module {module!r} has no attribute {name!r}; there is {WRONG[wrong]}"


@pytest.mark.parametrize("module", hints.PUBLIC)
@pytest.mark.parametrize("name", ["RobustScaler", "_nowhere", "__wrapped__"])
def test_what_is_nowhere_has_no_hint(module: str, name: str) -> None:
    with pytest.raises(AttributeError, match=f"^module '{module}' has no attribute '{name}'$"):
        getattr(import_module(module), name)


def test_what_is_hinted_at_is_there() -> None:
    for place in hints.ELSEWHERE.values():
        module, _, name = place.rpartition(".")
        assert name in import_module(module).__all__, place


def test_no_name_of_elsewhere_is_ours() -> None:
    """It would never be looked up."""
    ours = {hints.plain(name) for module in hints.PUBLIC for name in import_module(module).__all__}
    assert not ours & hints.ELSEWHERE.keys()


def test_nothing_is_imported_for_a_private_name() -> None:
    done = run("import sys, cnorm; print(hasattr(cnorm, '__wrapped__'), 'cnorm.nn' in sys.modules)")
    assert done.stdout.split() == ["False", "False"]
