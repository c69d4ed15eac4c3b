"""The stated accuracy: |mean|/std up to 1e6, values near 1e30 and 1e-30, long columns, every layout."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference as R
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from operations import LAYOUTS
from reference import Array, assert_close
from sweep import sweep

import cnorm
import cnorm.functional as F

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
RATIOS = [0.0, 1.0, 1e2, 1e4, 1e6]

# Every norm that centres, by the axes its statistics cover on (N, C, H, W).
NORMS: dict[str, Any] = {
    "layer_norm": (lambda x: F.layer_norm(x, x.shape[1:], eps=0), (1, 2, 3)),
    "instance_norm": (lambda x: F.instance_norm(x, eps=0), (2, 3)),
    "batch_norm": (lambda x: F.batch_norm(x, None, None, training=True, eps=1e-300), (0, 2, 3)),
    "standardize": (lambda x: cnorm.standardize(x, 1, eps=0), 1),
    "standardize_all": (lambda x: cnorm.standardize(x, eps=0), None),
}


def offset_data(shape: tuple[int, ...], ratio: float, scale: float, dtype: Any, seed: int = 0) -> Array:
    """Standard normal + ratio, times scale."""
    values = np.random.default_rng(seed).standard_normal(shape) + ratio
    return np.asarray((values * scale).astype(dtype))


def assert_relative(actual: Any, expected: Any, bound: float, floor: Any = 0) -> None:
    actual, expected = R.wide(actual), np.asarray(expected)
    assert np.all(np.abs(actual - expected) <= bound * np.maximum(np.abs(expected), floor))


@pytest.mark.parametrize("norm", NORMS)
@sweep(dtype=[F32, F64], ratio=RATIOS, layout=LAYOUTS)
def test_offset(dtype: Any, ratio: float, norm: str, layout: str) -> None:
    x = offset_data((3, 12, 9, 11), ratio, 1.0, dtype)
    call, axes = NORMS[norm]
    assert_close(call(LAYOUTS[layout](x)), R.standardize(x, axes, eps=0))


@sweep(dtype=[F32, F64], axis=[None, 0, 1, (2, 3), (0, 2, 3), (1, 3)], layout=LAYOUTS)
def test_moments_with_offset(dtype: Any, axis: Any, layout: str) -> None:
    bound = 1e-6 if dtype == F32 else 1e-12
    for ratio in RATIOS:
        x = offset_data((4, 12, 9, 11), ratio, 1.0, dtype)
        mean, var = cnorm.moments(LAYOUTS[layout](x), axis)
        true_mean, true_var = R.moments(x, axis)
        assert_relative(mean, true_mean, bound, np.sqrt(true_var))
        assert_relative(var, true_var, bound)


@pytest.mark.parametrize("norm", NORMS)
@sweep(scale=[1e30, 1e-18, 1e-30], ratio=[0.0, 1e3], layout=["contiguous", "channels-last"])
def test_extreme_magnitudes(layout: str, ratio: float, scale: float, norm: str) -> None:
    """Squares overflow or vanish in float32; results do not."""
    x = offset_data((3, 12, 9, 11), ratio, scale, F32)
    call, axes = NORMS[norm]
    assert_close(call(LAYOUTS[layout](x)), R.standardize(x, axes, eps=1e-300 if norm == "batch_norm" else 0))
    mean, var = cnorm.moments(x, axes)
    true_mean, true_var = R.moments(x, axes)
    assert_relative(mean, true_mean, 1e-6, np.sqrt(true_var))
    with np.errstate(over="ignore"):
        fits = (true_var > np.finfo(F32).tiny) & (true_var < np.finfo(F32).max)
    assert_relative(np.where(fits, var, 0), np.where(fits, true_var, 0), 1e-6)


@sweep(
    name=["rms_norm", "normalize", "weight_norm", "local_response_norm", "switchable_norm"],
    scale=[1e30, 1e37, 1e-30, 1e-40],
)
def test_extreme_magnitudes_elsewhere(name: str, scale: float) -> None:
    x = offset_data((3, 4, 50), 0.0, scale, F32)
    logits = np.zeros(2, np.float32)
    calls = {
        "rms_norm": (F.rms_norm(x, (50,), eps=0.0), R.rms_norm(x, (50,), eps=0.0)),
        "normalize": (F.normalize(x, 2, -1, eps=0), R.normalize(x, 2, -1, eps=0)),
        "weight_norm": (F.weight_norm(x, np.ones(3)), R.weight_norm(x, np.ones(3))),
        "local_response_norm": (
            F.local_response_norm(x, 3, k=0.0, alpha=1.0, beta=0.5),
            R.local_response_norm(x, 3, k=0.0, alpha=1.0, beta=0.5),
        ),
        "switchable_norm": (
            F.switchable_norm(x, logits, logits, eps=0),
            R.switchable_norm(x, logits, logits, eps=0)[0],
        ),
    }
    assert_close(*calls[name])


@sweep(p=[0.5, 1, 3, 5.0, 30.0, -2], scale=[1e30, 1e-30])
def test_norms_do_not_overflow(p: float, scale: float) -> None:
    x = offset_data((6, 40), 0.0, scale, F32)
    assert_close(F.normalize(x, p, eps=0), R.normalize(x, p, eps=0), 4e-6)


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_denormals(dtype: Any) -> None:
    tiny = np.finfo(dtype).smallest_subnormal
    x = (np.random.default_rng(1).integers(0, 2000, (5, 64)) * tiny).astype(dtype)
    assert np.isfinite(cnorm.standardize(x, 1, eps=0)).all()
    mean, _ = cnorm.moments(x, 1)
    assert np.all(np.abs(R.wide(mean) - R.moments(x, 1)[0]) <= tiny)
    if dtype == F32:
        assert_close(cnorm.standardize(x, 1, eps=0), R.standardize(x, 1, eps=0))
        assert_close(F.rms_norm(x, (64,), eps=0.0), R.rms_norm(x, (64,), eps=0.0))


@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_largest_values(dtype: Any) -> None:
    """The mean of the largest floats is finite; so is what float32 is normalized to."""
    top = np.finfo(dtype).max
    mean, _ = cnorm.moments(np.full(5000, top, dtype))
    assert mean == top
    x = np.array([[top, -top, top, -top]], dtype)
    if dtype == F32:
        assert_close(F.layer_norm(x, (4,)), R.layer_norm(x, (4,)))


def test_float64_overflow_is_infinite() -> None:
    """A variance beyond the largest float64 is inf, as NumPy's, not some finite number."""
    _, var = cnorm.moments(np.array([[1e300, -1e300], [1.0, 3.0]]), 1)
    assert var.tolist() == [np.inf, 1]


