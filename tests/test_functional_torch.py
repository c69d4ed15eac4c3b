"""Live parity with torch: the same call raises in both or agrees in both, running statistics included."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import BFLOAT16, DTYPES, Array
from strategies import examples, fill, seeds, shapes
from sweep import sweep

import cnorm.functional as F

ml_dtypes, torch = pytest.importorskip("ml_dtypes"), pytest.importorskip("torch")
TF = torch.nn.functional

# Two implementations, each within its own error: torch's rounding is the coarser.
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 2e-5, "float64": 1e-11}


def to_torch(a: Any) -> Any:
    """An array as a tensor on a copy of its memory, strides kept."""
    if not isinstance(a, np.ndarray):
        return a
    a = a.copy("K")
    if a.dtype == BFLOAT16:
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def to_numpy(t: Any) -> Array:
    if t.dtype == torch.bfloat16:
        return np.asarray(t.view(torch.int16).numpy().view(ml_dtypes.bfloat16))
    return np.asarray(t.numpy())


def assert_agree(ours: Array, theirs: Any, dtype: np.dtype[Any]) -> None:
    """As close as the coarsest dtype taking part allows; NaN and inf at the same places."""
    theirs = to_numpy(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    tolerance = max(TOLERANCE[ours.dtype.name], TOLERANCE[dtype.name])
    a, b = ours.astype(np.float64), theirs.astype(np.float64)
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@dataclass
class Call:
    """Arguments of F.name and TF.name."""

    name: str
    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)


def raises_or_agrees(call: Call) -> bool:
    """Runs both; True if both raised. Arguments that torch changes, ours must change alike."""
    dtype = call.args[0].dtype if isinstance(call.args[0], np.ndarray) else np.dtype(np.float32)
    args, keywords = call.args, call.keywords
    before = [a.copy() for a in (*args, *keywords.values()) if isinstance(a, np.ndarray)]
    torch_args = [to_torch(a) for a in args]
    torch_keywords = {k: to_torch(v) for k, v in keywords.items()}
    refused = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = getattr(TF, call.name)(*torch_args, **torch_keywords)
    except Exception:
        refused = True
    if refused:
        with pytest.raises((ValueError, TypeError), match="expected"):
            getattr(F, call.name)(*args, **keywords)
        after = [a for a in (*args, *keywords.values()) if isinstance(a, np.ndarray)]
        for was, is_ in zip(before, after, strict=True):
            assert was.tobytes() == is_.tobytes()
        return True
    ours = getattr(F, call.name)(*args, **keywords)
    assert_agree(ours, theirs, dtype)
    for a, t in zip((*args, *keywords.values()), (*torch_args, *torch_keywords.values()), strict=True):
        if isinstance(a, np.ndarray):
            assert_agree(a, t, dtype)
    return False


SOME_LAYOUTS = ("contiguous", "channels-last", "fortran", "strided", "strided channels")


def per_channel(c: int, dtype: Any, seed: int = 1) -> tuple[Array, Array, Array, Array]:
    """running_mean, running_var, weight, bias."""
    mean, weight, bias = (fill((c,), dtype, seed + i) for i in range(3))
    return mean, np.abs(fill((c,), dtype, seed + 3)) + np.array(1, dtype), weight, bias


def calls(x: Array, dtype: Any) -> list[Call]:
    """The ordinary calls on (N, C, ...), parameters in dtype."""
    mean, var, weight, bias = per_channel(x.shape[1], dtype)
    w, b = fill(x.shape[2:], dtype, 8), fill(x.shape[2:], dtype, 9)
    return [
        Call("layer_norm", (x, x.shape[2:], w, b)),
        Call("layer_norm", (x, list(x.shape[1:])), {"eps": 1e-3}),
        Call("layer_norm", (x, x.shape[-1:], None, fill(x.shape[-1:], dtype, 7))),
        Call("rms_norm", (x, x.shape[2:], w)),
        Call("rms_norm", (x, x.shape[-1:]), {"eps": 0.1}),
        Call("group_norm", (x, 2, weight, bias, 1e-4)),
        Call("group_norm", (x, x.shape[1])),
        Call("group_norm", (x, 1)),
        Call("instance_norm", (x,)),
        Call("instance_norm", (x, mean.copy(), var.copy(), weight, bias), {"momentum": 0.3}),
        Call("instance_norm", (x, mean.copy(), var.copy(), weight, bias, False)),
        Call("batch_norm", (x, mean.copy(), var.copy(), weight, bias)),
        Call("batch_norm", (x, mean.copy(), var.copy(), weight, bias, True, 0.3, 1e-3)),
        Call("batch_norm", (x, None, None), {"training": True}),
        Call("normalize", (x,)),
        Call("normalize", (x, 3.0, -1, 1e-3)),
        Call("normalize", (x, 1.0, (1, 2))),
    ]


@pytest.mark.parametrize("shape", [(3, 4, 6), (3, 4, 5, 6), (2, 4, 3, 3, 5)], ids=str)
@sweep(dtype=DTYPES, layout=SOME_LAYOUTS)
def test_functions(dtype: Any, layout: str, shape: tuple[int, ...]) -> None:
    x = LAYOUTS[layout](fill(shape, dtype, 0))
    for call in calls(x, dtype):
        assert not raises_or_agrees(call), call.name


@sweep(dtype=DTYPES[:2], layout=SOME_LAYOUTS)
def test_low_precision_with_float32_parameters(dtype: Any, layout: str) -> None:
    x = LAYOUTS[layout](fill((3, 4, 5, 6), dtype, 0))
    for call in calls(x, np.float32):
        if call.name != "rms_norm":  # torch multiplies into float32 there; ours keeps the input's dtype
            assert not raises_or_agrees(call), call.name


@sweep(
    dtype=[np.float32, np.float64],  # torch has no 16-bit form
    size=[1, 2, 3, 4, 5, 9, 20],
    shape=[(2, 7, 3), (2, 7, 3, 4), (2, 7, 3, 4, 2), (7, 3, 2)],
)
def test_local_response_norm(dtype: Any, size: int, shape: tuple[int, ...]) -> None:
    x = fill(shape, np.dtype(dtype), 3)
    assert not raises_or_agrees(Call("local_response_norm", (x, size)))
    assert not raises_or_agrees(Call("local_response_norm", (x, size, 0.5, 0.6, 2.0)))


@sweep(size=[1, 2, 3, 4, 5, 9, 20], channels=[1, 3, 7, 12])
def test_cross_map_lrn2d(size: int, channels: int) -> None:
    x = fill((2, channels, 3, 4), np.dtype(np.float32), 3)
    for rest in ((), (0.5, 0.6, 2.0)):
        theirs = torch.nn.CrossMapLRN2d(size, *(rest or (1e-4, 0.75, 1)))(to_torch(x))
        assert_agree(F.cross_map_lrn2d(x, size, *rest), theirs, x.dtype)


@sweep(
    p=[0, 0.5, 1, 2, 3, float("inf"), float("-inf"), -1],
    dim=[0, 1, -1, (0, 2), (0, 1, 2)],
    dtype=DTYPES,
)
def test_normalize(p: float, dim: Any, dtype: Any) -> None:
    x = fill((3, 4, 5), dtype, 4)
    if dtype != np.float16:  # there torch's eps of 1e-12 is 0, and 0/0 NaN
        x[1] = 0
    raises_or_agrees(Call("normalize", (x, p, dim)))


@sweep(dtype=DTYPES, dim=[0, 1, 2])
def test_weight_norm(dtype: Any, dim: int) -> None:
    v, g = (
        fill((3, 4, 5), dtype, 5),
        fill(tuple(n if a == dim else 1 for a, n in enumerate((3, 4, 5))), dtype, 6),
    )
    theirs = torch._weight_norm(to_torch(v), to_torch(g), dim)
    assert_agree(F.weight_norm(v, g, dim), theirs, dtype)


def array(*shape: int, seed: int = 1) -> Array:
    return fill(shape, np.dtype(np.float32), seed)


def ones(n: int) -> Array:
    return np.ones(n, np.float32)


X = (2, 4, 3)


def unusual_calls() -> dict[str, Callable[[], Call]]:
    """Calls at and beyond the edge: torch decides which raise.

    Left out, because ours is better on purpose: 0/0 with eps = 0 (NaN in torch, 0 here), and running
    statistics of instance_norm after an empty batch (NaN in torch, as they were here).
    """
    table: dict[str, Callable[[], Call]] = {}

    def add(name: str, *variants: Callable[[], tuple[Any, ...]], **keywords: Any) -> None:
        for make in variants:
            label = f"{name} {len(table)}"
            table[label] = lambda make=make: Call(name, make(), dict(keywords))

    add(  # normalized_shape and its parameters
        "layer_norm",
        lambda: (array(*X), (4,)),
        lambda: (array(*X), (3, 4)),
        lambda: (array(*X), (2, 4, 3)),
        lambda: (array(*X), (1, 2, 4, 3)),
        lambda: (array(*X), ()),
        lambda: (array(*X), (-1,)),
        lambda: (array(*X), (3,), ones(4)),
        lambda: (array(*X), (3,), None, ones(2)),
        lambda: (array(*X), (3,), ones(1)),
        lambda: (array(*X), (4, 3), ones(3)),
        lambda: (array(*X), (4, 3), ones(12)),
        lambda: (array(*X), (3.0,)),
        lambda: (array(*X), "3"),
        lambda: (array(*X), None),
        lambda: (array(3), (3,)),
        lambda: (array(), ()),
        lambda: (array(), (1,)),
        lambda: (array(0, 3), (3,)),
        lambda: (array(3, 0), (0,)),
        lambda: (array(3, 0), (0,), ones(0)),
        lambda: (array(5, 1), (1,)),
        lambda: (np.arange(6).reshape(2, 3), (3,)),
        lambda: (np.ones((2, 3), bool), (3,)),
        lambda: (np.ones((2, 3), np.complex64), (3,)),
        lambda: (array(2, 3), (3,), np.arange(3)),
    )
    for eps in (0, 0.0, -1.0, 1, float("nan"), "x", None):
        add("layer_norm", lambda eps=eps: (array(*X), (3,), None, None, eps))
    add(
        "rms_norm",
        lambda: (array(*X), (4,)),
        lambda: (array(*X), (4, 3)),
        lambda: (array(*X), ()),
        lambda: (array(*X), (3,), ones(4)),
        lambda: (array(*X), (3,), ones(1)),
        lambda: (array(*X), (3,), None, 0.0),
        lambda: (array(*X), (3,), None, -0.001),
        lambda: (array(), ()),
        lambda: (array(0, 3), (3,)),
        lambda: (array(3, 0), (0,)),
        lambda: (np.zeros((2, 3), np.float32), (3,)),
    )
    add(
        "group_norm",
        lambda: (array(*X), 3),
        lambda: (array(*X), 0),
        lambda: (array(*X), -2),
        lambda: (array(*X), 8),
        lambda: (array(*X), 2.0),
        lambda: (array(*X), None),
        lambda: (array(*X), 2, ones(3)),
        lambda: (array(*X), 2, ones(4), ones(5)),
        lambda: (array(*X), 2, np.ones((4, 1), np.float32)),
        lambda: (array(*X), 2, np.ones((1, 4, 1), np.float32)),
        lambda: (array(4), 2),
        lambda: (array(), 1),
        lambda: (array(2, 4), 2),
        lambda: (array(2, 4), 4),
        lambda: (array(1, 4), 4),
        lambda: (array(1, 4, 1), 4),
        lambda: (array(2, 4, 1), 4),
        lambda: (array(1, 4), 2),
        lambda: (array(0, 4, 3), 2),
        lambda: (array(2, 4, 0), 2),
        lambda: (array(2, 0, 3), 2),
        lambda: (array(*X), 2, None, None, 0.0),
        lambda: (array(*X), 2, None, None, -1e-3),
    )
    add(
        "batch_norm",
        lambda: (array(*X), None, None),
        lambda: (array(*X), ones(4), None),
        lambda: (array(*X), None, ones(4)),
        lambda: (array(*X), ones(3), ones(4)),
        lambda: (array(*X), ones(4), ones(5)),
        lambda: (array(*X), ones(4).reshape(4, 1), ones(4)),
        lambda: (array(*X), ones(1), ones(1)),
        lambda: (array(*X), ones(4), ones(4), ones(3)),
        lambda: (array(*X), ones(4), ones(4), ones(4), ones(1)),
        lambda: (array(*X), ones(4), ones(4), ones(4).reshape(1, 4)),
        lambda: (array(4), ones(4), ones(4)),
        lambda: (array(), ones(1), ones(1)),
        lambda: (array(2, 4), ones(4), ones(4)),
        lambda: (array(0, 4, 3), ones(4), ones(4)),
        lambda: (array(0, 4, 3), None, None),
        lambda: (array(2, 4, 0), ones(4), ones(4)),
        lambda: (array(2, 0, 3), ones(0), ones(0)),
        lambda: (array(*X), ones(4), -ones(4)),
        lambda: (array(*X), ones(4), 0 * ones(4)),
        lambda: (array(*X), ones(4), ones(4), None, None, False, 0.1, -0.5),
        lambda: (array(*X), ones(4), ones(4), None, None, False, 0.1, 0.0),
        lambda: (array(*X), ones(4), ones(4), None, None, False, None),
    )
    add(
        "batch_norm",
        lambda: (array(*X), ones(4), None),
        lambda: (array(*X), None, ones(4)),
        lambda: (array(*X), ones(3), ones(4)),
        lambda: (array(*X), ones(4), ones(3)),
        lambda: (array(*X), ones(4), ones(4), ones(3)),
        lambda: (array(1, 4), ones(4), ones(4)),
        lambda: (array(1, 4, 1), ones(4), ones(4)),
        lambda: (array(2, 4), ones(4), ones(4)),
        lambda: (array(4), ones(4), ones(4)),
        lambda: (array(0, 4, 3), ones(4), ones(4)),
        lambda: (array(0, 4, 3), None, None),
        lambda: (array(2, 4, 0), ones(4), ones(4)),
        lambda: (array(2, 0, 3), ones(0), ones(0)),
        lambda: (array(*X), ones(4), ones(4), None, None),
        training=True,
    )
    for eps in (0.0, -1.0, 1e-300):
        add("batch_norm", lambda eps=eps: (array(*X), None, None, None, None, True, 0.1, eps))
    for momentum in (0.0, 1.0, 2.0, -1.0, None, "x"):
        add("batch_norm", lambda m=momentum: (array(*X), ones(4), ones(4), None, None, True, m))
        add("instance_norm", lambda m=momentum: (array(*X), ones(4), ones(4), None, None, True, m))
    add(
        "instance_norm",
        lambda: (array(4),),
        lambda: (array(2, 4),),
        lambda: (array(2, 4, 1),),
        lambda: (array(2, 4, 1, 1),),
        lambda: (array(2, 4, 1, 2),),
        lambda: (array(0, 4, 3),),
        lambda: (array(2, 0, 3),),
        lambda: (array(2, 4, 0),),
        lambda: (array(*X), ones(4)),
        lambda: (array(*X), None, ones(4)),
        lambda: (array(*X), ones(3), ones(3)),
        lambda: (array(*X), ones(8), ones(8)),
        lambda: (array(*X), None, None, ones(3)),
        lambda: (array(*X), None, None, ones(8)),
        lambda: (array(*X), None, None, None, ones(5)),
        lambda: (array(*X), None, None, None, None, False),
        lambda: (array(*X), ones(4), ones(4), None, None, False),
        lambda: (array(2, 4, 1), ones(4), ones(4), None, None, False),
        lambda: (array(2, 4), ones(4), ones(4), None, None, False),
        lambda: (array(*X), ones(3), ones(4), None, None, False),
        lambda: (array(*X), None, None, None, None, True, 0.1, 0.0),
        lambda: (array(*X), None, None, None, None, True, 0.1, -1.0),
        lambda: (array(*X), ones(4), ones(4), None, None, False, 0.1, 0.0),
        lambda: (array(*X), ones(4), ones(4), None, None, False, 0.1, -0.5),
    )
    add(
        "local_response_norm",
        lambda: (array(4), 2),
        lambda: (array(2, 4), 2),
        lambda: (array(), 2),
        lambda: (array(*X), 0),
        lambda: (array(*X), -1),
        lambda: (array(*X), 1),
        lambda: (array(0, 4, 3), 3),
        lambda: (array(2, 4, 0), 3),
        lambda: (array(2, 0, 3), 3),
        lambda: (array(*X), 3, 0.0, 0.0, 0.0),
        lambda: (array(*X), 3, -1.0),
        lambda: (array(*X), 3, 1.0, -0.75),
        lambda: (array(*X), 2.5),
        lambda: (array(*X), None),
    )
    add(
        "normalize",
        lambda: (array(*X), 2.0, 3),
        lambda: (array(*X), 2.0, -4),
        lambda: (array(*X), 2.0, (0, 0)),
        lambda: (array(*X), 2.0, (0, -3)),
        lambda: (array(*X), 2.0, ()),
        lambda: (array(*X), 2.0, None),
        lambda: (array(*X), 2.0, 1.0),
        lambda: (array(*X), "x"),
        lambda: (array(3),),
        lambda: (array(3), 2.0, 0),
        lambda: (array(), 2.0, 0),
        lambda: (array(), 2.0, -1),
        lambda: (array(), 2.0, 1),
        lambda: (array(0, 3), 2.0, 0),
        lambda: (array(0, 3), 2.0, 1),
        lambda: (array(3, 0), 2.0, 1),
        lambda: (array(3, 0), float("inf"), 1),
        lambda: (array(0, 3), float("inf"), 1),
        lambda: (array(3, 0), float("-inf"), 1),
        lambda: (array(3, 0), -1.0, 1),
        lambda: (np.zeros((2, 3), np.float32),),
        lambda: (array(*X), 2.0, 1, -1.0),
        lambda: (array(*X), 2.0, 1, 100.0),
        lambda: (np.arange(6).reshape(2, 3),),
    )
    return table


UNUSUAL = unusual_calls()


@sweep(label=UNUSUAL)
def test_unusual_calls(label: str) -> None:
    raises_or_agrees(UNUSUAL[label]())


def test_the_table_has_both_kinds() -> None:
    """The table would prove little if torch raised everywhere or nowhere."""
    raised = 0
    for make in UNUSUAL.values():
        call = make()
        try:
            getattr(TF, call.name)(*map(to_torch, call.args), **call.keywords)
        except Exception:
            raised += 1
    assert 50 < raised < len(UNUSUAL) - 50


@given(shape=shapes(0, 5), data=st.data(), seed=seeds)
@examples(150)
def test_any_shape(shape: tuple[int, ...], data: st.DataObject, seed: int) -> None:
    """Random shapes, empty and size-1 axes among them: torch raises exactly where we do."""
    # Without channels, or empty in one dimension, torch fails by accident or not at all.
    assume(0 not in shape[:2] if len(shape) < 3 else shape[1] > 0)
    x = fill(shape, np.dtype(np.float32), seed)
    c = shape[1] if len(shape) > 1 else 1
    mean, var, weight, bias = per_channel(c, np.float32)
    dim = data.draw(st.integers(-3, 3)) if shape else 0
    running = (mean, var) if x.size else (None, None)
    affine = (weight, bias) if x.size else (None, None)
    call = data.draw(
        st.sampled_from(
            [
                Call("layer_norm", (x, shape[-1:])),
                Call("layer_norm", (x, shape[1:])),
                Call("rms_norm", (x, shape[-1:])),
                Call("group_norm", (x, data.draw(st.integers(1, 4)))),
                Call("batch_norm", (x, mean, var, weight, bias)),
                Call("batch_norm", (x, mean, var, weight, bias, True)),
                Call("instance_norm", (x, *running, *affine)),
                Call("instance_norm", (x, mean, var, *affine, False)),
                Call("instance_norm", (x,)),
                Call("local_response_norm", (x, data.draw(st.integers(1, 5)))),
                Call("normalize", (x, data.draw(st.sampled_from([1.0, 2.0, 0.0])), dim)),
            ]
        )
    )
    raises_or_agrees(call)


@sweep(dtype=DTYPES, value=[np.nan, np.inf, -np.inf])
def test_not_finite(dtype: Any, value: float) -> None:
    """NaN where torch has NaN (16-bit torch kernels included)."""
    x = fill((3, 4, 6), dtype, 2)
    x[1, 2, 3] = value
    _, _, weight, bias = per_channel(4, dtype)
    for call in (
        Call("layer_norm", (x, (6,))),
        Call("group_norm", (x, 2, weight, bias)),
        Call("instance_norm", (x,)),
        Call("batch_norm", (x, None, None, weight, bias, True)),
        Call("rms_norm", (x, (6,))),
    ):
        assert not raises_or_agrees(call)
