"""float64 beyond the squares of float64, and p-norms beyond its inverses: right in every norm and layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from operations import LAYOUTS
from reference import DTYPES, Array
from strategies import seeds
from sweep import sweep

import cnorm
import cnorm.functional as F
from cnorm._native import norms

POWERS = [-1070, -1040, -700, -530, -500, 500, 512, 700, 1000, 1020]


def wide_standard(x: Array, axes: Any, shown: Array | bool = True, eps: float = 0) -> Array:
    """(x - mean) / sqrt(var + eps) in long double, 0 where a group has no spread or hides x."""
    w = x.astype(np.longdouble)
    count = np.broadcast_to(shown, x.shape).sum(axes, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(shown, w - np.where(shown, w, 0).sum(axes, keepdims=True) / count, 0)
        root = np.sqrt((apart**2).sum(axes, keepdims=True) / count + np.longdouble(eps))
    return np.where(root > 0, apart / np.where(root > 0, root, 1), 0)


def close(y: Array, wanted: Array) -> bool:
    return bool(np.all(np.abs(y - wanted) <= 1e-13 * np.maximum(1, np.abs(wanted))))


@pytest.mark.parametrize("power", POWERS)
@sweep(layout=LAYOUTS)
def test_standardize(power: int, layout: str) -> None:
    """Some groups ordinary, one constant, one of zeros, the others far beyond: each as if alone."""
    rng = np.random.default_rng(power + 2000)
    for axes in ((2, 3), (0, 2), (1,), (0, 2, 3)):
        x = rng.standard_normal((3, 4, 5, 6))
        x[:, 1] = np.ldexp(x[:, 1], power)
        x[1] = np.ldexp(x[1], power if power < 0 else 0)
        x[:, 2] = 3.0
        x[2, :, 1] = 0
        given = LAYOUTS[layout](x)
        shown = rng.random(x.shape) < 0.7
        assert close(cnorm.standardize(given, axes, eps=0), wide_standard(x, axes))
        assert close(cnorm.standardize(given, axes, eps=1e-300), wide_standard(x, axes, eps=1e-300))
        masked = cnorm.standardize(given, axes, eps=0, where=shown)
        assert close(masked, wide_standard(x, axes, shown))


@pytest.mark.parametrize("power", POWERS)
def test_norms(power: int) -> None:
    x = np.ldexp(np.random.default_rng(1).standard_normal((40, 300)), power)
    w = x.astype(np.longdouble)
    root = np.sqrt((w * w).mean(1, keepdims=True))
    assert close(F.layer_norm(x, (300,), eps=0.0), wide_standard(x, 1))
    assert close(F.rms_norm(x, (300,), eps=0.0), w / root)
    assert close(F.normalize(x, eps=0.0), w / root / np.sqrt(np.longdouble(300)))
    assert close(F.weight_norm(x, np.full(40, 3.0)), 3 * w / root / np.sqrt(np.longdouble(300)))
    assert close(F.group_norm(x, 3, eps=0.0).reshape(40, 3, -1), wide_standard(x.reshape(40, 3, -1), 2))
    spatial = x.reshape(40, 3, 100)
    assert close(F.instance_norm(spatial, eps=0.0), wide_standard(spatial, 2))
    y = F.batch_norm(spatial, None, None, training=True, eps=1e-320)
    assert close(y, wide_standard(spatial, (0, 2), eps=1e-320))


def test_long_groups_and_threads() -> None:
    """Groups that several threads share are read again by one; the bits do not tell."""
    x = np.ldexp(np.random.default_rng(2).standard_normal((3, 400_000)), [[900], [0], [-900]])
    results = []
    for n in (1, 2):
        with cnorm.threads(n):
            results.append(cnorm.standardize(x, 1, eps=0))
    assert close(results[0], wide_standard(x, 1))
    assert results[0].tobytes() == results[1].tobytes()


def test_residual_and_bytes() -> None:
    x = np.ldexp(np.random.default_rng(3).standard_normal((4, 64)), 800)
    y, h = F.layer_norm(x, (64,), residual=x, eps=0.0)
    assert np.array_equal(h, 2 * x)
    assert close(y, wide_standard(h, 1))
    q, scale = F.layer_norm_int8(x, (64,), eps=0.0)
    assert np.array_equal(q, np.rint(F.layer_norm(x, (64,), eps=0.0) / scale))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(bad: float) -> None:
    x = np.array([[1e300, -1e300, 5e299], [bad, 1e300, 1.0]])
    y = cnorm.standardize(x, 1)
    assert close(y[0], wide_standard(x[:1], 1)[0])
    assert np.isnan(y[1]).all()


@sweep(dtype=DTYPES, eps=[1e-80, 1e-120, 1e-300], value=[1.0, -3.0, 1e-3])
def test_constant_groups_with_a_tiny_eps(dtype: Any, eps: float, value: float) -> None:
    """The factor leaves float32's range and would leave that of the elements, too."""
    x = np.full((4, 8), value, dtype)
    assert not F.layer_norm(x, (8,), eps=eps).any()
    assert not cnorm.standardize(x, 0, eps=eps).any()
    assert not F.batch_norm(x, x[0], np.zeros(8), eps=eps).any()
    assert not F.layer_norm(x, (8,), eps=1e300 / eps**0.01).astype(float).any()