@sweep(offset=[0, 1e3, 1e6], outlier=[1e3, -1e6, 1e9], where=[0, -1, 500], axis=[0, 1])
def test_outlier_float64(axis: int, where: int, outlier: float, offset: float) -> None:
    """A pivot taken from an outlier would cost digits; wherever it stands, none are lost."""
    x = offset_data((1000, 6), offset, 1.0, F64)
    x[where] += outlier
    x = np.ascontiguousarray(x.T) if axis else x
    mean, var = cnorm.moments(x, axis)
    true_mean, true_var = R.moments(x, axis)
    assert_relative(mean, true_mean, 1e-12, np.sqrt(true_var))
    assert_relative(var, true_var, 1e-12)
    assert_close(cnorm.standardize(x, axis, eps=0), R.standardize(x, axis, eps=0))


def known(n: int, center: float, step: float, outlier: float) -> tuple[Array, Fraction, Fraction]:
    """Float64 data, outlier first, with its exact mean and variance as fractions."""
    rng = np.random.default_rng(n)
    x = center + rng.integers(-8, 9, n) * step
    x[0] = outlier
    values, counts = np.unique(x, return_counts=True)
    pairs = [(Fraction(float(v)), int(c)) for v, c in zip(values, counts, strict=True)]
    mean = sum(v * c for v, c in pairs) / n
    return x, mean, sum(c * (v - mean) ** 2 for v, c in pairs) / n


@sweep(n=[100, 4096, 100_001], outlier=[0.0, 1e9, -1e12, 1e15])
def test_float64_against_fractions(n: int, outlier: float) -> None:
    x, true_mean, true_var = known(n, 2.0**20, 0.25, outlier)
    for array, axis in ((x, None), (x[:, None].repeat(3, 1), 0)):
        mean, var = cnorm.moments(array, axis)
        for m, v in zip(np.ravel(mean), np.ravel(var), strict=True):
            assert abs(Fraction(float(m)) - true_mean) <= Fraction(1e-12) * abs(true_mean)
            assert abs(Fraction(float(v)) - true_var) <= Fraction(1e-12) * true_var


