"""cnorm.functional against the oracle: dtypes, layouts, parameters of other dtypes, every kind of out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import assume, given
from hypothesis import strategies as st
from operations import LAYOUTS, OPERATIONS, Operation
from reference import DTYPES, Array, assert_close
from strategies import (
    BAD_OUTS,
    GOOD_OUTS,
    Layout,
    Placed,
    fill,
    layouts,
    out_case,
    out_cases,
    placed,
    seeds,
    shapes,
)
from sweep import sweep

import cnorm
import cnorm.functional as F

by_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=repr)


def parameters_of(operation: Operation, shape: tuple[int, ...], dtype: Any, seed: int = 0) -> dict[str, Any]:
    return operation.parameters(shape, dtype, np.random.default_rng(seed))


def checked(operation: Operation, x: Array, p: dict[str, Any], out: Array | None = None) -> Array:
    """The result, compared with the oracle; running statistics are copies, so p stays as it is."""
    expected = operation.expected(x, **p)
    if out is None:
        y = operation.call(x, **{k: np.copy(v) for k, v in p.items()})
    else:
        y = operation.call(x, **{k: np.copy(v) for k, v in p.items()}, out=out)
        assert y is out
    assert type(y) is np.ndarray
    assert y.dtype == x.dtype
    assert_close(y, expected)
    return y


@by_operation
@sweep(dtype=DTYPES, layout=LAYOUTS)
def test_layouts(operation: Operation, dtype: Any, layout: str) -> None:
    x = fill((3, 4, 5, 7), dtype, 1)
    p = parameters_of(operation, x.shape, np.float32)
    laid = LAYOUTS[layout](x)
    y = checked(operation, laid, p)
    assert y.strides == np.empty_like(laid).strides, "memory order is not kept"


@by_operation
@sweep(dtype=DTYPES, parameter_dtype=DTYPES)
def test_mixed_parameter_dtypes(operation: Operation, dtype: Any, parameter_dtype: Any) -> None:
    x = fill((2, 6, 9), dtype, 2)
    checked(operation, x, parameters_of(operation, x.shape, parameter_dtype))


@by_operation
@sweep(
    dtype=DTYPES,
    shape=[(2, 2, 3), (5, 34, 17), (2, 4, 130), (3, 2, 3, 3, 3), (40, 6, 2), (1, 2, 700)],
)
def test_shapes(operation: Operation, dtype: Any, shape: tuple[int, ...]) -> None:
    checked(operation, fill(shape, dtype, 3), parameters_of(operation, shape, dtype))


@by_operation
@given(data=st.data())
def test_nasty_inputs(operation: Operation, data: st.DataObject) -> None:
    shape = data.draw(shapes(3, 5, 1))
    shape = (shape[0], 2 * shape[1], shape[2] + 1, *shape[3:])
    x = data.draw(placed(shape))
    p = parameters_of(operation, shape, np.float32, data.draw(seeds))
    checked(operation, x.array, p)
    assert x.unchanged()


@by_operation
@given(data=st.data())
def test_nasty_parameters(operation: Operation, data: st.DataObject) -> None:
    x = fill((3, 4, 6), np.dtype(data.draw(st.sampled_from(DTYPES))), 4)
    p = parameters_of(operation, x.shape, data.draw(st.sampled_from(DTYPES)))
    guards = {k: Placed(v, data.draw(layouts(v.ndim))) for k, v in p.items()}
    p = {k: g.array.copy() if k.startswith("running") else g.array for k, g in guards.items()}
    expected = operation.expected(x, **{k: np.copy(v) for k, v in p.items()})
    assert_close(operation.call(x, **p), expected)
    assert all(g.unchanged() for g in guards.values())


@by_operation
@given(data=st.data())
def test_out(operation: Operation, data: st.DataObject) -> None:
    case = data.draw(out_cases((3, 4, data.draw(st.integers(2, 40)))))
    values = case.x.copy()
    p = parameters_of(operation, values.shape, np.float32)
    expected = operation.expected(values, **p)
    plain = operation.call(values, **{k: np.copy(v) for k, v in p.items()})
    y = operation.call(case.x, **p, out=case.out)
    assert case.out is None or y is case.out
    assert_close(y, expected)
    assert np.array_equal(y, plain), "out changes the bits of the result"
    assert all(guard.surroundings_intact() for guard in case.guards)


@by_operation
@sweep(name=BAD_OUTS)
def test_refused_out(operation: Operation, name: str) -> None:
    case = out_case(name, fill((3, 4, 5), np.dtype(np.float32), 5), (1, 1, 1))
    p = parameters_of(operation, case.x.shape, np.float32)
    before = {k: v.copy() for k, v in p.items()}
    assert case.error is not None
    with pytest.raises(case.error, match="out"):
        operation.call(case.x, **p, out=case.out)
    assert all(guard.unchanged() for guard in case.guards)
    assert all(np.array_equal(p[k], before[k]) for k in p)


@by_operation
@sweep(name=[n for n in GOOD_OUTS if n != "none"], dtype=DTYPES)
def test_every_out(operation: Operation, name: str, dtype: Any) -> None:
    case = out_case(name, fill((2, 4, 35), dtype, 6), (-1, 2, 3), 5)
    values = case.x.copy()
    p = parameters_of(operation, values.shape, np.float32)
    expected = operation.expected(values, **p)
    assert_close(operation.call(case.x, **p, out=case.out), expected)


@pytest.mark.parametrize("which", ["weight", "bias"])
def test_out_over_a_parameter(which: str) -> None:
    """`out` may share memory with a parameter: the result is as if it did not."""
    x = fill((4, 8), np.dtype(np.float32), 7)
    p = {"weight": np.ones(8, np.float32), "bias": np.zeros(8, np.float32)}
    buffer = np.zeros((4, 8), np.float32)
    buffer[1] = fill((8,), np.dtype(np.float32), 8)
    p[which] = buffer[1]
    expected = R.layer_norm(x, (8,), **{k: v.copy() for k, v in p.items()})
    assert_close(F.layer_norm(x, (8,), **p, out=buffer), expected)


def test_out_over_running_statistics() -> None:
    """Statistics inside `out`: the result is that of the statistics as they were."""
    x = fill((4, 8), np.dtype(np.float32), 9)
    buffer = np.abs(fill((4, 8), np.dtype(np.float32), 10))
    expected, _, _ = R.batch_norm(x, buffer[0].copy(), buffer[3].copy())
    assert_close(F.batch_norm(x, buffer[0], buffer[3], out=buffer), expected)


@sweep(training=[True, False], dtype=DTYPES, statistic=DTYPES)
def test_running_statistics(training: bool, dtype: Any, statistic: Any) -> None:
    x = fill((5, 6, 7), dtype, 11)
    for function, oracle, flag in (
        (F.batch_norm, R.batch_norm, "training"),
        (F.instance_norm, R.instance_norm, "use_input_stats"),
    ):
        mean, var = fill((6,), statistic, 12), np.abs(fill((6,), statistic, 13)) + statistic.type(1)
        expected = oracle(x, mean.copy(), var.copy(), momentum=0.3, **{flag: training})
        y = function(x, mean, var, momentum=0.3, **{flag: training})
        for actual, wanted in zip((y, mean, var), expected, strict=True):
            assert_close(actual, wanted, 2e-6 if dtype != np.float64 else None)


@given(steps=st.sampled_from((2, -1, -3)), swapped=st.booleans())
def test_running_statistics_in_odd_memory(steps: int, swapped: bool) -> None:
    """Updated in place wherever they lie, and nothing beside them."""
    x = fill((5, 6, 7), np.dtype(np.float32), 14)
    values = np.abs(fill((6,), np.dtype(np.float32), 15))
    mean, var = (Placed(values, Layout((0,), (steps,), swapped=swapped)) for _ in range(2))
    _, new_mean, new_var = R.batch_norm(x, values, values, training=True)
    F.batch_norm(x, mean.array, var.array, training=True)
    assert_close(mean.array, new_mean)
    assert_close(var.array, new_var)
    assert mean.surroundings_intact()
    assert var.surroundings_intact()


def test_switchable_running_statistics() -> None:
    x = fill((5, 6, 7), np.dtype(np.float32), 16)
    logits = np.zeros(3, np.float32)
    mean, var = np.zeros((1, 6, 1), np.float32), np.ones((1, 6, 1), np.float32)
    _, new_mean, new_var = R.switchable_norm(x, logits, logits, mean, var, training=True, momentum=0.7)
    F.switchable_norm(x, logits, logits, mean, var, training=True, momentum=0.7)
    assert_close(mean.ravel(), new_mean)
    assert_close(var.ravel(), new_var)
    total = [np.zeros(6, np.float32), np.zeros(6, np.float32)]
    for _ in range(2):
        F.switchable_norm(x, logits, logits, *total, training=True, using_moving_average=False)
    center, spread = (
        v.ravel() for v in R.switchable_norm(x, logits, logits, mean, var, training=True, momentum=0.0)[1:]
    )
    assert_close(total[0], 2 * center)
    assert_close(total[1], 2 * (spread + center**2))


@pytest.mark.parametrize("logits", [2, 3])
def test_switchable_without_batch_statistics(logits: int) -> None:
    x = fill((4, 6, 5), np.dtype(np.float64), 17)
    a, b = fill((logits,), np.dtype(np.float32), 18), fill((logits,), np.dtype(np.float32), 19)
    running = (None, None) if logits == 2 else (np.zeros(6), np.ones(6))
    assert_close(F.switchable_norm(x, a, b, *running), R.switchable_norm(x, a, b, *running)[0])


@pytest.mark.parametrize("training", [True, False])
def test_switchable_two_dimensions(training: bool) -> None:
    x = fill((7, 6), np.dtype(np.float32), 20)
    a, b = fill((2,), np.dtype(np.float32), 21), fill((2,), np.dtype(np.float32), 22)
    mean, var = np.zeros((1, 6), np.float32), np.ones((1, 6), np.float32)
    expected, new_mean, _ = R.switchable_norm(x, a, b, mean, var, training=training)
    assert_close(F.switchable_norm(x, a, b, mean, var, training=training), expected)
    assert_close(mean.ravel(), np.ravel(new_mean))


@sweep(
    p=[0, 0.5, 1, 1.5, 2, 3, 7.0, np.inf, -np.inf, -1, -2.5],
    dtype=DTYPES,
    dim=[0, -1, (0, 2), None, ()],
)
def test_normalize(p: float, dtype: Any, dim: Any) -> None:
    x = fill((3, 4, 5), dtype, 23)
    y = F.normalize(x, p, dim)
    assert_close(y, R.normalize(x, p, None if dim == () else dim))


@sweep(dim=[0, 1, 2, -1, -2, None], dtype=DTYPES)
def test_weight_norm(dim: Any, dtype: Any) -> None:
    v = fill((3, 4, 5), dtype, 24)
    kept = v.shape[dim] if dim not in (-1, None) else 1
    g = fill((kept,), np.dtype(np.float32), 25)
    same = 1 if dim == -2 else dim  # -1 is the norm of the whole array, as in torch
    assert_close(F.weight_norm(v, g, dim), R.weight_norm(v, g, same))
    if dim is not None:
        assert F.weight_norm(v, g, axis=dim).tobytes() == F.weight_norm(v, g, dim).tobytes()


@sweep(size=[1, 2, 3, 5, 8, 30], beta=[0.75, 0.5, 1.0, 2.0], dtype=DTYPES)
def test_local_response_norm(size: int, beta: float, dtype: Any) -> None:
    x = fill((2, 7, 3, 2), dtype, 26)
    expected = R.local_response_norm(x, size, 0.5, beta, 2.0)
    assert_close(F.local_response_norm(x, size, 0.5, beta, 2.0), expected)


@sweep(size=[1, 2, 3, 4, 5, 8, 30], dtype=DTYPES)
def test_cross_map_lrn2d(size: int, dtype: Any) -> None:
    x = fill((2, 9, 3, 2), dtype, 26)
    assert_close(F.cross_map_lrn2d(x, size, 0.5, 0.75, 2.0), R.cross_map_lrn2d(x, size, 0.5, 0.75, 2.0))


@by_operation
@given(data=st.data())
def test_empty_inputs(operation: Operation, data: st.DataObject) -> None:
    """Nothing in, nothing out, same dtype; or a clear refusal (statistics of nothing)."""
    shape = data.draw(shapes(3, 4, 0))
    shape = (shape[0], 2 * shape[1], *shape[2:])
    assume(0 in shape)
    x = np.zeros(shape, data.draw(st.sampled_from(DTYPES)))
    p = parameters_of(operation, shape, np.float32)
    try:
        y = operation.call(x, **p)
    except ValueError:
        return
    assert y.shape == shape
    assert y.dtype == x.dtype


def test_empty_out() -> None:
    """NumPy gives empty arrays strides of 0."""
    out = np.zeros((0, 3, 2), np.float32)
    assert F.layer_norm(out.copy(), (2,), out=out) is out


@pytest.mark.parametrize("eps", [1e-3, 1e-12, 0, 1.0])
def test_eps(eps: float) -> None:
    x = fill((6, 40), np.dtype(np.float32), 27)
    for offset in (0, 100):
        shifted = x + np.float32(offset)
        assert_close(F.layer_norm(shifted, (40,), eps=eps), R.layer_norm(shifted, (40,), eps=eps))
        assert_close(F.rms_norm(shifted, (40,), eps=eps), R.rms_norm(shifted, (40,), eps=eps))
        assert_close(cnorm.standardize(shifted, 1, eps=eps), R.standardize(shifted, 1, eps=eps))
