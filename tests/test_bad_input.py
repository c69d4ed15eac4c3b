"""Every refused call names its argument, in a ValueError or TypeError, and has changed nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from reference import Array
from strategies import fill
from sweep import sweep

import cnorm
import cnorm.functional as F
import cnorm.preprocessing as P
import cnorm.sparse
import cnorm.stats

F32 = np.dtype(np.float32)
X = (2, 4, 3)
RUNNING = ("running_mean", "running_var")


def array(*shape: int) -> Array:
    return fill(shape, F32, 1)


def ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


def readonly(a: Array) -> Array:
    a.flags.writeable = False
    return a


def logits() -> dict[str, Array]:
    return {"mean_weight": ones(3), "var_weight": ones(3)}


def running(n: int = 4) -> dict[str, Array]:
    return {"running_mean": ones(n), "running_var": ones(n)}


def folding() -> dict[str, Array]:
    return {"weight": array(4, 3), "bias": ones(4), **running(), "bn_weight": ones(4), "bn_bias": ones(4)}


# A good call of every public function: what each row of the table below spoils.
GOOD: dict[str, tuple[Callable[..., Any], Callable[[], dict[str, Any]]]] = {
    "layer_norm": (F.layer_norm, lambda: {"input": array(*X), "normalized_shape": (3,)}),
    "rms_norm": (F.rms_norm, lambda: {"input": array(*X), "normalized_shape": (3,)}),
    "group_norm": (F.group_norm, lambda: {"input": array(*X), "num_groups": 2}),
    "instance_norm": (F.instance_norm, lambda: {"input": array(*X), **running()}),
    "batch_norm": (F.batch_norm, lambda: {"input": array(*X), **running(), "training": True}),
    "local_response_norm": (F.local_response_norm, lambda: {"input": array(*X), "size": 3}),
    "normalize": (F.normalize, lambda: {"input": array(*X)}),
    "weight_norm": (F.weight_norm, lambda: {"v": array(*X), "g": ones(2)}),
    "switchable_norm": (
        F.switchable_norm,
        lambda: {"input": array(*X), **logits(), **running(), "training": True},
    ),
    "standardize": (cnorm.standardize, lambda: {"x": array(*X)}),
    "fold_batch_norm": (F.fold_batch_norm, folding),
    "moments": (cnorm.moments, lambda: {"x": array(*X)}),
}
FIRST = {name: next(iter(make())) for name, (_, make) in GOOD.items()}
NO_OUT = ("fold_batch_norm", "moments")
NORMS = [name for name in GOOD if name not in NO_OUT]

# (function, argument the message must name, what replaces arguments, exception)
Row = tuple[str, str, Callable[[], dict[str, Any]], type[Exception]]


def rows() -> list[Row]:
    table: list[Row] = []

    def add(
        names: str, argument: str, error: type[Exception], *changes: Callable[[], dict[str, Any]]
    ) -> None:
        table.extend((name, argument, change, error) for name in names.split() for change in changes)

    def put(argument: str, *values: Any) -> list[Callable[[], dict[str, Any]]]:
        return [lambda v=v: {argument: v() if callable(v) else v} for v in values]

    for name in NORMS:
        first = FIRST[name]
        for dtype in (np.int32, np.int64, np.uint8, np.bool_, np.complex64, object, "U1", "M8[s]"):
            add(name, first, TypeError, lambda d=dtype, f=first: {f: np.zeros(X, np.int64).astype(d)})
        add(name, first, TypeError, *put(first, None, "abc", {}))
        add(name, first, ValueError, *put(first, lambda: [[1.0], [1.0, 2.0]]))
        add(
            name,
            "out",
            ValueError,
            *put("out", lambda: ones(2, 4, 2), lambda: ones(2, 3, 4), lambda: ones(24)),
        )
        add(name, "out", ValueError, lambda: {"out": readonly(ones(*X))})
        add(name, "out", ValueError, lambda: {"out": np.lib.stride_tricks.as_strided(ones(3), X, (0, 0, 4))})
        add(
            name,
            "out",
            TypeError,
            *put("out", lambda: np.ones(X), lambda: np.ones(X, np.float16), lambda: [1.0]),
        )
        add(name, "out", TypeError, *put("out", lambda: np.ones(X, np.dtype(np.float32).newbyteorder("S"))))
    channelled = "group_norm instance_norm batch_norm switchable_norm"
    for which in ("weight", "bias"):
        sizes = [lambda: ones(3), lambda: ones(5), lambda: ones(1), lambda: ones(0)]
        add(channelled, which, ValueError, *put(which, *sizes))
        add(
            f"{channelled} layer_norm standardize",
            which,
            TypeError,
            *put(which, lambda: np.arange(4), "w", {}),
        )
    add(
        "layer_norm rms_norm",
        "weight",
        ValueError,
        *put("weight", lambda: ones(4), lambda: ones(1), lambda: ones(3, 1)),
    )
    add("layer_norm", "bias", ValueError, *put("bias", lambda: ones(2), lambda: ones(4, 3)))
    add("standardize", "weight", ValueError, *put("weight", lambda: ones(2), lambda: ones(1, 2, 4, 3)))
    add("standardize", "bias", ValueError, *put("bias", lambda: ones(4)))
    add(
        "layer_norm rms_norm",
        "normalized_shape",
        ValueError,
        *put("normalized_shape", (4,), (), (3, 3), (1, 2, 4, 3)),
    )
    add(
        "layer_norm rms_norm",
        "normalized_shape",
        TypeError,
        *put("normalized_shape", None, "3", (3.0,), ("3",)),
    )
    add(
        "layer_norm rms_norm",
        "normalized_shape",
        ValueError,
        lambda: {"input": np.float32(1), "normalized_shape": (1,)},
    )
    fused = "layer_norm rms_norm batch_norm group_norm instance_norm"
    add(fused, "activation", ValueError, *put("activation", "Tanh", "", "ReLU", ("relu", 1.0)))
    add(fused, "activation", TypeError, *put("activation", 1, b"relu", ["relu"]))
    modes = "layer_norm rms_norm group_norm instance_norm"
    add(modes, "eps_mode", ValueError, *put("eps_mode", "Inside", ""))
    add(modes, "eps_mode", TypeError, *put("eps_mode", 1, None, b"max"))
    add("group_norm", "num_groups", ValueError, *put("num_groups", 3, 0, -1, 5, 8))
    add("group_norm", "num_groups", TypeError, *put("num_groups", 2.0, None, "2", True, (2,)))
    low = [lambda: array(4), lambda: np.float32(1)]
    add(f"{channelled} local_response_norm", "input", ValueError, *put("input", *low))
    add("local_response_norm", "input", ValueError, *put("input", lambda: array(2, 4)))
    add("local_response_norm", "size", ValueError, *put("size", 0, -3))
    add("local_response_norm", "size", TypeError, *put("size", 2.5, None, "3"))
    for factor in ("alpha", "beta", "k"):
        add("local_response_norm", factor, TypeError, *put(factor, None, "x", (1,)))
    for statistic in RUNNING:
        short = [lambda: ones(3), lambda: ones(5), lambda: ones(0)]
        add("batch_norm instance_norm switchable_norm", statistic, ValueError, *put(statistic, *short))
        add("batch_norm instance_norm", statistic, ValueError, *put(statistic, lambda: ones(4, 1)))
        add("batch_norm instance_norm switchable_norm", statistic, ValueError, *put(statistic, None))
        add(
            "batch_norm instance_norm switchable_norm",
            statistic,
            ValueError,
            *put(statistic, lambda: readonly(ones(4))),
        )
        add(
            "batch_norm instance_norm switchable_norm",
            statistic,
            TypeError,
            *put(statistic, lambda: np.arange(4)),
        )
    nothing = {"running_mean": None, "running_var": None}
    add("batch_norm switchable_norm", "running_mean", ValueError, lambda: {**nothing, "training": False})
    add("instance_norm", "running_mean", ValueError, lambda: {**nothing, "use_input_stats": False})
    single = [lambda: array(1, 4), lambda: array(1, 4, 1)]
    add("batch_norm", "input", ValueError, *put("input", *single))
    add("instance_norm", "input", ValueError, *put("input", lambda: array(2, 4), lambda: array(2, 4, 1, 1)))
    add("switchable_norm", "input", ValueError, *put("input", lambda: array(2, 4, 1)))
    add("group_norm", "input", ValueError, lambda: {"input": array(1, 4), "num_groups": 4})
    add("batch_norm", "eps", ValueError, *put("eps", 0.0, -1.0))
    add("batch_norm", "eps", ValueError, lambda: {"eps": -1.0, "training": False})
    add(
        f"{channelled} layer_norm normalize standardize", "eps", TypeError, *put("eps", None, "x", [1.0, 2.0])
    )
    add("batch_norm instance_norm switchable_norm", "momentum", TypeError, *put("momentum", None, "x"))
    add(
        "switchable_norm",
        "mean_weight",
        ValueError,
        *put("mean_weight", lambda: ones(4), lambda: ones(1), lambda: ones(3, 1)),
    )
    add("switchable_norm", "var_weight", ValueError, *put("var_weight", lambda: ones(2), lambda: ones(0)))
    add("switchable_norm", "var_weight", TypeError, *put("var_weight", None, lambda: np.arange(3)))
    add("normalize", "dim", ValueError, *put("dim", 3, -4, (0, 0), (0, 5)))
    add("normalize", "dim", TypeError, *put("dim", 1.0, "1", (1.0,)))
    add("normalize", "p", TypeError, *put("p", None, "x"))
    add("normalize", "input", ValueError, lambda: {"input": array(2, 0), "p": float("inf")})
    add("weight_norm", "dim", ValueError, *put("dim", 3, -4))
    add("weight_norm", "dim", TypeError, *put("dim", 1.0, "0"))
    add("weight_norm", "g", ValueError, *put("g", lambda: ones(3), lambda: ones(1), None))
    add("weight_norm", "g", TypeError, *put("g", lambda: np.arange(2), "g"))
    fold = "fold_batch_norm"
    for part in folding():
        add(fold, part, TypeError, *put(part, lambda: np.arange(4), "w", lambda: np.ones(4, complex)))
    for part in ("weight", *RUNNING):
        add(fold, part, TypeError, *put(part, None))
    for part in ("bias", "running_var", "bn_weight", "bn_bias"):
        add(fold, part, ValueError, *put(part, lambda: ones(3), lambda: ones(4, 1), lambda: ones(0)))
    add(fold, "running_mean", ValueError, *put("running_mean", lambda: ones(3), lambda: ones(2, 2)))
    add(fold, "running_mean", ValueError, lambda: {"transpose": True})
    add(fold, "weight", ValueError, *put("weight", lambda: ones(4), lambda: np.float32(1)))
    add(f"{fold} standardize switchable_norm", "eps", ValueError, *put("eps", -1.0, -1e-300, float("nan")))
    add(fold, "eps", TypeError, *put("eps", None, "x"))
    add("moments standardize", "axis", ValueError, *put("axis", 3, -4, (0, 0), (1, -2)))
    add("moments standardize", "axis", TypeError, *put("axis", 1.0, "1", (0.0,)))
    add("moments standardize", "where", TypeError, *put("where", lambda: np.ones(X, int), 1.0))
    add(
        "moments standardize",
        "where",
        ValueError,
        *put("where", lambda: np.ones((5,), bool), lambda: np.ones((1, *X), bool)),
    )
    add("moments", "weights", ValueError, *put("weights", lambda: ones(5), -1.0, np.nan))
    add("moments", "weights", TypeError, *put("weights", 1j, "w"))
    add("moments", "correction", TypeError, *put("correction", None, "x"))
    add("moments", "nan_policy", ValueError, *put("nan_policy", "ignore", None))
    add("moments", "x", TypeError, *put("x", lambda: np.zeros(3, complex), lambda: np.array(["a"]), None))
    return table


ROWS = {f"{name}-{argument}-{i}": (name, argument, *rest) for i, (name, argument, *rest) in enumerate(rows())}


def arrays_of(arguments: dict[str, Any]) -> dict[str, bytes]:
    return {k: v.tobytes() for k, v in arguments.items() if isinstance(v, np.ndarray) and v.dtype != object}


@sweep(row=ROWS)
def test_refused(row: str) -> None:
    name, argument, change, error = ROWS[row]
    function, make = GOOD[name]
    arguments = {**make(), **change()}
    out = arguments.setdefault("out", ones(*X)) if name not in NO_OUT else None
    before = arrays_of(arguments)
    with pytest.raises(error) as caught:
        function(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{argument}: "), message
    assert "expected" in message or "contains" in message, message
    assert arrays_of(arguments) == before
    assert out is None or not isinstance(out, np.ndarray) or (out == 1).all()


NUMBERS_OF_ANY_KIND: dict[str, Callable[[Any], Any]] = {
    "x": cnorm.moments,
    "a": cnorm.stats.nanmean,
    "scores": lambda x: P.zmap(x, [1.0, 2.0]),
    "X": P.scale,
}


@pytest.mark.parametrize("name", NUMBERS_OF_ANY_KIND)
def test_the_missing_time_of_pandas_is_no_number(name: str) -> None:
    """It comes of pandas, has `to_numpy`, and no dtype."""
    with pytest.raises(TypeError, match=f"{name}: expected"):
        NUMBERS_OF_ANY_KIND[name](pytest.importorskip("pandas").NaT)


def test_more_groups_than_memory_has_addresses() -> None:
    for label in (2**60, 2**63 - 1, 2**64 - 1):
        for f in (cnorm.group_moments, cnorm.group_standardize):
            with pytest.raises(ValueError, match="labels: expected no more than"):
                f(ones(1), np.array([label], np.uint64))
            with pytest.raises(ValueError, match="num_groups: expected no more than"):
                f(ones(1), [0], num_groups=label)


def test_a_mask_of_tokens_that_is_no_array() -> None:
    with pytest.raises(ValueError, match="where: expected an array"):
        cnorm.mean_pool(array(*X), [[True], [True, False]])


def test_times_are_no_matrix() -> None:
    with pytest.raises(TypeError, match="a: expected a CSR or CSC matrix"):
        cnorm.sparse.moments(np.zeros((2, 2), "M8[s]"))


def test_an_axis_may_be_an_array_without_one() -> None:
    """As NumPy takes it."""
    x, one = array(3, 4), np.array(1)
    assert np.array_equal(cnorm.moments(x, one), cnorm.moments(x, 1))
    assert np.array_equal(cnorm.stats.sum(x, one), cnorm.stats.sum(x, 1))
    assert np.array_equal(F.normalize(x, dim=one), F.normalize(x, dim=1))
    assert cnorm.RunningMoments(np.array(3)).mean.shape == (3,)
    with pytest.raises(TypeError, match="axis: expected an int"):
        cnorm.moments(x, np.array(1.0))


@pytest.mark.parametrize("name", GOOD)
def test_the_good_calls_are_good(name: str) -> None:
    function, make = GOOD[name]
    function(**make())
    if name not in NO_OUT:
        arguments = make()
        x = arguments[FIRST[name]]
        assert function(**arguments, out=x) is x


@pytest.mark.parametrize("name", GOOD)
def test_unknown_keyword(name: str) -> None:
    function, make = GOOD[name]
    with pytest.raises(TypeError, match="nonsense"):
        function(**make(), nonsense=1)


def test_refusals_come_before_the_write() -> None:
    """The last argument looked at is wrong, all else is right: still nothing is written."""
    x, mean, var = array(*X), ones(4), readonly(ones(4))
    before = x.copy()
    with pytest.raises(ValueError, match="running_var"):
        F.batch_norm(x, mean, var, training=True, out=x)
    assert np.array_equal(x, before)
    assert (mean == 1).all()
    with pytest.raises(ValueError, match="running_var"):
        F.instance_norm(x, mean, var, out=x)
    assert np.array_equal(x, before)
    assert (mean == 1).all()


@pytest.mark.parametrize("eps", [float("nan"), float("inf"), -1.0])
def test_odd_eps_does_not_crash(eps: float) -> None:
    """As in torch: arithmetic, not an error."""
    x = array(*X)
    for y in (F.layer_norm(x, (3,), eps=eps), F.rms_norm(x, (3,), eps=eps), F.group_norm(x, 2, eps=eps)):
        assert y.shape == X
    assert (cnorm.standardize(x, 1, eps=float("inf")) == 0).all()


@pytest.mark.parametrize("eps", [float("nan"), -1.0, -1e-30, np.float32(-1)])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_rows_of_bytes_have_no_negative_eps(eps: float, scale: float | None) -> None:
    """Nor the short way in: a row of NaN would come out as zeros."""
    out = np.full(X, 7, np.int8)
    for norm in (F.layer_norm_int8, F.rms_norm_int8):
        for x in (array(*X), np.asfortranarray(array(*X))):
            with pytest.raises(ValueError, match=r"^eps: expected no negative number"):
                norm(x, (3,), eps=eps, scale=scale, out=out)
    assert (out == 7).all()


def test_empty_arrays_pass() -> None:
    for shape in ((0, 4, 3), (2, 4, 0)):
        x = np.zeros(shape, np.float32)
        assert F.layer_norm(x, shape[-1:]).shape == shape
        assert F.rms_norm(x, shape[-1:]).shape == shape
        assert F.group_norm(x, 2).shape == shape
        assert F.local_response_norm(x, 3).shape == shape
        assert F.normalize(x).shape == shape
        assert F.batch_norm(x, ones(4), ones(4)).shape == shape
        assert F.switchable_norm(x, *logits().values(), ones(4), ones(4)).shape == shape


def switchable(x: Any, mean: Any, var: Any, training: bool) -> Any:
    return F.switchable_norm(x, np.zeros(3), np.zeros(3), mean, var, training=training)


def batch(x: Any, mean: Any, var: Any, training: bool) -> Any:
    return F.batch_norm(x, mean, var, training=training)


def instance(x: Any, mean: Any, var: Any, training: bool) -> Any:
    return F.instance_norm(x, mean, var, use_input_stats=training)


@pytest.mark.parametrize("norm", [batch, instance, switchable])
def test_statistics_that_cannot_be_updated_are_refused(norm: Any) -> None:
    """An update of a list would be lost in its copy; statistics that are only read may be a list."""
    x = np.random.default_rng(0).normal(size=(3, 2, 4))
    running = np.zeros(2), np.ones(2)
    for wrong in range(2):
        given: list[Any] = [value.copy() for value in running]
        given[wrong] = given[wrong].tolist()
        with pytest.raises(TypeError, match=r"running_(mean|var): expected an array to update, got a list"):
            norm(x, *given, True)
        assert all(np.array_equal(g, r) for g, r in zip(given, running, strict=True))
    y = F.batch_norm(x, [0.0, 0.0], [1.0, 1.0], eps=0.0)
    assert np.array_equal(y, x)