@pytest.mark.parametrize("axis", [0, 1])
def test_long_columns(axis: int) -> None:
    """A float32 sum of ones stops at 2**24: the mean of more must still be 1."""
    rows = 2**24 + 2**20
    x = np.broadcast_to(np.float32(1), (rows, 1) if axis == 0 else (1, rows))
    mean, var = cnorm.moments(x, axis)
    assert mean.tolist() == [1]
    assert var.tolist() == [0]


def test_long_columns_in_memory() -> None:
    x = np.random.default_rng(2).standard_normal((1_000_000, 2), np.float32) + np.float32(1000)
    mean, var = cnorm.moments(x, 0)
    wide = x.astype(np.float64)
    assert_relative(mean, wide.mean(0), 1e-6)
    assert_relative(var, wide.var(0), 1e-6)
    y = cnorm.standardize(x, 0, eps=0)
    assert_close(y, ((wide - wide.mean(0)) / wide.std(0)).astype(np.longdouble))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(100_000_000, 1), (1, 100_000_000), (50_000_000, 2)], ids=str)
def test_hundred_million_elements(shape: tuple[int, int]) -> None:
    """Each block is a permutation of the same pairs about the centre: mean and variance are known."""
    axis = int(shape[0] == 1)
    block = np.arange(-500_000, 500_000, dtype=np.float64) * 2 + 1
    true_var = float((block**2).mean()) / 2**38
    block = np.random.default_rng(3).permutation(block / 2**19 + 1024).astype(np.float32)
    x = np.resize(block, 100_000_000).reshape(shape)
    mean, var = cnorm.moments(x, axis)
    wide = block.astype(np.float64)
    if min(shape) == 1:
        assert_relative(mean, wide.mean(), 1e-6)
        assert_relative(var, wide.var(), 1e-6)
        assert_relative(var, true_var, 1e-4)
    else:
        columns = wide.reshape(-1, 2)
        assert_relative(mean, columns.mean(0), 1e-6)
        assert_relative(var, columns.var(0), 1e-6)


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
finite_arrays = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=3, max_side=9), elements=finite)


@given(x=finite_arrays, exponent=st.integers(-20, 20), dtype=st.sampled_from(R.DTYPES))
def test_variance_is_never_negative(x: Array, exponent: int, dtype: Any) -> None:
    """For any finite input: moments and norms free of NaN, variance at least 0."""
    with np.errstate(over="ignore"):
        x = np.ldexp(x.astype(np.float64), exponent * (10 if dtype == F64 else 1)).astype(dtype)
    x = np.where(np.isfinite(x), x, np.array(1, dtype))
    for axis in (None, 0, -1):
        mean, var = cnorm.moments(x, axis)
        assert not np.isnan(mean).any()
        assert (var >= 0).all()
        for eps in (0, 1e-5):
            assert not np.isnan(cnorm.standardize(x, axis, eps=eps)).any()
    assert not np.isnan(F.rms_norm(x, x.shape[-1:])).any()
    assert not np.isnan(F.normalize(x, dim=0)).any()


@given(x=finite_arrays)
def test_any_finite_float32_input_is_accurate(x: Array) -> None:
    """Rounded to float32 the oracle itself: whatever the magnitudes, denormals included."""
    assert_close(cnorm.standardize(x, -1, eps=0), R.standardize(x, -1, eps=0))
    assert_close(F.rms_norm(x, x.shape[-1:], eps=0.0), R.rms_norm(x, x.shape[-1:], eps=0.0))


@given(x=finite_arrays, axis=st.sampled_from((None, 0, -1)))
def test_constant_groups_give_zero(x: Array, axis: Any) -> None:
    index = (slice(0, 1) if axis in (None, 0) else slice(None),) + (slice(None),) * (x.ndim - 1)
    if axis is None:
        x = np.full_like(x, x.flat[0])
    elif axis == 0:
        x = np.broadcast_to(x[index], x.shape)
    else:
        x = np.broadcast_to(x[..., :1], x.shape)
    assert not cnorm.standardize(x, axis).any()
    assert not cnorm.standardize(x, axis, eps=0).any()
