"""load_state_dict where it is delicate: versions, old scalars, other dtypes, warnings as errors."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from sweep import sweep

import cnorm.nn as nn


def snapshot(layer: Any) -> dict[str, Any]:
    return {k: np.copy(v) for k, v in layer.state_dict().items()}


def without(state: Any, key: str) -> Any:
    del state[key]
    return state


def test_number_of_batches_may_lack_only_before_version_2() -> None:
    layer = nn.BatchNorm2d(3)
    layer.load_state_dict(without(dict(layer.state_dict()), "num_batches_tracked"))
    with pytest.raises(ValueError, match="num_batches_tracked"):
        layer.load_state_dict(without(layer.state_dict(), "num_batches_tracked"))
    found = layer.load_state_dict(without(layer.state_dict(), "num_batches_tracked"), strict=False)
    assert repr(found) == "_IncompatibleKeys(missing_keys=['num_batches_tracked'], unexpected_keys=[])"


def test_the_version_survives_copies_of_the_state() -> None:
    state = nn.BatchNorm2d(3).state_dict()
    for twin in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        with pytest.raises(ValueError, match="missing"):
            nn.BatchNorm2d(3).load_state_dict(without(twin, "num_batches_tracked"))


def test_a_scalar_saved_as_a_vector_loads() -> None:
    layer = nn.BatchNorm1d(3)
    layer.load_state_dict({**layer.state_dict(), "num_batches_tracked": np.array([7.0])})
    assert layer.num_batches_tracked == 7
    assert layer.num_batches_tracked.shape == ()  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="num_batches_tracked"):
        layer.load_state_dict({**layer.state_dict(), "num_batches_tracked": np.array([7, 8])})


@pytest.mark.parametrize("strict", [True, False])
def test_statistics_nobody_tracks_are_refused_from_old_checkpoints(strict: bool) -> None:
    layer = nn.InstanceNorm2d(3, affine=True)
    before = snapshot(layer)
    old = {"weight": np.full(3, 5.0), "bias": np.ones(3), "running_mean": np.ones(3)}
    with pytest.raises(ValueError, match="running_mean"):
        layer.load_state_dict(old, strict)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
    new = layer.state_dict() | {"running_mean": np.ones(3)}
    new._metadata = {"": {"version": 2}}  # type: ignore[attr-defined]
    assert layer.load_state_dict(new, strict=False).unexpected_keys == ["running_mean"]


def test_values_beyond_the_dtype_load_whole_or_not_at_all() -> None:
    """Rounding to infinity is no reason to stop half way, whatever becomes of warnings."""
    layer = nn.BatchNorm1d(2)
    new = {**layer.state_dict(), "weight": np.full(2, 5.0), "bias": np.array([1e300, 0.0])}
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        layer.load_state_dict(new)
    assert np.array_equal(layer.weight, [5, 5])  # type: ignore[arg-type]
    assert np.array_equal(layer.bias, [np.inf, 0])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "a", np.ones(3, complex), np.array([object()] * 3)])
def test_values_that_are_no_numbers(value: Any) -> None:
    layer = nn.LayerNorm(3)
    with pytest.raises(TypeError, match="bias"):
        layer.load_state_dict({"weight": np.zeros(3), "bias": value})
    assert layer.weight.all()  # type: ignore[union-attr]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_of_any_dtype_load(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("ml_dtypes")
    theirs = torch.nn.BatchNorm2d(3, dtype=getattr(torch, dtype))
    torch.nn.init.uniform_(theirs.weight, 1, 2)
    for kind in (np.float32, dtype):
        ours = nn.BatchNorm2d(3, dtype=kind)
        assert repr(ours.load_state_dict(theirs.state_dict())) == "<All keys matched successfully>"
        expected = theirs.weight.detach().double().numpy().astype(kind)
        assert np.array_equal(ours.weight, expected)  # type: ignore[arg-type]


def no_batches(state: Any, scalar: Any) -> Any:
    return without(state, "num_batches_tracked")


def no_batches_nor_version(state: Any, scalar: Any) -> Any:
    return without(dict(state), "num_batches_tracked")


def batches_as_vector(state: Any, scalar: Any) -> Any:
    return {**state, "num_batches_tracked": scalar(2.7)}


def nested(state: Any, scalar: Any) -> Any:
    return {**state, "a.b": scalar(1.0)}


def foreign(state: Any, scalar: Any) -> Any:
    return {**state, "extra": scalar(1.0)}


def nothing_there(state: Any, scalar: Any) -> Any:
    return {**state, "running_mean": None}


@pytest.mark.parametrize(
    "edit", [no_batches, no_batches_nor_version, batches_as_vector, nested, foreign, nothing_there]
)
@sweep(strict=[True, False], name=["BatchNorm2d", "InstanceNorm2d"])
def test_torch_decides_alike(name: str, edit: Any, strict: bool) -> None:
    torch = pytest.importorskip("torch")
    ours = getattr(nn, name)(3, affine=True, track_running_stats=True)
    theirs = getattr(torch.nn, name)(3, affine=True, track_running_stats=True)
    try:
        expected = theirs.load_state_dict(edit(theirs.state_dict(), lambda v: torch.tensor([v])), strict)
    except Exception:
        with pytest.raises((ValueError, TypeError)):
            ours.load_state_dict(edit(ours.state_dict(), lambda v: np.array([v])), strict)
    else:
        found = ours.load_state_dict(edit(ours.state_dict(), lambda v: np.array([v])), strict)
        assert repr(found) == repr(expected)
        assert found.missing_keys == expected.missing_keys
        assert found.unexpected_keys == expected.unexpected_keys
    assert int(ours.num_batches_tracked) == int(theirs.num_batches_tracked)


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d", "LayerNorm", "RMSNorm"])
def test_versions_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, name)(3), getattr(torch.nn, name)(3)
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata


class Alive:
    """Tells whenever anything is asked of it."""

    asked: list[str] = []

    def _tell(self, *_: Any, **__: Any) -> Any:
        self.asked.append("something")
        raise AssertionError("code of the data was run")

    __float__ = __int__ = __index__ = __len__ = __iter__ = __call__ = __reduce__ = __bool__ = __str__ = _tell


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNorm1d", "SwitchNorm1d"])
def test_loading_runs_no_code_of_the_data(name: str) -> None:
    """Objects inside an array are refused by its dtype; nothing of theirs is called."""
    layer = getattr(nn, name)(3)
    for key in layer.state_dict():
        value = np.empty(3, object)
        value[:] = [Alive(), Alive(), Alive()]
        with pytest.raises(TypeError, match=key):
            layer.load_state_dict({**layer.state_dict(), key: value})
    assert not Alive.asked


def test_a_state_is_stored_without_pickle(tmp_path: Any) -> None:
    layer = nn.BatchNorm1d(3)
    np.savez(tmp_path / "state.npz", **layer.state_dict())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        assert repr(nn.BatchNorm1d(3).load_state_dict(dict(stored))) == "<All keys matched successfully>"


LAYERS = {
    "BatchNorm1d": nn.BatchNorm1d(3),
    "InstanceNorm1d": nn.InstanceNorm1d(3, affine=True, track_running_stats=True),
    "LayerNorm": nn.LayerNorm(3),
    "RMSNorm": nn.RMSNorm(3, weight_offset=1.0),
    "GroupNorm": nn.GroupNorm(1, 3),
    "SwitchNorm2d": nn.SwitchNorm2d(3),
    "FrozenBatchNorm2d": nn.FrozenBatchNorm2d(3),
}
READ_ONLY = [(name, key) for name, layer in LAYERS.items() for key in layer.state_dict()]


def with_read_only(name: str, key: str) -> Any:
    """A layer whose values are unlike those it starts with, and one of whose arrays can't be written to."""
    layer = copy.deepcopy(LAYERS[name])
    for value in layer.state_dict().values():
        value[...] = 5
    layer.state_dict()[key].flags.writeable = False
    return layer