@given(
    st.sampled_from([1, 1.5, 3, 7, -1, -2.5, np.inf, -np.inf]),
    st.integers(-1074, 1023),
    st.sampled_from([0.0, 5e-324, 1e-320, 1e-12, 1e10, 1e300]),
    seeds,
)
def test_p_norms(p: float, power: int, eps: float, seed: int) -> None:
    """Magnitudes from denormals to the largest floats; rows of zeros and ordinary rows beside them."""
    rng = np.random.default_rng(seed)
    x = np.vstack([np.ldexp(rng.uniform(0.5, 1, (2, 7)), power), np.zeros((1, 7)), rng.normal(size=(1, 7))])
    with np.errstate(all="ignore"):
        size = np.abs(x.astype(np.longdouble))
        if np.isinf(p):
            norm = (size.max if p > 0 else size.min)(1, keepdims=True)
        else:
            norm = (size ** np.longdouble(p)).sum(1, keepdims=True) ** (1 / np.longdouble(p))
        norm = np.maximum(norm, np.longdouble(eps))
        wanted = np.where(norm == 0, 0, x / np.where(norm == 0, 1, norm))
    within = np.abs(wanted) < np.finfo(float).max
    y = F.normalize(x, p, 1, eps)
    assert np.all(np.abs(y - wanted)[within] <= 1e-14 * np.abs(wanted[within]) + 5e-324)
    assert F.normalize(x[3:], p, 1, eps).tobytes() == y[3:].tobytes()


def test_parameters_that_do_not_fit_are_refused() -> None:
    """The gate itself: what is not there would be read."""
    x, one = np.ones((4, 6)), np.ones((1, 1))
    y = np.full_like(x, 7)
    for name, wrong in {
        "center": (np.ones((3, 1)), one, None, None),
        "scale": (one, np.ones((1, 5)), None, None),
        "weight": (one, one, np.ones((1, 5)), None),
        "bias": (one, one, None, np.ones(6)),
    }.items():
        with pytest.raises(ValueError, match=rf"^{name}: expected a shape"):
            norms.apply(x, y, *wrong)
    with pytest.raises(TypeError, match="expected float64"):
        norms.apply(x, y, one.astype(np.float32), one, None, None)
    assert (y == 7).all()


def test_moments_are_what_a_double_can_hold() -> None:
    mean, var = cnorm.moments(np.array([3e200, 4e200, 3e-200]))
    assert R.wide(mean) == pytest.approx(7e200 / 3)
    assert var == np.inf


@sweep(dtype=[np.float16, np.float32, np.float64])
def test_infinities_about_zero(dtype: Any) -> None:
    """inf / inf is NaN, what is finite beside it 0, as torch has it; NaN takes the whole group."""
    x = np.array([[np.inf, -np.inf, 1], [np.inf, 2, 1], [np.nan, 2, 1], [3, 2, 1]], dtype)
    for y in (F.rms_norm(x, (3,)), F.normalize(x), F.weight_norm(x, np.ones(4, dtype))):
        nan = [[True, True, False], [True, False, False], [True] * 3, [False] * 3]
        np.testing.assert_array_equal(np.isnan(y), nan)
        assert not y[0, 2].any()
        assert not y[1, 1:].any()
    for y in (cnorm.standardize(x, 1), F.layer_norm(x, (3,))):
        np.testing.assert_array_equal(np.isnan(y).all(1), [True, True, True, False])


@sweep(layout=LAYOUTS, power=[-700, 700])
def test_whatever_lies_beside(layout: str, power: int) -> None:
    """A group that is read again has the bits it has alone, its ordinary neighbours those they had."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((3, 4, 25, 30)) + 1
    plain = cnorm.standardize(LAYOUTS[layout](x), (2, 3), eps=0)
    some = rng.random((3, 4)) < 0.6
    mixed = np.where(some[..., None, None], np.ldexp(x, power), x)
    y = cnorm.standardize(LAYOUTS[layout](mixed), (2, 3), eps=0)
    assert np.array_equal(y[~some], plain[~some])
    for i, j in np.argwhere(some):
        alone = cnorm.standardize(np.ldexp(x[i, j], power), (0, 1), eps=0)
        assert np.array_equal(y[i, j], alone)


@sweep(odd=[np.nan, np.inf, -np.inf], length=[700, 20_000], axis=[0, 1])
def test_what_is_odd_far_from_what_overflows(odd: float, length: int, axis: int) -> None:
    """The mean is that of the formulas, though sums of other blocks left the range."""
    x = np.tile([1.7e308, -1.7e308, 1.6e308, 1.5e308], (3, length // 4))
    x[1, -1], x[2, 0] = odd, 1e-300
    x = np.ascontiguousarray(x.T) if axis == 0 else x
    mean, var = cnorm.moments(x, axis)
    wide = x.astype(np.longdouble).sum(axis) / length
    np.testing.assert_allclose(mean, wide.astype(float), rtol=1e-15)
    assert np.isnan(var[1])
    assert np.isinf(var[[0, 2]]).all()
    assert np.isnan(cnorm.standardize(x, axis).take(1, 1 - axis)).all()
    squares = F.rms_norm(np.moveaxis(x, axis, -1), (length,))
    assert np.isnan(squares[1, -1])
    first = x.take(0, 1 - axis).astype(np.longdouble)
    assert close(squares[0], first / np.sqrt((first**2).mean()))
