"""Any call of a public function: a result or a TypeError or ValueError, and nothing changed that may not be.

Longer: `make fuzz`, or CNORM_FUZZ=<examples per test>.
"""

from __future__ import annotations

import contextlib
import decimal
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from operations import OPERATIONS, Operation
from reference import BFLOAT16, DTYPES, Array
from strategies import Layout, Placed, fill, layouts, placed, seeds, shapes

import cnorm
import cnorm.functional as F
from cnorm import nn, preprocessing

pytestmark = pytest.mark.thorough

FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(F, name) for name in F.__all__},
    **{name: getattr(cnorm, name) for name in ("image_normalize", "length_mask", "moments", "standardize")},
    **{
        f"preprocessing.{name}": getattr(preprocessing, name)
        for name in ("zscore", "zmap", "gzscore", "scale", "minmax_scale", "maxabs_scale", "normalize")
    },
}
SCALERS = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "Normalizer")
# Nothing else may come out of a call.
REFUSED = (TypeError, ValueError, MemoryError)
WRITTEN = ("out", "running_mean", "running_var")

whole = st.one_of(st.integers(-9, 9), st.sampled_from([2**62, -(2**63), 2**63, 10**40]))
numbers = st.one_of(whole, st.floats(), st.booleans())
other_arrays = hnp.arrays(
    st.one_of(
        hnp.integer_dtypes(),
        hnp.boolean_dtypes(),
        hnp.complex_number_dtypes(),
        hnp.floating_dtypes(),
        hnp.datetime64_dtypes(),
        hnp.byte_string_dtypes(max_len=3),
        st.just(np.dtype(object)),
    ),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    fill=st.nothing(),
).map(lambda a: a.copy())
anything = st.one_of(
    st.none(),
    numbers,
    st.text(max_size=3),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.lists(numbers, max_size=4),
    st.lists(st.lists(numbers, max_size=3), max_size=3),
    st.tuples(whole, whole),
    st.dictionaries(st.text(max_size=2), whole, max_size=2),
    st.sampled_from(
        [object(), decimal.Decimal("1.5"), slice(3), range(3), float, np.float32(2), np.ma.masked]
    ),
    other_arrays,
)


def floats_of(dtype: np.dtype[Any]) -> st.SearchStrategy[float]:
    """Every float of a dtype, the special ones among them."""
    width = 16 if dtype.itemsize == 2 and dtype != BFLOAT16 else 32 if dtype.itemsize <= 4 else 64
    return st.floats(width=width)  # type: ignore[arg-type]