@pytest.mark.parametrize(("name", "key"), READ_ONLY)
def test_a_read_only_array_is_no_reason_to_stop_half_way(name: str, key: str) -> None:
    before = snapshot(with_read_only(name, key))
    with pytest.raises(ValueError, match=f"{key}: expected a writeable array"):
        check_step(name, key, lambda layer: layer.load_state_dict({k: v + 1 for k, v in before.items()}))
    for step in ("reset_parameters", "reset_running_stats"):
        if hasattr(LAYERS[name], step):
            fresh = copy.deepcopy(LAYERS[name])
            for value in fresh.state_dict().values():
                value[...] = 5
            getattr(fresh, step)()
            writes = not np.array_equal(fresh.state_dict()[key], before[key])
            with pytest.raises(ValueError, match=f"{key}: expected") if writes else nullcontext():
                check_step(name, key, lambda layer, step=step: getattr(layer, step)())


def check_step(name: str, key: str, call: Callable[[Any], Any]) -> None:
    """After an error all is as it was."""
    layer = with_read_only(name, key)
    before = snapshot(layer)
    try:
        call(layer)
    except ValueError:
        assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
        raise


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("key", ["num_batches_tracked", "running_mean", "running_var"])
def test_training_with_a_read_only_buffer_moves_nothing(key: str, momentum: float | None) -> None:
    layer = nn.BatchNorm1d(3, momentum=momentum)
    getattr(layer, key).flags.writeable = False
    before = snapshot(layer)
    x = np.random.default_rng(0).normal(size=(5, 3))
    out = np.full_like(x, 7.0)
    with pytest.raises(ValueError, match=f"{key}: expected a writeable array"):
        layer(x, out=out)
    assert (out == 7).all()
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())
    layer.eval()(x)


