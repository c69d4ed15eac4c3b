"""numpy.ma: what a masked array hides counts nowhere, in any public function, or the function refuses it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import BFLOAT16, DTYPES, Array
from strategies import fill, seeds
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm import nn, preprocessing, stats

SHAPE = (4, 6, 5, 3)
ZEROS = np.zeros(3)
LABELS = np.array([1, 0, 1, -1, 0, 1])
Call = Callable[..., Any]

# How each public function is called with x of SHAPE; `w` are keywords, where= among them.
TAKES_WHERE: dict[str, Call] = {
    "batch_norm": lambda x, **w: F.batch_norm(x, None, None, training=True, **w),
    "group_norm": lambda x, **w: F.group_norm(x, 2, **w),
    "instance_norm": lambda x, **w: F.instance_norm(x, **w),
    "layer_norm": lambda x, **w: F.layer_norm(x, (5, 3), **w),
    "layer_norm_int8": lambda x, **w: F.layer_norm_int8(x, (3,), **w),
    "switchable_norm": lambda x, **w: F.switchable_norm(x, ZEROS, ZEROS, training=True, **w),
    "standardize": lambda x, **w: cnorm.standardize(x, (1, 3), return_moments=True, **w),
    "moments": lambda x, **w: cnorm.moments(x, (0, 2), **w),
    "group_moments": lambda x, **w: cnorm.group_moments(x, LABELS, axis=(1, 3), **w),
    "segment_moments": lambda x, **w: cnorm.segment_moments(x, [1, 4, 6], axis=(1, 3), **w),
    "group_standardize": lambda x, **w: cnorm.group_standardize(x, LABELS, axis=(1, 3), **w),
    "segment_standardize": lambda x, **w: cnorm.segment_standardize(x, [1, 4, 6], axis=(1, 3), **w),
    "RunningMoments": lambda x, **w: cnorm.RunningMoments(SHAPE[1:]).update(x, **w).var(),
}
MOVES = [name for name in stats.__all__ if name.startswith("move_")]
REDUCTIONS: dict[str, Call] = {
    f"stats.{name}": getattr(stats, name) for name in stats.__all__ if name not in MOVES
}
# Whose result needs an element in each group.
FOUND = {name: partial(call, axis=1) for name, call in REDUCTIONS.items() if "arg" in name}
TAKES_WHERE |= {name: partial(call, axis=(1, 3)) for name, call in REDUCTIONS.items()} | FOUND
# Windows: hidden elements are as NaN, which never counts.
AS_NAN: dict[str, Call] = {
    f"stats.{name}": partial(getattr(stats, name), window=3, min_count=1) for name in MOVES
}
AS_NAN |= {
    "rolling_moments": lambda x: cnorm.rolling_moments(x, 3, axis=1, min_count=1),
    "rolling_standardize": lambda x: cnorm.rolling_standardize(x, 3, axis=1, min_count=1),
    "ewm_moments": lambda x: cnorm.ewm_moments(x, alpha=0.3, axis=1),
}
# What is divided by a norm, or responds to a sum of squares: hidden elements are as zeros.
AS_ZERO: dict[str, Call] = {
    "normalize": lambda x, **w: F.normalize(x, **w),
    "weight_norm": lambda x, **w: F.weight_norm(x, np.ones(4), **w),
    "local_response_norm": lambda x, **w: F.local_response_norm(x, 3, k=0.0, alpha=0.1, **w),
    "cross_map_lrn2d": lambda x, **w: F.cross_map_lrn2d(x, 3, **w),
    "preprocessing.normalize": lambda x, **w: preprocessing.normalize(x, **w),
    "global_response_norm": lambda x, **w: F.global_response_norm(x, np.ones(3), np.zeros(3), **w),
}
# Means of what is shown: compared with each row of it alone.
BY_ROWS: dict[str, Call] = {
    "rms_norm": lambda x, **w: F.rms_norm(x, (x.shape[-1],), **w),
    "rms_norm_int8": lambda x, **w: F.rms_norm_int8(x, (x.shape[-1],), **w)[0],
    "weight_standardize": lambda x, **w: (
        F.weight_standardize(x, **w) if x.ndim > 1 else F.weight_standardize(x[None], **w)[0]
    ),
    "scale": lambda x, **w: preprocessing.scale(x, -1, **w),
    "minmax_scale": lambda x, **w: preprocessing.minmax_scale(x, axis=-1, **w),
    "maxabs_scale": lambda x, **w: preprocessing.maxabs_scale(x, axis=-1, **w),
    "zscore": lambda x, **w: preprocessing.zscore(x, -1, **w),
    "zmap": lambda x, **w: preprocessing.zmap(x, x[...], -1, **w),
    "gzscore": lambda x, **w: preprocessing.gzscore(np.abs(x), axis=-1, **w),
}
REFUSED: dict[str, Call] = {
    "image_normalize": lambda x: cnorm.image_normalize(x, 0.5, 0.5),
    "mean_pool": lambda x: cnorm.mean_pool(x, None),
    "length_mask": lambda x: cnorm.length_mask(x, 9),
    "fold_batch_norm": lambda x: F.fold_batch_norm(x, None, np.ones(4), np.ones(4), None, None),
    "StandardScaler": lambda x: preprocessing.StandardScaler().fit(x.reshape(4, -1)),
    "MinMaxScaler": lambda x: preprocessing.MinMaxScaler().fit(x.reshape(4, -1)),
    "MaxAbsScaler": lambda x: preprocessing.MaxAbsScaler().fit(x.reshape(4, -1)),
    "Normalizer": lambda x: preprocessing.Normalizer().fit(x.reshape(4, -1)),
}
# No data comes into these.
WITHOUT = {
    "__version__", "functional", "nn", "preprocessing", "sparse", "stats", "get_num_threads",
    "set_num_threads", "threads", "get_output_cache", "set_output_cache", "show_config", "get_include",
    "ufuncs",
}  # fmt: skip


def test_every_public_function_is_here() -> None:
    both = {name: f"preprocessing.{name}" for name in {*F.__all__} & {*preprocessing.__all__}}
    public = {*cnorm.__all__, *F.__all__, *(both.get(n, n) for n in preprocessing.__all__)} - WITHOUT
    public |= {f"stats.{name}" for name in stats.__all__}
    assert public == {*TAKES_WHERE, *AS_NAN, *AS_ZERO, *BY_ROWS, *REFUSED}


def hidden_and_data(
    value: float, dtype: Any = np.float32, shape: tuple[int, ...] = SHAPE
) -> tuple[Array, Array]:
    x = fill(shape, np.dtype(dtype), 3) if dtype is not int else np.arange(np.prod(shape)).reshape(shape)
    hidden = np.random.default_rng(1).random(shape) < 0.2
    hidden[(0,) * len(shape)] = True
    x[hidden] = value
    return x, hidden


def results(y: Any) -> list[Array]:
    return list(y) if isinstance(y, tuple) else [y]


def same(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def check_masked(y: Any, hidden: Array) -> None:
    """A masked array with that mask; what it hides is 0."""
    assert isinstance(y, np.ma.MaskedArray)
    assert np.array_equal(np.ma.getmaskarray(y), hidden)
    assert not np.asarray(y.data)[hidden].any()


UNSEEN = (1e6, np.nan, np.inf)


@pytest.mark.parametrize("name", TAKES_WHERE)
@sweep(dtype=DTYPES, value=UNSEEN)
def test_a_mask_is_where(name: str, dtype: np.dtype[Any], value: float) -> None:
    """The bits of where=~mask, alone and beside a where= of the caller's."""
    x, hidden = hidden_and_data(value if dtype != np.float16 or value != 1e6 else 6e4, dtype)
    masked, call = np.ma.MaskedArray(x, hidden), TAKES_WHERE[name]
    before = x.copy()
    too = np.random.default_rng(2).random((6, 1, 1)) < 0.7
    for own, where in ((None, ~hidden), (too, too & ~hidden)):
        got = results(call(masked) if own is None else call(masked, where=own))
        for y, wanted in zip(got, results(call(x, where=where)), strict=True):
            if wanted.shape == SHAPE:
                check_masked(y, hidden)
            assert isinstance(y, np.ma.MaskedArray) == (wanted.shape == SHAPE)
            assert same(np.ma.getdata(y), wanted)
    assert same(masked.data, before)
    assert np.array_equal(masked.mask, hidden)