@st.composite
def hostile(draw: st.DrawFn, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Normal values with a few of any kind among them."""
    x = fill(shape, dtype, draw(seeds))
    if not x.size:
        return x
    with np.errstate(over="ignore"):
        for value in draw(st.lists(floats_of(dtype), max_size=4)):
            x.flat[draw(st.integers(0, x.size - 1))] = np.float64(value).astype(dtype)
    return x


def plausible(name: str, x: Array) -> st.SearchStrategy[Any]:
    """What could stand for a parameter of that name beside this input."""
    channels = x.shape[1:2] or (2,)
    last = st.integers(0, x.ndim).map(lambda k: x.shape[x.ndim - k :])
    axis = st.integers(-x.ndim - 1, x.ndim)
    by_name: dict[str, st.SearchStrategy[Any]] = {
        "normalized_shape": last | st.integers(1, 4),
        "granularity": st.just("row"),
        "num_groups": st.sampled_from([1, 2, *channels]),
        "size": st.integers(1, 7),
        "axis": st.none() | axis | st.lists(axis, max_size=3).map(tuple),
        "dim": st.none() | axis | st.lists(axis, max_size=3).map(tuple),
        "p": st.sampled_from([2.0, 1, 0, 3, 0.5, -1, float("inf")]) | st.floats(),
        "nan_policy": st.sampled_from(["propagate", "omit", "raise"]),
        "norm": st.sampled_from(["l1", "l2", "max"]),
        "compare": placed(x.shape).map(lambda p: p.array),
        "feature_range": st.tuples(st.floats(-2, 0), st.floats(0.5, 2)),
        "where": last.flatmap(lambda s: hnp.arrays(bool, s)),
        "weights": last.flatmap(lambda s: hnp.arrays(np.float64, s, elements=st.floats(0, 9))),
    }
    flags = ("training", "use_input_stats", "keepdims", "return_moments", "with_mean", "with_std")
    if name in by_name:
        return by_name[name]
    if name in (*flags, "using_moving_average", "transpose", "copy", "return_norm"):
        return st.booleans()
    parameters = ("weight", "bias", "running_mean", "running_var", "g", "mean_weight", "var_weight")
    if name in (*parameters, "bn_weight", "bn_bias"):
        first = (x.shape[0], *(1,) * (x.ndim - 1)) if x.ndim else ()
        size = {"g": first, "mean_weight": (3,), "var_weight": (3,)}.get(name)
        guess = st.just(size) if size is not None else st.just(channels) | last
        return st.none() | guess.flatmap(lambda s: placed(s).map(lambda p: p.array))
    if name == "out":
        some = [
            None,
            x,
            x[::-1] if x.ndim else x,
            np.full(x.shape, 7, x.dtype),
            np.zeros(x.shape, np.float32),
            np.zeros(x.shape, np.int8),
        ]
        return st.sampled_from(some)
    return st.floats() | st.sampled_from([0.0, 1e-5, 0.1, 1.0])


@st.composite
def inputs(draw: st.DrawFn) -> Array:
    """Laid out in any way, of any float dtype, with any values in it."""
    shape = draw(shapes(0, 5, 0))
    x = draw(hostile(shape, draw(st.sampled_from(DTYPES))))
    return Placed(x, draw(layouts(x.ndim))).array


@st.composite
def calls(draw: st.DrawFn, function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments by name: mostly plausible ones, some of any kind, some left out."""
    first, *rest = inspect.signature(function).parameters.values()
    x = draw(st.one_of(inputs(), inputs(), inputs(), anything))
    like = x if isinstance(x, np.ndarray) else np.zeros((2, 2))
    arguments = {first.name: x}
    for parameter in rest:
        needed = parameter.default is parameter.empty
        how = draw(st.sampled_from(["plausible"] * 6 + ["any"] + ["none"] * (0 if needed else 5)))
        if how != "none":
            arguments[parameter.name] = draw(
                plausible(parameter.name, like) if how == "plausible" else anything
            )
    return arguments


def bytes_of(value: Any) -> bytes | None:
    return value.tobytes() if type(value) is np.ndarray and value.dtype != object else None


def call(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """The result, None if the call was refused; in both cases nothing else changed."""
    before = {name: bytes_of(value) for name, value in arguments.items()}
    written = [v for k, v in arguments.items() if k in WRITTEN and isinstance(v, np.ndarray)]
    if not arguments.get("copy", True):
        written += [v for v in [next(iter(arguments.values()))] if isinstance(v, np.ndarray)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(**arguments)
    except REFUSED:
        result, written = None, []
    for name, value in arguments.items():
        if not any(
            value is w or (isinstance(value, np.ndarray) and np.may_share_memory(value, w)) for w in written
        ):
            assert bytes_of(value) == before[name], f"{name} was changed"
    return result


@pytest.mark.parametrize("name", FUNCTIONS)
@given(data=st.data())
def test_any_call(name: str, data: st.DataObject) -> None:
    arguments = data.draw(calls(FUNCTIONS[name]))
    result = call(FUNCTIONS[name], arguments)
    if result is None or name == "moments":
        return
    x = next(iter(arguments.values()))
    if name == "preprocessing.zmap":  # may be of more elements than its scores
        assert np.broadcast_shapes(result.shape, np.shape(x)) == result.shape
        return
    y = result[0] if isinstance(result, tuple) else result
    assert isinstance(y, np.ndarray)
    assert y.shape == np.shape(x)
    out = arguments.get("out")
    assert out is None or y is out


def layer_arguments(draw: Callable[[Any], Any], layer_class: Any, x: Any) -> dict[str, Any]:
    """Needed ones that mostly fit x, some of the others."""
    channels = x.shape[1] if isinstance(x, np.ndarray) and x.ndim > 1 else 2
    last = x.shape[-1:] if isinstance(x, np.ndarray) else (2,)
    arguments = {}
    for parameter in inspect.signature(layer_class).parameters.values():
        good = st.just(last if parameter.name == "normalized_shape" else channels)
        if parameter.default is parameter.empty:
            arguments[parameter.name] = draw(st.one_of(good, good, anything))
        elif draw(st.integers(0, 5)) == 0:
            arguments[parameter.name] = draw(anything)
    return arguments


def state_of(layer: Any) -> dict[str, bytes | None]:
    return {name: bytes_of(value) for name, value in layer.state_dict().items()}


@pytest.mark.parametrize("name", [name for name in nn.__all__ if name != "recalibrate"])
@given(data=st.data())
def test_any_layer(name: str, data: st.DataObject) -> None:
    """Made of anything, called with anything: the state is as before where the call is refused."""
    x = data.draw(st.one_of(inputs(), inputs(), anything))
    arguments = layer_arguments(data.draw, getattr(nn, name), x)
    kept = bytes_of(x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            layer = getattr(nn, name)(**arguments)
        except REFUSED:
            return
        before = state_of(layer)
        try:
            y = layer(x)
        except REFUSED:
            assert state_of(layer) == before
        else:
            assert y.shape == np.shape(x)
    assert bytes_of(x) == kept


@pytest.mark.parametrize("name", SCALERS)
@given(data=st.data())
def test_any_table(name: str, data: st.DataObject) -> None:
    """Fit, fit on, transform and back, with anything."""
    scaler = getattr(preprocessing, name)()
    for step in ("fit", "partial_fit", "transform", "inverse_transform"):
        if not hasattr(scaler, step):
            continue
        X = data.draw(st.one_of(inputs(), anything))
        kept = bytes_of(X)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.suppress(REFUSED):
                getattr(scaler, step)(X)
        assert bytes_of(X) == kept


@given(data=st.data())
def test_any_stream(data: st.DataObject) -> None:
    """Made and updated with anything: the moments are as before where it is refused."""
    x = data.draw(st.one_of(inputs(), anything))
    good = st.sampled_from([np.shape(x)[1:], np.shape(x)]) if isinstance(x, np.ndarray) else st.just(())
    policy = data.draw(st.sampled_from(["propagate", "omit", "raise"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stats = cnorm.RunningMoments(data.draw(st.one_of(good, good, anything)), nan_policy=policy)
        except REFUSED:
            return
        before = stats.copy()
        arguments = {"x": x, "axis": data.draw(st.one_of(st.just(0), st.just(0), anything))}
        if data.draw(st.booleans()):
            like = x if isinstance(x, np.ndarray) else np.zeros(2)
            arguments["weights"] = data.draw(plausible("weights", like) | anything)
        if call(stats.update, arguments) is None:
            assert stats == before
        assert stats.std().shape == np.shape(stats.mean) == stats.shape


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
@given(data=st.data())
def test_finite_where_the_formula_is(operation: Operation, data: st.DataObject) -> None:
    """Values of any size, NaN and infinity among them: finite results are where the formula has them."""
    shape = data.draw(st.sampled_from([(2, 4, 3), (1, 2, 40), (3, 2, 2, 5), (2, 4, 130)]))
    dtype = data.draw(st.sampled_from(DTYPES))
    x = data.draw(hostile(shape, dtype))
    if dtype.itemsize == 8:  # beyond, a variance is no float64
        assume((np.abs(x[np.isfinite(x)]) < 1e150).all())
    p = operation.parameters(shape, np.float32, np.random.default_rng(3))
    laid = Placed(x, Layout(tuple(data.draw(st.permutations(range(x.ndim)))), (1,) * x.ndim)).array
    y = operation.call(laid, **{k: v.copy() for k, v in p.items()})
    with np.errstate(all="ignore"):
        expected = R.Expected(operation.expected(x, **p), dtype)
        known = np.isfinite(expected.values)
        assert np.isfinite(y.astype(np.float64)[known]).all()
        assert not np.isfinite(y.astype(np.float64)[~known]).any()
        assert expected.error(y) <= 2 * R.BOUNDS[dtype.name]