def test_a_counter_that_is_no_array_is_refused() -> None:
    """What it counts would be lost."""
    layer = nn.BatchNorm1d(3)
    layer.num_batches_tracked = layer.num_batches_tracked + 1  # type: ignore[operator]
    before = snapshot(layer)
    with pytest.raises(TypeError, match="num_batches_tracked: expected an ndarray"):
        layer(np.ones((5, 3)))
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())


def test_a_lazy_layer_loads_whole_or_not_at_all() -> None:
    lazy = nn.LazyBatchNorm1d()
    state = {**nn.BatchNorm1d(3).state_dict(), "running_var": np.full(3, 1e300)}
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        lazy.load_state_dict(state)
    assert np.isinf(lazy.running_var).all()  # type: ignore[arg-type]


def test_what_was_loaded_into_a_lazy_layer_stays() -> None:
    """Also where the rest comes with the first call, and where that call fails."""
    lazy = nn.LazyBatchNorm1d()
    lazy.load_state_dict({"weight": np.array([2.0, 3.0, 4.0])}, strict=False)
    loaded = lazy.weight
    with pytest.raises(ValueError, match="expected"):
        lazy(np.ones((1, 3)))
    assert isinstance(lazy, nn.LazyBatchNorm1d)
    assert lazy.weight is loaded
    assert lazy.num_features == 0
    lazy(np.random.default_rng(0).normal(size=(5, 3)))
    assert np.array_equal(lazy.weight, [2, 3, 4])  # type: ignore[arg-type]
    assert np.array_equal(lazy.bias, [0, 0, 0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="input: expected at least 2D"):
        nn.LazyBatchNorm1d().initialize_parameters(np.ones(3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_counter_takes_no_value_that_is_no_number(value: float) -> None:
    """It would become the least integer there is, and the next cumulative average nonsense."""
    layer = nn.BatchNorm1d(3, momentum=None)
    before = snapshot(layer)
    new = {**{k: v + 1 for k, v in before.items()}, "num_batches_tracked": np.array(value)}
    with pytest.raises(ValueError, match="num_batches_tracked: expected finite"):
        layer.load_state_dict(new)
    assert all(np.array_equal(v, before[k]) for k, v in layer.state_dict().items())


def test_what_a_mask_hides_is_not_loaded() -> None:
    layer = nn.LayerNorm(3)
    hides = np.ma.array([7.0, 8.0, 9.0], mask=[False, True, False])
    with pytest.raises(TypeError, match="weight: expected an array without masked elements"):
        layer.load_state_dict({"bias": np.ones(3), "weight": hides})
    assert np.array_equal(layer.bias, [0, 0, 0])  # type: ignore[arg-type]
    layer.load_state_dict({"bias": np.ones(3), "weight": np.ma.array([7.0, 8.0, 9.0])})
    assert np.array_equal(layer.weight, [7, 8, 9])  # type: ignore[arg-type]