@pytest.mark.parametrize("name", AS_NAN)
@sweep(dtype=DTYPES, value=UNSEEN)
def test_what_is_hidden_is_as_nan(name: str, dtype: np.dtype[Any], value: float) -> None:
    x, hidden = hidden_and_data(value if dtype != np.float16 or value != 1e6 else 6e4, dtype)
    got = results(AS_NAN[name](np.ma.MaskedArray(x, hidden)))
    holes = np.where(hidden, x.dtype.type(np.nan), x)
    for y, wanted in zip(got, results(AS_NAN[name](holes)), strict=True):
        check_masked(y, hidden)
        assert same(y.data, np.where(hidden, wanted.dtype.type(0), wanted))


@pytest.mark.parametrize("name", AS_ZERO)
@sweep(dtype=[np.float32, np.float64, BFLOAT16], value=UNSEEN)
def test_what_is_hidden_is_as_zero(name: str, dtype: Any, value: float) -> None:
    x, hidden = hidden_and_data(value, dtype)
    y = AS_ZERO[name](np.ma.MaskedArray(x, hidden))
    check_masked(y, hidden)
    wanted = np.where(hidden, 0, AS_ZERO[name](np.where(hidden, x.dtype.type(0), x))).astype(np.float64)
    tolerance = 2e-2 if dtype == BFLOAT16 else 1e-6
    np.testing.assert_allclose(y.data.astype(np.float64), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", BY_ROWS)
@sweep(dtype=[np.float32, np.float64], value=UNSEEN)
def test_rows_are_those_of_what_is_shown(name: str, dtype: Any, value: float) -> None:
    x, hidden = hidden_and_data(value, dtype, (9, 40))
    y = BY_ROWS[name](np.ma.MaskedArray(x, hidden))
    assert np.array_equal(y.mask, hidden)
    for i in range(len(x)):
        alone = BY_ROWS[name](x[i, ~hidden[i]])
        np.testing.assert_allclose(y[i].compressed(), alone, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("p", [0, 0.5, 1, 3, np.inf, -1, -np.inf])
def test_every_exponent(p: float) -> None:
    for value in (1e6, np.nan, 0.0):
        x, hidden = hidden_and_data(value, np.float64, (9, 40))
        y = F.normalize(np.ma.MaskedArray(x, hidden), p)
        check_masked(y, hidden)
        for i in range(len(x)):
            alone = F.normalize(x[i, ~hidden[i]], p, 0)
            np.testing.assert_allclose(y[i].compressed(), alone, rtol=1e-13)


@pytest.mark.parametrize("name", REFUSED)
def test_the_rest_refuses(name: str) -> None:
    x, hidden = hidden_and_data(1e6, int if name == "length_mask" else np.float32)
    with pytest.raises(TypeError, match=r"masked.*\.filled\("):
        REFUSED[name](np.ma.MaskedArray(x, hidden))


def test_moments_of_integers_and_groups_of_nothing() -> None:
    assert cnorm.moments(np.ma.array([1, 2, 3, 10**6], mask=[0, 0, 0, 1])) == (2.0, 2 / 3)
    mean, var = cnorm.moments(np.ma.array([[1.0, 3.0], [5.0, 6.0]], mask=[[0, 0], [1, 1]]), 1)
    np.testing.assert_array_equal(mean, [2, np.nan])
    np.testing.assert_array_equal(var, [1, np.nan])
    assert np.isnan(cnorm.moments(np.ma.masked)[0])


@pytest.mark.parametrize("name", [*TAKES_WHERE, *AS_ZERO, *BY_ROWS])
def test_nothing_hidden(name: str) -> None:
    """A masked array comes out, without a mask, with the bits of plain data."""
    call = {**TAKES_WHERE, **AS_ZERO, **BY_ROWS}[name]
    x = fill(SHAPE, np.dtype(np.float32), 4)
    for mask in (np.ma.nomask, np.zeros(SHAPE, bool)):
        for y, wanted in zip(results(call(np.ma.MaskedArray(x, mask))), results(call(x)), strict=True):
            assert isinstance(y, np.ma.MaskedArray) == (wanted.shape == SHAPE)
            np.testing.assert_allclose(np.ma.getdata(y), wanted, rtol=1e-6, atol=1e-6)
            assert not np.ma.is_masked(y)


@pytest.mark.parametrize("name", [n for n in (*TAKES_WHERE, *AS_ZERO, *BY_ROWS) if hasattr(F, n)])
def test_out_is_the_memory_of_the_result(name: str) -> None:
    x, hidden = hidden_and_data(np.nan, np.float32)
    masked, call = np.ma.MaskedArray(x, hidden), {**TAKES_WHERE, **AS_ZERO, **BY_ROWS}[name]
    new = results(call(masked))[0]
    out = np.full(SHAPE, 9, new.dtype)
    y = results(call(masked, out=out))[0]
    check_masked(y, hidden)
    assert np.shares_memory(y.data, out)
    assert same(out, new.data)
    y.mask[...] = False
    assert masked.mask.any()
    for wrong in (np.ma.MaskedArray(out), np.ma.MaskedArray(out, hidden)):
        with pytest.raises(TypeError, match=r"^out: expected an ndarray"):
            call(x, out=wrong)


def test_residual_and_running_statistics() -> None:
    x, hidden = hidden_and_data(np.nan)
    masked, residual = np.ma.MaskedArray(x, hidden), fill(SHAPE, np.dtype(np.float32), 8)
    for norm in (F.layer_norm, F.rms_norm):
        y, h = norm(masked, (3,), residual=residual)
        check_masked(y, hidden)
        assert np.array_equal(h.mask, hidden)
        assert np.array_equal(h.compressed(), (x + residual)[~hidden])
        assert same(y.data, norm(np.ma.MaskedArray(x + residual, hidden), (3,)).data)
    moved, wanted = (np.zeros(6), np.ones(6)), (np.zeros(6), np.ones(6))
    F.batch_norm(masked, *moved, training=True)
    F.batch_norm(x, *wanted, training=True, where=~hidden)
    assert all(map(np.array_equal, moved, wanted))


# Parameters of each function that are arrays, by name.
ARRAYS = (
    "weight", "bias", "running_mean", "running_var", "residual", "residual_out", "where", "weights", "g",
    "mean_weight", "var_weight", "bn_weight", "bn_bias", "mean", "std", "lengths",
)  # fmt: skip
SIZES = {"residual": SHAPE, "residual_out": SHAPE, "mean_weight": (3,), "var_weight": (3,), "g": (4,)}


@pytest.mark.parametrize("name", [*F.__all__, "standardize", "moments", "image_normalize"])
def test_masked_parameters_are_refused(name: str) -> None:
    function = getattr(F, name, None) or getattr(cnorm, name)
    x = fill(SHAPE, np.dtype(np.float32), 5)
    given: dict[str, dict[str, Any]] = {
        "layer_norm": {"normalized_shape": (6, 5, 3), "residual": x},
        "rms_norm": {"normalized_shape": (6, 5, 3), "residual": x},
        "layer_norm_int8": {"normalized_shape": (6, 5, 3)},
        "rms_norm_int8": {"normalized_shape": (6, 5, 3)},
        "group_norm": {"num_groups": 2},
        "switchable_norm": {"mean_weight": ZEROS, "var_weight": ZEROS, "training": True},
        "batch_norm": {"running_mean": np.ones(6), "running_var": np.ones(6)},
        "weight_norm": {"g": np.ones(4)},
        "global_response_norm": {"weight": np.ones(3), "bias": np.ones(3)},
        "image_normalize": {"mean": np.ones(3), "std": np.ones(3), "scale": 1.0},
        "local_response_norm": {"size": 3},
        "cross_map_lrn2d": {"size": 3},
        "fold_batch_norm": dict.fromkeys(("running_mean", "running_var", "bn_weight", "bn_bias"), np.ones(4))
        | {"bias": np.ones(4)},
    }
    call, first = given.get(name, {}), next(iter(inspect.signature(function).parameters))
    function(x, **call)
    for parameter in set(ARRAYS) & set(inspect.signature(function).parameters) - {first}:
        size = np.shape(call[parameter]) if parameter in call else SIZES.get(parameter, SHAPE[1:2])
        size = SHAPE[1:] if "norm_int8" in name or name in ("layer_norm", "rms_norm") else size
        size = SHAPE if parameter in ("residual", "residual_out", "where") else size
        array = np.ones(size, bool if parameter == "where" else np.float32)
        masked = np.ma.MaskedArray(array, np.arange(array.size).reshape(size) == 1)
        pair = (
            {"running_var": np.ones(6), "running_mean": np.ones(6)}
            if name in ("instance_norm", "switchable_norm")
            else {}
        )
        with pytest.raises(TypeError, match=f"^{parameter}: expected"):
            function(x, **{**pair, **call, parameter: masked})


LAYERS = [
    nn.BatchNorm2d(6), nn.SyncBatchNorm(6), nn.InstanceNorm2d(6), nn.GroupNorm(2, 6), nn.LayerNorm(3),
    nn.RMSNorm(3), nn.SwitchNorm2d(6), nn.FrozenBatchNorm2d(6), nn.LocalResponseNorm(3), nn.CrossMapLRN2d(3),
    nn.LazyBatchNorm2d(),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_layers(layer: Any) -> None:
    x, hidden = hidden_and_data(np.nan)
    y = layer(np.ma.MaskedArray(x, hidden))
    check_masked(y, hidden)
    assert np.isfinite(y.data).all()


def test_instance_norm_of_one_sample() -> None:
    x, hidden = hidden_and_data(np.nan)
    layer, out = nn.InstanceNorm2d(6), np.ones(SHAPE[1:], np.float32)
    y = layer(np.ma.MaskedArray(x[0], hidden[0]), out=out)
    check_masked(y, hidden[0])
    assert np.shares_memory(y.data, out)


class Variable:
    """As those of files that give masked arrays."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.ma.array([[1.0, 2.0, 1e6]], mask=[[0, 0, 1]])


def test_a_mask_behind_the_array_protocol_is_seen() -> None:
    for call in (cnorm.moments, lambda x: F.layer_norm(x, (3,)), preprocessing.scale):
        with pytest.raises(TypeError, match=r"masked.*\.filled\("):
            call(Variable())


@given(
    st.sampled_from(sorted(TAKES_WHERE.keys() - FOUND)),
    seeds,
    st.sampled_from(["float16", "float32", "float64"]),
)
def test_any_mask(name: str, seed: int, dtype: str) -> None:
    """Masks of any density, some that hide whole groups."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=SHAPE).astype(dtype)
    hidden = rng.random(SHAPE) < rng.choice([0.0, 0.05, 0.5, 1.0])
    hidden[rng.integers(4)] |= rng.random(SHAPE[1:]) < rng.choice([0.0, 0.9, 1.0])
    spoilt = np.where(hidden, x.dtype.type(np.nan), x)
    for y, wanted in zip(
        results(TAKES_WHERE[name](np.ma.MaskedArray(spoilt, hidden))),
        results(TAKES_WHERE[name](x, where=~hidden)),
        strict=True,
    ):
        assert same(np.ma.getdata(y), wanted)
