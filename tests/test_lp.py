"""functional.normalize with every exponent, for norms anywhere in the range of a dtype and beyond it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import Array
from strategies import examples, fill, seeds
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm._native import maps
from cnorm._norms import lp

EXPONENTS = [0, 0.5, 1, 1.5, 3, 4, 6, 7, 2000, -1, -2.5, -2000, np.inf, -np.inf]
SIZES = [1e-320, 1e-310, 1e-300, 1e-40, 1e-10, 1.0, 1e10, 1e38, 1e300, 1e307, 1e308]


def divided(x: Array, p: float, eps: float) -> Array:
    """Each row over its norm, in longdouble; 0 over 0 is 0."""
    with np.errstate(all="ignore"):
        size = np.abs(x.astype(np.longdouble))
        extreme = (size.max if p > 0 else size.min)(1, keepdims=True)
        if p == 0:
            norm = np.count_nonzero(size, axis=1, keepdims=True).astype(np.longdouble)
        elif np.isinf(p):
            norm = extreme
        else:
            unit = np.where(extreme > 0, extreme, 1)
            norm = unit * ((size / unit) ** np.longdouble(p)).sum(1, keepdims=True) ** (1 / np.longdouble(p))
        norm = np.maximum(norm, eps)
        return np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm)).astype(x.dtype).astype(np.longdouble)


@examples(300)
@given(
    seeds,
    st.sampled_from([np.float16, np.float32, np.float64]),
    st.sampled_from(EXPONENTS),
    st.sampled_from([0.0, 5e-324, 1e-320, 1e-12, 1e-30, 1e30, 1e300]),
)
def test_rows_of_different_size(seed: int, dtype: Any, p: float, eps: float) -> None:
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        x = (rng.normal(size=(4, rng.integers(1, 9))) * rng.choice(SIZES, (4, 1))).astype(dtype)
    x[~np.isfinite(x)] = 1
    x[rng.random(x.shape) < 0.1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = F.normalize(x, p, 1, eps).astype(np.longdouble)
    wanted = divided(x, p, eps)
    relative = {2: 2e-3, 4: 4e-7, 8: 2e-15}[x.itemsize]
    with np.errstate(invalid="ignore"):
        near = np.abs(y - wanted) <= relative * np.abs(wanted) + 2 * float(np.finfo(dtype).smallest_subnormal)
    assert (near | (y == wanted)).all()


@pytest.mark.parametrize("p", [1, 3, np.inf])
def test_a_row_beyond_float64_costs_the_others_nothing(p: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 8))
    alone = F.normalize(x[:1], p)
    x[1] *= 1e308 / np.abs(x[1]).max()
    x[2] *= 1e-310
    y = F.normalize(x, p, eps=0.0)
    assert np.array_equal(y[:1], alone)
    np.testing.assert_allclose(y[1], F.normalize(x[1] / 1e300, p, 0), rtol=1e-14)


@pytest.mark.parametrize("p", [1, 2, 3.5, np.inf])
@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), (), None], ids=str)
def test_axis_is_dim(p: float, axis: Any) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    dim = 1 if axis is None else axis
    expected, out = F.normalize(x, p, dim), np.empty_like(x)
    np.testing.assert_array_equal(F.normalize(x, p, axis=axis), expected)
    assert F.normalize(x, p, axis=axis, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_axis_refused() -> None:
    x = np.ones((4, 5))
    for arguments, error, message in (
        ({"axis": 2}, ValueError, "axis: expected axes of a 2-dimensional array, got 2"),
        ({"axis": "0"}, TypeError, "axis: expected an int"),
        ({"axis": (0, 0)}, ValueError, "axis: expected different axes"),
        ({"axis": 0, "dim": 0}, TypeError, "axis: expected None beside dim=0, got 0"),
    ):
        with pytest.raises(error, match=message):
            F.normalize(x, **arguments)  # type: ignore[arg-type]


KERNELS = [1, 1.5, 3, 4, 5, 6, 7.5, 2000, np.inf]
ROWS = [[np.inf, -np.inf, 1], [np.nan, 1, 2], [np.inf, np.nan, 1], [np.inf, 1, 2], [1, 2, 3], [0, 0, 0]]


@pytest.mark.parametrize("p", KERNELS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_infinity_stay_in_their_group(p: float, dtype: Any) -> None:
    """inf / inf is NaN, the rest of its group 0; NaN takes its group."""
    x = np.array(ROWS, dtype)
    with np.errstate(all="ignore"):
        y = F.normalize(x, p).astype(float)
    for got, row in zip(y, x.astype(float), strict=True):
        if np.isnan(row).any():
            assert np.isnan(got).all()
        elif np.isinf(row).any():
            np.testing.assert_array_equal(got, np.where(np.isinf(row), np.nan, 0))
        else:
            assert np.isfinite(got).all()
    columns = F.normalize(np.ascontiguousarray(x.T), p, 0).T
    np.testing.assert_allclose(columns.astype(float), y, rtol=2e-3)


@pytest.mark.parametrize("p", KERNELS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("dim", [0, 1, 2, (0, 2), (1, 2), None], ids=str)
def test_layouts_masks_and_threads(p: float, dtype: Any, dim: Any) -> None:
    """What a mask hides is as zeros; long groups are cut into segments, whatever the threads."""
    rng = np.random.default_rng(5)
    for shape in ((5, 7, 3), (2, 3, 9000), (700, 4, 5)):
        x, shown = rng.normal(size=shape).astype(dtype), rng.random(shape) < 0.8
        axes = (0, 1, 2) if dim is None else dim
        size = np.abs(np.where(shown, x, 0).astype(np.longdouble))
        most = size.max(axes, keepdims=True)
        unit = np.where(most > 0, most, 1)
        with np.errstate(under="ignore"):
            total = (
                1 if np.isinf(p) else ((size / unit) ** p).sum(axes, keepdims=True) ** (1 / np.longdouble(p))
            )
        wanted = np.where(shown, x / (unit * np.where(total == 0, 1, total)), 0)
        masked = np.ma.MaskedArray(x, ~shown)
        for laid in (masked, np.ma.MaskedArray(np.asfortranarray(x), ~shown)):
            with cnorm.threads(1):
                alone = np.ma.getdata(F.normalize(laid, p, dim))
            y = np.ma.getdata(F.normalize(laid, p, dim))
            assert y.tobytes() == alone.tobytes()
            rounding = {2: 2e-3, 4: 4e-7, 8: 4e-15}[x.itemsize]
            np.testing.assert_allclose(
                y.astype(float), wanted.astype(float), rtol=rounding, atol=1e-7 * (x.itemsize == 2)
            )


def test_denormals_are_numbers() -> None:
    x = np.array([[3.0, -4.0, 1.0]])
    for dtype in (np.float32, np.float64):
        tiny = x.astype(dtype) * np.finfo(dtype).smallest_subnormal
        np.testing.assert_allclose(F.normalize(tiny, 1, eps=0.0), x / 8, rtol=1e-6)
        np.testing.assert_allclose(F.normalize(tiny, np.inf, eps=0.0), x / 4, rtol=1e-6)


@pytest.mark.parametrize("dim", [0, 1, (0, 2), None])
@sweep(
    dtype=[np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)],
    p=[0.5, 0.01, 0.999],
    eps=[0.0, 1e-12, 0.5],
    size=[1.0, 1e-4, 0.0],
)
def test_below_one_moderate_numbers_take_fewer_steps(
    dim: Any, dtype: np.dtype[Any], p: float, eps: float, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same bits."""
    x = fill((3, 4, 5), dtype, 1) * dtype.type(size)
    quick = F.normalize(x, p, dim, eps)
    if p > 0.1:
        assert (lp._moderate_factors(x, p, (1,), eps) is not None) == (size != 0)
    monkeypatch.setattr(lp, "_moderate_factors", lambda *_: None)
    careful = F.normalize(x, p, dim, eps)
    monkeypatch.undo()
    assert quick.tobytes() == careful.tobytes()


@sweep(dtype=[np.float32, np.float64], shape=[(4, 16), (3, 4, 5), (7,), (2, 300)], p=[0.5, 0.3])
def test_packed_rows_have_the_bits_of_others(dtype: Any, shape: tuple[int, ...], p: float) -> None:
    x = fill(shape, np.dtype(dtype), 1)
    for axes in ((len(shape) - 1,), tuple(range(len(shape)))):
        for a in (x, -0.0 * x + x, x * 1e-3):
            packed, other = maps.shares_of_largest(a, axes), lp._shares_of_largest(a, axes)
            assert packed is not None
            assert other is not None
            assert [v.tobytes() for v in packed] == [v.tobytes() for v in other]
    for bad in (np.nan, np.inf, -np.inf):
        assert maps.shares_of_largest(np.where(x == x.flat[1], bad, x), (len(shape) - 1,)) is None
    assert maps.shares_of_largest(0 * x, (0,) if len(shape) == 1 else (len(shape) - 1,)) is None
