"""layer_norm_int8 and rms_norm_int8: the norm and then the quantization of NumPy, bit for bit."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import processes
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import BFLOAT16, DTYPES, Array
from strategies import GOOD_OUTS, fill, out_case, placed
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm._norms import rows_int8

F32 = np.dtype(np.float32)
SHAPES = ((1, 1), (3, 5), (5, 32), (4, 33), (9, 127), (4, 768), (1030, 9), (300, 768), (2, 5000), (3, 200000))


def quantized(y: Array, axes: Any = -1, scale: Any = None) -> tuple[Array, Array]:
    """The definition."""
    kind: Any = np.float64 if y.dtype == np.float64 else np.float32
    v = y.astype(kind)
    with np.errstate(all="ignore"):
        if scale is None:
            scale = np.max(np.abs(v), axis=axes, keepdims=True) / kind(127)
            scale = np.where(scale == 0, kind(1), scale)
        scale = np.asarray(scale, kind)
        steps = np.rint(v / scale)
        q = np.where(np.isnan(steps), 0, np.clip(steps, -128, 127))
    return q.astype(np.int8), scale


def assert_same(actual: tuple[Array, Array], expected: tuple[Array, Array]) -> None:
    for a, e in zip(actual, expected, strict=True):
        assert (a.dtype, a.shape) == (e.dtype, e.shape)
        assert np.array_equal(a, e, equal_nan=e.dtype.kind == "f")


def parameters(n: int, seed: int = 3) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(1, 0.3, n).astype(np.float32), rng.normal(0, 0.3, n).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@sweep(dtype=DTYPES, threads=[1, 2, 3])
def test_equals_the_two_steps(shape: tuple[int, int], dtype: Any, threads: int) -> None:
    w, b = parameters(shape[1])
    per_row = np.linspace(0.001, 0.05, shape[0])[:, None]
    with cnorm.threads(threads):
        x = fill(shape, dtype, 1)
        for name in ("contiguous", "fortran", "reversed", "strided"):
            laid = LAYOUTS[name](x)
            y, z = F.layer_norm(laid, shape[1:], w, b), F.rms_norm(laid, shape[1:], w)
            for scale in (None, 0.02, per_row):
                assert_same(F.layer_norm_int8(laid, shape[1:], w, b, scale=scale), quantized(y, scale=scale))
                assert_same(F.rms_norm_int8(laid, shape[1:], w, scale=scale), quantized(z, scale=scale))


@given(placed(min_dims=1, max_dims=4, min_side=1), st.data())
def test_any_layout_and_axes(case: Any, data: st.DataObject) -> None:
    x = case.array
    axes = tuple(data.draw(st.lists(st.integers(0, x.ndim - 1), min_size=1, max_size=x.ndim, unique=True)))
    shape = tuple(x.shape[a] for a in axes)
    w = fill(shape, F32, 5)
    y = F.layer_norm(x, shape, w, axis=axes).astype(x.dtype.newbyteorder("="))
    assert_same(F.layer_norm_int8(x, shape, w, axis=axes), quantized(y, axes))
    z = F.rms_norm(x, shape, w, axis=axes, weight_offset=1.0).astype(y.dtype)
    assert_same(F.rms_norm_int8(x, shape, w, axis=axes, weight_offset=1.0), quantized(z, axes))
    assert case.unchanged()


@pytest.mark.parametrize("name", [*GOOD_OUTS, "memory of the input"])
def test_out(name: str) -> None:
    x = fill((6, 40), F32, 2)
    wanted = F.layer_norm_int8(x, (40,))
    if name == "memory of the input":
        memory = x.copy()
        x, out = memory, memory.view(np.int8).reshape(6, 160)[:, 7:47]
    elif name in ("same", "shifted", "reversed", "none"):
        out = np.zeros((6, 40), np.int8)[:, ::-1]
    else:
        found = out_case(name, np.zeros((6, 40), np.int8), (2, 3)).out
        assert found is not None
        out = found
    q, scale = F.layer_norm_int8(x, (40,), out=out)
    assert q is out
    assert_same((q, scale), wanted)
    assert_same(F.layer_norm_int8(fill((6, 40), F32, 2), (40,), out=np.empty((6, 40), np.int8)), wanted)


def test_ties_and_every_byte() -> None:
    """Quotients at and just beside the middle between two bytes: the scale is 1, 0.1 and 3."""
    for scale in (1.0, 0.1, 3.0, 1e-30, 2.0**-127):
        steps = np.arange(-131, 132, dtype=np.float32)[:, None] + np.float32([0, 0.5])
        middle = (steps * np.float32(scale)).ravel()
        wanted = np.concatenate([middle, np.nextafter(middle, -9e9), np.nextafter(middle, 9e9)])
        wanted = wanted.astype(np.float32)
        # rms_norm of ones with eps 0 is the weight.
        x = np.ones((2, wanted.size), np.float32)
        y = F.rms_norm(x, wanted.shape, wanted, 0.0)
        assert np.array_equal(y[0], wanted)
        assert_same(F.rms_norm_int8(x, wanted.shape, wanted, 0.0, scale=scale), quantized(y, scale=scale))
        assert_same(F.rms_norm_int8(x, wanted.shape, wanted, 0.0), quantized(y))


def test_many_quotients() -> None:
    """Where a product with the reciprocal would round to another byte."""
    w = np.random.default_rng(7).normal(0, 1, 300000).astype(np.float32)
    x = np.ones((1, w.size), np.float32)
    y = F.rms_norm(x, w.shape, w, 0.0)
    for scale in np.random.default_rng(8).uniform(0.008, 0.09, 20):
        assert_same(F.rms_norm_int8(x, w.shape, w, 0.0, scale=float(scale)), quantized(y, scale=scale))
    for dtype in (np.dtype(np.float16), BFLOAT16):
        z = F.rms_norm(x.astype(dtype), w.shape, w, 0.0)
        for scale in (1 / 64, 0.02, 3 / 128):
            q = F.rms_norm_int8(x.astype(dtype), w.shape, w, 0.0, scale=scale)
            assert_same(q, quantized(z, scale=scale))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_that_are_not_plain(dtype: Any) -> None:
    x = fill((7, 50), dtype, 4)
    x[1, 3], x[2, 4], x[3, 5], x[4], x[5] = np.nan, np.inf, -np.inf, 0, 7
    q, scale = F.layer_norm_int8(x, (50,))
    assert_same((q, scale), quantized(F.layer_norm(x, (50,))))
    assert np.isnan(scale[1:4]).all()
    assert not q[1:6].any()
    assert (scale[4:6] == 1).all()
    plain = F.layer_norm_int8(x[[0, 6]], (50,))
    assert_same((q[[0, 6]], scale[[0, 6]]), plain)
    for given_scale in (0.02, np.linspace(0.01, 0.2, 7)[:, None]):
        q, _ = F.layer_norm_int8(x, (50,), scale=given_scale)
        assert_same((q, _), quantized(F.layer_norm(x, (50,)), scale=given_scale))
        assert not q[1].any()


def test_infinite_results() -> None:
    x, w = fill((2, 40), np.dtype(np.float16), 4), np.ones(40, np.float32)
    w[3], w[5] = 1e30, -1e30
    y = F.rms_norm(x, (40,), w)
    assert np.isinf(y[:, [3, 5]]).all()
    q, scale = F.rms_norm_int8(x, (40,), w)
    assert np.isinf(scale).all()
    assert not q.any()
    q, _ = F.rms_norm_int8(x, (40,), w, scale=0.05)
    assert np.array_equal(q[:, [3, 5]], np.where(y[:, [3, 5]] > 0, 127, -128))
    assert_same((q, _), quantized(y, scale=0.05))


@pytest.mark.parametrize("tiny", [1e-38, 1e-42, 1e-44, 1.4e-45])
def test_denormal_scales(tiny: float) -> None:
    x, w = np.ones((3, 70), np.float32), (fill((70,), F32, 2) * tiny).astype(np.float32)
    assert_same(F.rms_norm_int8(x, (70,), w, 0.0), quantized(F.rms_norm(x, (70,), w, 0.0)))


def test_mask() -> None:
    x = fill((3, 6, 40), F32, 5)
    for mask in (cnorm.length_mask([40, 17, 3], 40)[:, None], np.arange(6)[:, None] != 2):
        assert_same(F.layer_norm_int8(x, (40,), where=mask), quantized(F.layer_norm(x, (40,), where=mask)))
        y = F.layer_norm(x, (6,), axis=1, where=mask)
        assert_same(F.layer_norm_int8(x, (6,), axis=1, where=mask), quantized(y, 1))


@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (0, 0)])
def test_empty(shape: tuple[int, int]) -> None:
    q, scale = F.layer_norm_int8(np.zeros(shape, np.float32), shape[1:])
    assert (q.shape, q.dtype, scale.shape, scale.dtype) == (shape, np.int8, (shape[0], 1), np.float32)
    assert (scale == 1).all()


def test_memory_of_new_results() -> None:
    x = fill((2, 3, 4, 5), F32, 1)
    assert F.layer_norm_int8(x, (5,))[0].flags.c_contiguous
    assert F.layer_norm_int8(x, (4, 5))[1].shape == (2, 3, 1, 1)
    q, scale = F.layer_norm_int8(x, (3,), axis=1)
    assert q.transpose(0, 2, 3, 1).flags.c_contiguous
    assert scale.shape == (2, 1, 4, 5)


def test_given_scale_is_returned_and_not_shared() -> None:
    x, mine = fill((4, 8), F32, 1), np.full((4, 1), 0.1, np.float32)
    _, scale = F.layer_norm_int8(x, (8,), scale=mine)
    assert np.array_equal(scale, mine)
    assert not np.may_share_memory(scale, mine)
    for one in (0.1, np.float32(0.1), np.array(0.1), [[0.1]]):
        q, scale = F.layer_norm_int8(x, (8,), scale=one)
        assert_same((q, np.squeeze(scale)), F.layer_norm_int8(x, (8,), scale=0.1))


BAD: tuple[tuple[type[Exception], dict[str, Any]], ...] = (
    (ValueError, {"scale": 0.0}),
    (ValueError, {"scale": -1.0}),
    (ValueError, {"scale": np.nan}),
    (ValueError, {"scale": np.inf}),
    (ValueError, {"scale": 1e-60}),
    (ValueError, {"scale": 1e60}),
    (ValueError, {"scale": np.ones((3, 1))}),
    (ValueError, {"scale": np.ones(8)}),
    (ValueError, {"scale": np.ones((1, 4, 1))}),
    (ValueError, {"scale": [[1.0], [0.0], [1.0], [1.0]]}),
    (TypeError, {"scale": "0.1"}),
    (TypeError, {"scale": 1j}),
    (TypeError, {"scale": True}),
    (ValueError, {"granularity": "tensor"}),
    (ValueError, {"granularity": None}),
    (TypeError, {"out": np.zeros((4, 8), np.uint8)}),
    (TypeError, {"out": [0]}),
    (ValueError, {"out": np.zeros((4, 9), np.int8)}),
    (ValueError, {"out": np.broadcast_to(np.zeros(8, np.int8), (4, 8))}),
    (TypeError, {"eps": "x"}),
    (ValueError, {"weight": np.ones(7)}),
)


@pytest.mark.parametrize(("error", "arguments"), BAD, ids=[str(i) for i in range(len(BAD))])
def test_bad_input(error: type[Exception], arguments: dict[str, Any]) -> None:
    x, out = fill((4, 8), F32, 1), np.full((4, 8), 7, np.int8)
    for function in (F.layer_norm_int8, F.rms_norm_int8):
        with pytest.raises(error):
            function(x, (8,), **{"out": out, **arguments})
    assert (out == 7).all()


@pytest.mark.parametrize("name", ["layer_norm_int8", "rms_norm_int8"])
def test_plain_calls_go_the_short_way(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, (w, _) = fill((6, 40), F32, 1), parameters(40)
    out = np.zeros((6, 40), np.int8)
    plain: tuple[dict[str, Any], ...] = ({}, {"scale": 0.1}, {"out": out}, {"weight_offset": 1.0})
    wanted = [getattr(rows_int8, name)(x, (40,), w, **{**p, "out": None}) for p in plain]
    monkeypatch.setattr(rows_int8, name, None)
    for p, expected in zip(plain, wanted, strict=True):
        assert_same(getattr(F, name)(x, (40,), w, **p), expected)
    for care in ({"axis": [1]}, {"scale": np.full(1, 0.1)}, {"out": x.view(np.int8)[:, :40]}):
        with pytest.raises(TypeError, match="NoneType"):
            getattr(F, name)(x, (40,), w, **care)


@sweep(dtype=DTYPES, axis=[0, 1, -2, 3, (1, 3), (0, 2), (2, 3)], order=["C", "F"])
def test_any_axes_go_the_short_way(dtype: Any, axis: Any, order: Any) -> None:
    x = np.asarray(fill((3, 4, 6, 5), dtype, 2), order=order)
    axes = axis if isinstance(axis, tuple) else (axis,)
    sizes = tuple(x.shape[a] for a in axes)
    mask = np.random.default_rng(3).random(x.shape) < 0.7
    kind = np.float64 if x.itemsize == 8 else np.float32
    w = np.linspace(0.5, 2, np.prod(sizes)).reshape(sizes).astype(kind)
    plain: tuple[dict[str, Any], ...] = ({}, {"scale": 0.1}, {"weight_offset": 1.0}, {"where": mask})
    for name in ("layer_norm_int8", "rms_norm_int8"):
        of = plain if name[0] == "l" else plain[:-1]
        careful = getattr(rows_int8, name)
        wanted = [careful(x, sizes, w, axis=axis, **p) for p in of]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rows_int8, name, None)
            got = [getattr(F, name)(x, sizes, w, axis=axis, **p) for p in of]
        for (q, scale), expected in zip(got, wanted, strict=True):
            assert_same((q, scale), expected)
            assert q.strides == expected[0].strides


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_masks_of_any_layout_go_the_short_way(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x, r = fill((3, 4, 6, 5), dtype, 2), np.random.default_rng(3)
    of_elements, of_rows = r.random(x.shape) < 0.7, r.random((3, 4, 1, 1)) < 0.7
    masks = (
        of_elements,
        of_rows,
        r.random((1, 1, 6, 5)) < 0.7,
        of_elements & False,
        np.ones((1, 1, 1, 1), bool),
        r.random((3, 1, 6, 5)) < 0.7,
        r.random((3, 4, 6, 1)) < 0.7,
        np.asfortranarray(of_elements),
        of_elements[::-1, :, ::-1],
    )
    wanted = [rows_int8.layer_norm_int8(x, (6, 5), where=mask) for mask in masks]
    for mask, expected in zip(masks, wanted, strict=True):
        assert_same(F.layer_norm_int8(x, (6, 5), where=mask), expected)
    memory = of_elements.copy()
    assert_same(F.layer_norm_int8(x, (6, 5), where=memory, out=memory.view(np.int8)), wanted[0])
    monkeypatch.setattr(rows_int8, "layer_norm_int8", None)
    for mask, expected in zip(masks, wanted, strict=True):
        out = np.empty(x.shape, np.int8)
        assert_same(F.layer_norm_int8(x, (6, 5), where=mask, out=out), expected)
    with pytest.raises(TypeError, match="NoneType"):  # of fewer axes it needs care
        F.layer_norm_int8(x, (6, 5), where=of_elements[0])


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm"])
def test_signatures_are_those_of_the_float_forms(name: str) -> None:
    ours = inspect.signature(getattr(F, f"{name}_int8")).parameters
    fusions = ("residual", "residual_out", "activation", "eps_mode")
    fusions += ("gate", "gate_activation", "norm_before_gate", "group_size")
    theirs = [p for p in inspect.signature(getattr(F, name)).parameters.values() if p.name not in fusions]
    assert [p for p in ours.values() if p.name not in ("granularity", "scale")] == sorted(
        theirs, key=lambda p: list(ours).index(p.name)
    )
    assert ours["granularity"].default == "row"
    assert ours["scale"].default is None


def bits() -> dict[str, str]:
    return {
        f"{dtype} {shape} {order} {scale}": processes.digest(
            *F.layer_norm_int8(fill(shape, dtype, 1).copy(order), shape[1:], scale=scale)
        )
        for shape in SHAPES
        for dtype in DTYPES
        for order in ("C", "F")
        for scale in (None, 0.02)
    }


@pytest.mark.thorough
def test_instruction_sets_agree() -> None:
    found = processes.bits_of_all_sets(bits)
    assert len(found) == len(SHAPES) * len(DTYPES) * 4
    assert [case for case, digests in found.items() if len(digests) > 1] == []
